"""What production showed, as raw tables: failures, telemetry and decisions, for the next `dvc repro` to learn from.

A table that is there keeps all its rows and columns; a row of the ledger replaces one of the same key, the others
follow in the order in which they became known. A second export of the same ledger writes the same bytes. Memory holds
a table.
"""

import csv
import gzip
import io
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from promotion_gate.errors import InputError
from promotion_gate.learn.ingest import SUFFIXES
from promotion_gate.learn.raw_file import read_cells
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.projection import CHUNK
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.schema import CONTRACTS

FAILURES = (*CONTRACTS["failures"].columns, "version", "source", "promotion", "evidence")
TELEMETRY = (*CONTRACTS["telemetry"].columns, "version")
"""The contracts' columns, and further ones."""

DECISIONS = (
    "promotion",
    "project",
    "module",
    "version",
    "level",
    "status",
    "kind",
    "fis",
    "base_coverage",
    "required_coverage",
    "coverage",
    "model_version",
    "policy_version",
    "decided_at",
    "propensity",
    "state",
)
"""Columns of decisions.csv. `kind` says who let the module through or kept it out, `propensity` with which probability
the policy let it through: 1 or 0 by rule, empty where a person decided, so that nobody takes a choice for chance.
"""

Row = dict[str, str]


@dataclass(frozen=True)
class Exported:
    """A table after the export: its file, all its rows, and how many of them the ledger has."""

    file: pathlib.Path
    rows: int
    from_ledger: int


def export(queries: Queries, folder: pathlib.Path) -> list[Exported]:
    """Write failures, telemetry and decisions into a folder of raw tables, each file at once or not at all.

    Args:
        queries: of one state of the ledger.
        folder: made where it is missing.

    Returns:
        the tables of which the ledger has rows; others are left alone.

    Raises:
        InputError: a table that is there cannot be merged: it is broken, Parquet, or lacks a column of its key.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = (
        _merged(folder, "failures", FAILURES, CONTRACTS["failures"].key, _failures(queries)),
        _merged(folder, "telemetry", TELEMETRY, CONTRACTS["telemetry"].key, _telemetry(queries)),
        _merged(folder, "decisions", DECISIONS, ("promotion",), _decisions(queries)),
    )
    return [one for one in done if one is not None]


def _failures(queries: Queries) -> Iterator[Row]:
    table = tables.failures
    for row in _rows(queries, select(table).order_by(table.c.sequence)):
        # Two sources may use the same id: the raw table has one column for both.
        told = {"failure_id": f"{row['source']}:{row['failure_id']}", "evidence": _evidence(row["evidence"])}
        yield _text({**row, **told})


def _evidence(stored: str | None) -> str | None:
    """Words as they were said, an object as its JSON."""
    said = None if stored is None else json.loads(stored)
    return said if isinstance(said, str) else stored


def _telemetry(queries: Queries) -> Iterator[Row]:
    table, key = tables.telemetry, CONTRACTS["telemetry"].key
    windows: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in _rows(queries, select(table).order_by(table.c.sequence, *table.primary_key)):
        window = tuple(row[name] for name in key)
        windows[window] = _of_both(windows[window], row) if window in windows else row
    for row in windows.values():
        yield _text(row)


def _of_both(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Two versions or sources in a window as one row, what the raw table's key names: amounts add up.

    The quantile of all requests lies between those of the versions: the greater is the safe one.
    """

    def joined(name: str, join: Callable[[list[Any]], Any]) -> Any:
        told = [row[name] for row in (one, other) if row[name] is not None]
        return join(told) if told else None

    added = {name: joined(name, sum) for name in ("requests", "errors", "cpu_seconds")}
    greatest = {name: joined(name, max) for name in ("latency_p95_s", "load")}
    versions = dict.fromkeys(name for row in (one, other) for name in row["version"].split(", ") if name)
    return {**one, **added, **greatest, "version": ", ".join(versions)}


def _decisions(queries: Queries) -> Iterator[Row]:
    table = tables.promotions
    for row in _rows(queries, select(table).where(table.c.decided_at.is_not(None)).order_by(table.c.sequence)):
        yield _text({**row, "promotion": row["id"]})


def _rows(queries: Queries, query: Any) -> Iterator[Mapping[str, Any]]:
    for row in queries.connection.execute(query, execution_options={"yield_per": CHUNK}).mappings():
        yield dict(row)


def _text(row: Mapping[str, Any]) -> Row:
    return {name: "" if value is None else _time(name, str(value)) for name, value in row.items()}


def _time(name: str, value: str) -> str:
    """Times without their microseconds where these are 0, as raw tables have them."""
    return value.replace(".000000Z", "Z") if name.endswith(("_at", "_start", "_end")) else value


def _merged(
    folder: pathlib.Path, name: str, columns: tuple[str, ...], key: tuple[str, ...], rows: Iterator[Row]
) -> Exported | None:
    new = {_key(row, key): {column: row[column] for column in columns} for row in rows}
    if not new:
        return None
    file = _file(folder, name)
    header, merged = _existing(file, key)
    header = [*header, *(column for column in columns if column not in header)]
    for one, row in new.items():
        merged[one] = {**merged.get(one, {}), **row}
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(merged.values())
    _replace(file, text.getvalue().encode())
    return Exported(file, len(merged), len(new))


def _file(folder: pathlib.Path, name: str) -> pathlib.Path:
    there = [path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    if len(there) > 1:
        raise InputError(f"{folder}: {' and '.join(path.name for path in there)} are both table {name}; remove one")
    if there and there[0].suffix == ".parquet":
        raise InputError(f"{there[0]}: an export is merged into CSV alone; write the table as {name}.csv")
    return there[0] if there else folder / f"{name}.csv"


def _existing(file: pathlib.Path, key: tuple[str, ...]) -> tuple[list[str], dict[tuple[str, ...], Row]]:
    """Header and rows of a table by key; a further row of the same key keeps its place under a key of its own."""
    if not file.exists():
        return [], {}
    cells = read_cells(file)
    if cells.malformed:
        first = cells.malformed[0]
        raise InputError(f"{file}: line {first.row}: {first.reason}; an export would lose it: correct the file first")
    header = list(cells.columns)
    missing = [name for name in key if name not in header]
    if missing:
        raise InputError(f"{file}: column {missing[0]} is missing, expected {', '.join(key)}")
    rows: dict[tuple[str, ...], Row] = {}
    values = (cells.columns[name].to_pylist() for name in header)
    for number, cell in enumerate(zip(*values, strict=True)):
        row = dict(zip(header, cell, strict=True))
        one = _key(row, key)
        rows[one if one not in rows else (*one, str(number))] = row
    return header, rows


def _key(row: Row, key: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_same_time(row[name]) if name.startswith("window_") else row[name] for name in key)


def _same_time(text: str) -> str:
    """Every way of writing a moment as one; what is no time stays as it is."""
    try:
        return unstamp(text.strip()).isoformat() if text.endswith(("Z", "+00:00")) else text
    except ValueError:
        return text


def _replace(file: pathlib.Path, content: bytes) -> None:
    if file.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    if file.exists() and file.read_bytes() == content:
        return
    part = file.with_name(f".{file.name}.part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
