"""Range queries over the HTTP API of a Prometheus server: /api/v1/query_range."""

import json
import math
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3
from urllib3.util import parse_url

from promotion_gate.errors import InputError

LARGEST = 256 << 20
"""Bytes of an answer."""

POINTS = 10_000
"""Steps that are asked for at once; a server gives 11,000 a series."""

SECONDS = 120
LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")

Series = Mapping[str, Mapping[int, float]]
"""By the value of a label the figure at each time, seconds since 1970; what is no finite number is not there."""


class Server:
    """A server.

    Args:
        url: as https://host/path, without user, password, query and fragment.
        token: sent as Bearer, over https or to this machine alone.

    Raises:
        InputError: the address is none, or a token would go in the open.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            read = parse_url(url)
        except urllib3.exceptions.LocationParseError:
            raise InputError("--url: an address as https://host/path is expected") from None
        if read.auth or read.query or read.fragment or not read.host or read.scheme not in ("http", "https"):
            raise InputError("--url: an address as https://host/path without user and password is expected")
        if token and read.scheme == "http" and read.host not in LOOPBACK:
            raise InputError(f"--url {url}: https is expected: the token would go in the open")
        self._url = f"{url.rstrip('/')}/api/v1/query_range"
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        self._pool = urllib3.PoolManager(timeout=SECONDS, retries=False)

    def ranges(self, query: str, label: str, first: int, last: int, step: int) -> Series:
        """Return what a query gives at `first`, `first + step` and so on to `last`, by the value of a label.

        Raises:
            InputError: nobody answered, the server refused, several series have one value of the label, or one has
                none.
        """
        found: dict[str, dict[int, float]] = {}
        for begin in range(first, last + 1, POINTS * step):
            end = min(last, begin + (POINTS - 1) * step)
            seen: set[str] = set()
            for name, values in _series(self._asked(query, begin, end, step), label, query):
                if name in seen:
                    raise InputError(
                        f"{query}: several series have {label}={name!r:.80}; begin it with sum by ({label})"
                    )
                seen.add(name)
                found.setdefault(name, {}).update(values)
        return found

    def _asked(self, query: str, begin: int, end: int, step: int) -> Any:
        form = urllib.parse.urlencode({"query": query, "start": begin, "end": end, "step": step}).encode()
        try:
            response = self._pool.request(
                "POST", self._url, body=form, headers=self._headers, redirect=False, preload_content=False
            )
            body = response.read(LARGEST + 1)
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise InputError(f"{self._url}: no answer ({type(error).__name__})") from None
        if len(body) > LARGEST:
            raise InputError(f"{self._url}: the answer has more than {LARGEST >> 20} MiB; ask for a shorter time")
        try:
            read = json.loads(body)
            status, said = read["status"], read.get("error", "no matrix")
            if response.status == 200 and status == "success" and read["data"]["resultType"] == "matrix":
                return read["data"]["result"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            said = "not as Prometheus' HTTP API answers"
        raise InputError(
            f"{self._url}: answered {response.status}: {' '.join(str(said).split())[:200]}; asked: {query}"
        )


def _series(result: Any, label: str, query: str) -> Iterator[tuple[str, dict[int, float]]]:
    """Yield the series of a result by the value of their label."""
    try:
        for one in result:
            if not one["metric"].get(label):
                raise InputError(f"{query}: a series has no label {label}; begin it with sum by ({label})")
            values = {round(float(time)): float(value) for time, value in one["values"]}
            yield str(one["metric"][label]), {time: value for time, value in values.items() if math.isfinite(value)}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise InputError(f"{query}: the answer is no matrix as Prometheus' HTTP API has it") from None
