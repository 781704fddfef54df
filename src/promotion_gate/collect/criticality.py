"""Criticality as a user decrees it, a line a pattern -> rows of the table `criticality`.

    PATTERN SHARE  # reason

A pattern is a module's name or a glob of names, a share is from 0 to 1. A name beats a glob, a longer glob a shorter
one; what no line names is inferred (`learn.features.criticality_of`).
"""

import pathlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from promotion_gate.collect import merging
from promotion_gate.collect.git.naming import plain
from promotion_gate.errors import InputError

TABLE = "criticality.csv"
COLUMNS = ("project", "module", "criticality", "reason")


@dataclass(frozen=True)
class Decree:
    """A line: which modules, how critical (a share, as it was written), and why."""

    pattern: str
    share: str
    reason: str


def read(path: pathlib.Path) -> list[Decree]:
    """Read the decrees of a file.

    Raises:
        InputError: it cannot be read, has no line, or a line is no decree or names a pattern a second time.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found: dict[str, Decree] = {}
    for number, line in enumerate(lines, 1):
        told, _, reason = line.partition("#")
        if not told.strip():
            continue
        pattern, _, share = told.strip().replace("\t", " ").rpartition(" ")
        if not plain(pattern.strip()) or not _is_share(share):
            raise InputError(
                f"{path}, line {number}: PATTERN SHARE is expected, as src/pay/* 0.9, not {told.strip()!r:.80}"
            )
        decree = Decree(pattern.strip(), share, " ".join(reason.split()))
        if decree.pattern in found:
            raise InputError(f"{path}, line {number}: {decree.pattern} is decreed a second time")
        found[decree.pattern] = decree
    if not found:
        raise InputError(f"{path}: no line; PATTERN SHARE is expected in each, as src/pay/* 0.9")
    return list(found.values())


def _is_share(text: str) -> bool:
    try:
        return text.isascii() and 0 <= float(text) <= 1
    except ValueError:
        return False


def idle(decrees: Iterable[Decree], modules: Iterable[str]) -> list[str]:
    """Return the patterns that fit none of the modules."""
    names = list(modules)
    return [one.pattern for one in decrees if not any(fnmatchcase(name, one.pattern) for name in names)]


def put(raw: pathlib.Path, decrees: Iterable[Decree], project: str) -> int:
    """Put decrees in the table, in the place of all of the project's; return the rows of the table.

    Raises:
        InputError: the table is there in another form, or is none.
    """
    new = [
        {"project": project, "module": one.pattern, "criticality": one.share, "reason": one.reason} for one in decrees
    ]
    return merging.put(raw / TABLE, COLUMNS, new, lambda row: row["project"] == project)
