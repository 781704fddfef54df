"""Measured coverage, one file a series and environment -> the table `coverage`."""

import csv
import gzip
import pathlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

from promotion_gate.collect.django import suites

Row = dict[str, str]


def gather(folder: pathlib.Path) -> list[Row]:
    """Return the rows of every coverage_*.csv in a folder. ValueError names a file whose columns are others."""
    rows: list[Row] = []
    for path in sorted(folder.glob("coverage_*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            table = csv.DictReader(stream)
            if tuple(table.fieldnames or ()) != suites.COLUMNS:
                raise ValueError(f"{path}: expected the columns {', '.join(suites.COLUMNS)}")
            rows += table
    return rows


def loaded(rows: Iterable[Row]) -> list[Row]:
    """Leave out modules of which no suite of an environment covered a line: it never loads them, so it says nothing.

    No data is not the same as no coverage: a module that SQLite's tests cannot reach has no row instead of zeros.
    """
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["release"], row["module"], row["environment"]].append(row)
    return [row for group in groups.values() if any(int(row["lines_covered"]) for row in group) for row in group]


def known(rows: Iterable[Row], modules: Collection[tuple[str, str]]) -> Iterator[Row]:
    """Keep rows whose (release, module) is in the table `modules`."""
    return (row for row in rows if (row["release"], row["module"]) in modules)


def replaced(present: Iterable[Row], measured: Iterable[Row]) -> list[Row]:
    """Return what was measured, and of what is present the series and environments that were not measured again."""
    measured = list(measured)
    again = {(row["release"], row["environment"]) for row in measured}
    return [*measured, *(row for row in present if (row["release"], row["environment"]) not in again)]


def present(path: pathlib.Path) -> list[Row]:
    """Return the rows of the table `coverage` as it is; none where there is no such file."""
    if not path.exists():
        return []
    with gzip.open(path, "rt", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def table(measured: Iterable[Row], modules: Collection[tuple[str, str]]) -> tuple[list[Row], Counter[str]]:
    """Return the table `coverage`, and how many rows were left out for which reason."""
    measured = list(measured)
    reached = loaded(measured)
    kept = list(known(reached, modules))
    return kept, Counter({"never loaded": len(measured) - len(reached), "not a module": len(reached) - len(kept)})


def known_modules(raw: pathlib.Path) -> set[tuple[str, str]]:
    """Return the (release, module) pairs of the table `modules` in a folder of raw tables."""
    with gzip.open(raw / "modules.csv.gz", "rt", newline="", encoding="utf-8") as stream:
        return {(row["release"], row["module"]) for row in csv.DictReader(stream)}
