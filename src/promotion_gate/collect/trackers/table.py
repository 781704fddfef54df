"""CSV as trackers export it -> rows by column: with a BOM or without, commas, semicolons or tabs, any line ends.

Of columns that have one name, as Jira writes a column for each label, the first that is not empty counts.
"""

import csv
import io
import pathlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promotion_gate.errors import InputError

MAX_BYTES = 1 << 29
"""Of an export: a million issues with their descriptions, and what fits in memory."""

MAX_FIELD = 1 << 24
"""Characters of a field; a description with a log in it has a million."""

DELIMITERS = ",;\t"

if TYPE_CHECKING:
    from _csv import Reader


@dataclass(frozen=True)
class Row:
    """A row: the line on which it begins, and its cells by column; None where it has another number of cells."""

    line: int
    cells: Mapping[str, str] | None


def content(path: pathlib.Path) -> str:
    """Return a file's text. InputError where it cannot be read, is too large, or is no UTF-8 or UTF-16."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: an export is at most {MAX_BYTES >> 20} MiB long")
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start}: no UTF-8; export the table as CSV in UTF-8") from None
    if "\0" in text:
        raise InputError(f"{path}: binary content; a tracker's export as CSV or JSON is expected")
    return text


def rows(path: pathlib.Path, text: str) -> tuple[list[str], Iterator[Row]]:
    """Return the columns of a CSV text and its rows.

    Raises:
        InputError: there is no header, a quote is never closed, or a field is too long; rows raise it as they come.
    """
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    with _broken(path, lines):
        header = [name.strip() for name in next(lines, [])]
    if not any(header):
        raise InputError(f"{path}: empty; a header and a row an issue are expected")
    return header, _rows(path, lines, header)


def _rows(path: pathlib.Path, lines: "Reader", header: list[str]) -> Iterator[Row]:
    while True:
        begin = lines.line_num + 1
        with _broken(path, lines):
            cells = next(lines, None)
        if cells is None:
            return
        if not cells:  # an empty line
            continue
        yield Row(begin, _by_column(header, cells) if len(cells) == len(header) else None)


def _by_column(header: list[str], cells: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=True):
        if not found.get(name):
            found[name] = cell.strip()
    return found


@contextmanager
def _broken(path: pathlib.Path, lines: "Reader") -> Iterator[None]:
    """The limit of a field is the module's: it is set for each row, and put back for other readers."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    except csv.Error as error:
        raise InputError(f"{path}, line {lines.line_num}: no CSV: {error}") from None
    finally:
        csv.field_size_limit(before)
