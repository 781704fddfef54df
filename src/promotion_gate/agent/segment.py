"""A file of the spool: the windows of one look or of several, and what the collectors remember after the last of them.

Its name is the batch id: numbers of its first and last look, number of windows, and chance, so that none comes twice.
"""

import gzip
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promotion_gate.agent.collector import State

SUFFIX = ".json.gz"
MAX_BODY = 900_000
"""Bytes of a request's windows: below 1 MiB, which is what proxies let through when nobody told them otherwise."""

MAX_WINDOWS = 10_000
_NAME = re.compile(r"(\d{12})-(\d{12})-(\d+)-([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True)
class Segment:
    """A segment's name: which looks it holds, and how many windows."""

    first: int
    last: int
    windows: int
    chance: str

    @property
    def name(self) -> str:
        """The batch id."""
        return f"{self.first:012d}-{self.last:012d}-{self.windows}-{self.chance}"

    def holds(self, other: "Segment") -> bool:
        """Tell whether it was put together from the other and more."""
        return self != other and self.first <= other.first and other.last <= self.last


@dataclass(frozen=True)
class Content:
    """What a segment holds; `windows` are JSON objects. `source` is kept: it names the batch together with the id."""

    source: str
    windows: Sequence[dict[str, Any]]
    state: State

    def packed(self) -> bytes:
        """Return the file's bytes."""
        told = {"source": self.source, "windows": self.windows, "state": self.state}
        return gzip.compress(json.dumps(told, separators=(",", ":")).encode(), 1, mtime=0)


def named(first: int, last: int, windows: int) -> Segment:
    """Return a name that never was."""
    return Segment(first, last, windows, secrets.token_hex(8))


def parsed(name: str) -> Segment | None:
    """Return what a file's name says, None where it is no segment's."""
    found = _NAME.fullmatch(name.removesuffix(SUFFIX)) if name.endswith(SUFFIX) else None
    return None if found is None else Segment(int(found[1]), int(found[2]), int(found[3]), found[4])


def unpacked(packed: bytes) -> Content:
    """Return what a file holds. ValueError where it is damaged."""
    try:
        read = json.loads(gzip.decompress(packed))
        return Content(read["source"], read["windows"], read["state"])
    except (OSError, EOFError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"damaged: {type(error).__name__}") from None


def size(content: Content) -> int:
    """Return how many bytes the windows have in a request."""
    return len(_compact(content.windows))


def bodies(segment: Segment, content: Content) -> Iterator[bytes]:
    """Yield the requests that tell a segment, always the same ones: one, but for a look that is too large for that."""
    least = max(-(-size(content) // MAX_BODY), -(-len(content.windows) // MAX_WINDOWS))
    each = -(-len(content.windows) // least)
    for number, start in enumerate(range(0, len(content.windows), each)):
        name = segment.name if least == 1 else f"{segment.name}.{number}"
        told = {"source": content.source, "batch_id": name, "windows": content.windows[start : start + each]}
        yield _compact(told)


def _compact(told: Any) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()
