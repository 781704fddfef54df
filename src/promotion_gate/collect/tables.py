"""Raw tables on disk: the same rows give the same bytes."""

import csv
import datetime
import gzip
import io
import pathlib
from collections.abc import Iterable, Mapping, Sequence


def utc(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, whole seconds, ending in Z."""
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def cell(value: object) -> str:
    """Return a value as a table shows it: floats with six significant digits, None as nothing."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def encode(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return rows as CSV, sorted by their cells in the order of the columns. KeyError where a row lacks a column."""
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(columns)
    table.writerows(sorted([cell(row[column]) for column in columns] for row in rows))
    return stream.getvalue().encode()


def write(path: pathlib.Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Write a table, gzipped if its name says so, whole or not at all; return the rows written.

    The gzip header carries neither time nor name: they would make equal tables differ.
    """
    rows = list(rows)
    content = encode(columns, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(gzip.compress(content, 9, mtime=0) if path.suffix == ".gz" else content)
    part.replace(path)
    return len(rows)
