"""Rows put into a raw table that holds others, each whole or not at all."""

import csv
import gzip
import io
import pathlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from promotion_gate.collect import tables
from promotion_gate.errors import InputError

FORMS = (".csv", ".csv.gz", ".parquet")

Row = Mapping[str, object]


def put(
    path: pathlib.Path, columns: Sequence[str], new: Iterable[Row], replaces: Callable[[Mapping[str, str]], bool]
) -> int:
    """Put rows into a table, in the place of those that they replace; return the rows of the table.

    Args:
        path: of the table, ends in .csv or .csv.gz.
        columns: of the table, all.
        new: rows.
        replaces: whether a row that is there gives way.

    Raises:
        InputError: the table is there in another form, or is none, or has further columns, which would be lost.
    """
    for form in FORMS:
        other = path.with_name(path.name.partition(".")[0] + form)
        if other != path and other.exists():
            if not _is_empty(other):
                raise InputError(f"{other}: {path.name} is written, and a table may be there once; remove it first")
            other.unlink()
    kept = [row for row in present(path, columns) if not replaces(row)]
    return tables.write(path, columns, [*kept, *new])


def _is_empty(path: pathlib.Path) -> bool:
    """Whether a table is a CSV header without a row."""
    return path.suffix == ".csv" and path.stat().st_size < 1 << 16 and len(path.read_bytes().splitlines()) <= 1


def present(path: pathlib.Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a table, none where there is no file. InputError as `put`."""
    if not path.exists():
        return []
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}; mend it, or remove it") from None
    table = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(table.fieldnames or ()) != tuple(columns):
        raise InputError(f"{path}: the columns {', '.join(columns)} are expected, and no others")
    return list(table)
