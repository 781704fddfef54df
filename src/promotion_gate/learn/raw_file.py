"""A raw table's file -> its cells as text, with the line of each row; what is no row is set aside.

CSV is read by the standard library's reader, line by line: it alone says on which line a row starts when a quoted value
spans several, and goes on after a row that it cannot read. Its rows go to Arrow in blocks, so that memory holds text
once. Times for 100,000 rows x 20 columns: about 1 s.
"""

import csv
import gzip
import io
import itertools
import os
import pathlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from promotion_gate.errors import InputError

MAX_LINE = 1 << 20
"""Characters of a line; a longer one is never held in memory whole."""
MAX_TEXT = 1 << 31
"""Characters of a table, unpacked: more is taken for a decompression bomb."""
MAX_COLUMNS = 2_000
BLOCK = 1 << 14
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"


@dataclass(frozen=True)
class Malformed:
    """A row whose shape is wrong: the line it starts on (header is 1), what stands there, and why it is no row."""

    row: int
    value: str
    reason: str


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Attributes:
        columns: header -> Arrow chunked array of large_string, shape (rows,), no nulls: empty is "".
        lines: shape (rows,), the line on which each row starts; the header is line 1. In Parquet, position + 2.
        malformed: rows that have no place in `columns`.
        text: columns that the file itself says hold text, as Parquet does; CSV cannot.
    """

    columns: dict[str, Any]
    lines: npt.NDArray[np.int64]
    malformed: tuple[Malformed, ...] = ()
    text: frozenset[str] = frozenset()

    @classmethod
    def without_rows(cls, columns: Iterable[str]) -> "Cells":
        """Return a table that has a header only."""
        empty = {name: pa.chunked_array([], type=pa.large_string()) for name in columns}
        return cls(empty, np.array([], dtype=np.int64))


def read_cells(path: pathlib.Path) -> Cells:
    """Read `.csv`, `.csv.gz` or `.parquet`. Empty lines of a CSV are no rows.

    Raises:
        InputError: the file is empty, binary, not what its name says, too large, or its header cannot be used.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise InputError(f"{path}: file is empty, expected a header and rows; export the table again")
        return _parquet(path, start) if path.suffix == ".parquet" else _csv(path, start)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte 0x{error.object[error.start]:02x}), expected CSV in UTF-8; save it as UTF-8"
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: broken gzip file ({error}), expected CSV packed by gzip; pack it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the file") from None


def _csv(path: pathlib.Path, start: bytes) -> Cells:
    packed = path.suffix == ".gz"
    if start.startswith(GZIP) != packed:
        expected = "a gzip file" if packed else "plain text"
        raise InputError(f"{path}: not {expected} as its name says; rename it to end in .csv.gz or .csv")
    # The header's line end decides nothing: newline="" leaves every line end to the csv reader.
    with (
        gzip.open(path, "rb") if packed else path.open("rb") as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
    ):
        too_long: set[int] = set()
        reader = csv.reader(_lines(path, text, too_long), strict=True)
        columns = _header(path, reader, too_long)
        blocks: list[list[Any]] = [[] for _ in columns]
        lines: list[int] = []
        malformed: list[Malformed] = []
        rows = _rows(reader, len(columns), too_long, lines, malformed)
        while block := list(itertools.islice(rows, BLOCK)):
            for chunks, cells in zip(blocks, zip(*block, strict=True), strict=True):
                chunks.append(pa.array(cells, type=pa.large_string()))
    tables = {
        name: pa.chunked_array(chunks, type=pa.large_string()) for name, chunks in zip(columns, blocks, strict=True)
    }
    return Cells(tables, np.array(lines, dtype=np.int64), tuple(malformed))


def _lines(path: pathlib.Path, text: io.TextIOWrapper, too_long: set[int]) -> Iterator[str]:
    """Yield the lines; an endless one is skipped piecewise, noted by its number, and leaves an empty line behind."""
    read = 0
    for number in itertools.count(1):
        line = text.readline(MAX_LINE)
        read += len(line)
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            too_long.add(number)
            while (piece := text.readline(MAX_LINE)) and piece[-1] not in "\r\n":
                read = _within_bounds(path, read + len(piece))
            line = "\n"
        if not line:
            return
        _within_bounds(path, read)
        yield line


def _within_bounds(path: pathlib.Path, read: int) -> int:
    if read > MAX_TEXT:
        raise InputError(f"{path}: more than {MAX_TEXT:,} characters, expected a table; split it by project")
    return read


def _header(path: pathlib.Path, reader: Any, too_long: set[int]) -> list[str]:
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise InputError(f"{path}: line 1: header cannot be read ({error}), expected column names") from None
    if too_long:
        raise InputError(f"{path}: line 1 is longer than {MAX_LINE:,} characters, expected column names")
    return _checked_header(path, columns)


def _checked_header(path: pathlib.Path, columns: list[str]) -> list[str]:
    if not any(columns):
        raise InputError(f"{path}: no header, expected column names in line 1; export the table again")
    if len(columns) > MAX_COLUMNS:
        raise InputError(f"{path}: {len(columns):,} columns, expected {MAX_COLUMNS:,} at most")
    if any(ord(character) < 32 or ord(character) == 127 for name in columns for character in name):
        raise InputError(f"{path}: control character in the header, expected text; the file looks binary")
    if "" in columns:
        raise InputError(f"{path}: column {columns.index('') + 1} has no name; name or remove it")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: column {twice[:80]} stands {columns.count(twice)} times in the header; keep one")
    return columns


def _rows(
    reader: Any, width: int, too_long: set[int], lines: list[int], malformed: list[Malformed]
) -> Iterator[list[str]]:
    """Yield rows of the right width and note their lines; others go to `malformed`."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            malformed.append(Malformed(line, "", _csv_reason(str(error), line, reader.line_num)))
            continue
        if len(row) == width and not too_long:
            lines.append(line)
            yield row
        elif any(number in too_long for number in range(line, reader.line_num + 1)):
            malformed.append(Malformed(line, "", f"line longer than {MAX_LINE:,} characters"))
        elif len(row) == width:
            lines.append(line)
            yield row
        elif row:
            malformed.append(Malformed(line, ",".join(row), f"{len(row)} fields, the header has {width}"))


def _csv_reason(error: str, first: int, last: int) -> str:
    if "field limit" in error or "unexpected end" in error:
        span = f" (lines {first} to {last}: a quote that is never closed?)" if last > first else ""
        return f"field longer than {csv.field_size_limit():,} characters or without an end{span}"
    return f"broken quoting: {error}"


def _parquet(path: pathlib.Path, start: bytes) -> Cells:
    if start != PARQUET:
        raise InputError(f"{path}: not a Parquet file as its name says; rename it to end in .csv or .csv.gz")
    try:
        table = pq.ParquetFile(os.fspath(path)).read(use_threads=False)
    except (pa.ArrowException, ValueError, OSError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"{path}: broken Parquet file ({what:.100}); write it again") from None
    columns = _checked_header(path, [str(name).strip() for name in table.column_names])
    cells: dict[str, Any] = {}
    for name, column in zip(columns, table.columns, strict=True):
        try:
            cells[name] = column.cast(pa.large_string()).fill_null("")
        except (pa.ArrowException, ValueError):
            raise InputError(
                f"{path}: column {name}: type {column.type!s:.80}, expected text, numbers or times"
            ) from None
    text = frozenset(name for name, column in zip(columns, table.columns, strict=True) if _is_text(column.type))
    return Cells(cells, np.arange(2, table.num_rows + 2, dtype=np.int64), text=text)


def _is_text(kind: Any) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))
