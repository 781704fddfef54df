"""Jira's and Bugzilla's CSV -> issues: both have a row an issue, with a key, a resolution and a priority."""

import pathlib
from collections.abc import Callable, Iterable, Mapping

from promotion_gate.collect.trackers import severity, times
from promotion_gate.collect.trackers.issue import NOT_A_BUG, NOT_FIXED, Export, Issue, Reject, RowError
from promotion_gate.collect.trackers.settings import TableSettings
from promotion_gate.collect.trackers.table import Row
from promotion_gate.errors import InputError

MAX_KEY = 256
NOT_A_BUG_AT_ALL = "enhancement"
"""Bugzilla's severity for what is none."""


def column(header: Iterable[str], names: Iterable[str]) -> str | None:
    """Return the first of the names that a header has, case ignored."""
    known = {name.lower(): name for name in header}
    return next((known[name.lower()] for name in names if name.lower() in known), None)


def demanded(path: pathlib.Path, header: Iterable[str], names: Iterable[str], section: str) -> str:
    """Return the first of the names that a header has; InputError without one."""
    found = column(header, names)
    if found is None:
        expected = " or ".join(map(repr, names))
        raise InputError(f"{path}: the column {expected} is missing; export it, or name yours in {section} of --config")
    return found


def text(cells: Mapping[str, str], name: str) -> str:
    """Return a cell that must tell a name. RowError where it is empty or none."""
    cell = cells[name]
    if not cell or len(cell) > MAX_KEY or not cell.isprintable():
        raise RowError(name, cell, f"a name of 1 to {MAX_KEY} printable characters is expected")
    return cell


def gather(export: Export, rows: Iterable[Row], read: Callable[[Mapping[str, str]], Issue | str]) -> None:
    """Put rows into an export: issues, what is set aside with its reason, and what cannot be read.

    Args:
        export: is filled.
        rows: of the file.
        read: returns the issue of a row's cells, or why it is set aside; RowError where neither can be said.
    """
    first: dict[tuple[str | None, str, str | None], int] = {}
    for row in rows:
        export.rows += 1
        try:
            if row.cells is None:
                raise RowError("", "", "another number of cells than the header")
            one = read(row.cells)
            if isinstance(one, str):
                export.set_aside[one] += 1
                continue
            line = first.setdefault((one.project, one.key, one.module), row.line)
            if line != row.line:
                raise RowError("", one.key, f"duplicate of the row in line {line}")
            export.issues.append(one)
        except RowError as error:
            export.rejects.append(Reject(row.line, error.column, error.value, error.reason))


def read(
    export: Export, path: pathlib.Path, header: list[str], rows: Iterable[Row], settings: TableSettings,
    name: Callable[[str], str], project: str | None,
) -> None:  # fmt: skip
    """Read the rows of a tracker's table into an export.

    Args:
        export: is filled.
        path: of the file, for messages.
        header: its columns.
        rows: its rows.
        settings: of the tracker.
        name: what commits call an issue, by its key; ValueError where that is none.
        project: the only one that the issues may belong to, None where any may.

    Raises:
        InputError: a column is missing.
    """
    names = settings.columns
    where = f"{export.tracker}.columns"
    key, priority, resolution, created = (
        demanded(path, header, wanted, where) for wanted in (names.key, names.priority, names.resolution, names.created)
    )
    kind = column(header, names.type)
    bugs, fixes = ({one.lower() for one in words} for words in (settings.types, settings.resolutions))

    def issue(cells: Mapping[str, str]) -> Issue | str:
        called = text(cells, key)
        try:
            mention = name(called)
        except ValueError:
            raise RowError(key, called, "no key of an issue") from None
        if (kind is not None and cells[kind].lower() not in bugs) or cells[priority].lower() == NOT_A_BUG_AT_ALL:
            return NOT_A_BUG
        if cells[resolution].lower() not in fixes:
            return NOT_FIXED
        how_bad = severity.of_priority(priority, cells[priority], settings.severities)
        when = times.seconds(created, cells[created], settings.dates, settings.timezone)
        return Issue(called, frozenset({mention}), how_bad, when, project=project)

    gather(export, rows, issue)


def jira_name(key: str) -> str:
    """Return what commits call a Jira issue: its key, in capitals. ValueError where it is none."""
    project, dash, number = key.upper().rpartition("-")
    if not (dash and project[:1].isalpha() and number.isdecimal()):
        raise ValueError(key)
    return f"{project}-{int(number)}"


def bugzilla_name(key: str) -> str:
    """Return what commits call a bug: its number. ValueError where it is none."""
    return f"bug {int(key)}"
