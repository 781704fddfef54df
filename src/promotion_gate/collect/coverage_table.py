"""Saved coverage at a revision -> rows of the table `coverage` of a release, beside those of other releases."""

import pathlib

from promotion_gate.collect import merging
from promotion_gate.collect.coverage_saved import Folder, Saved, summed, united
from promotion_gate.schema import AGGREGATE

TABLE = "coverage.csv.gz"
COLUMNS = ("project", "release", "module", "suite", "lines_covered", "lines_total")

Row = dict[str, object]


def rows(folder: Folder, at: Saved, release: str) -> list[Row]:
    """Return a row for each module and suite, and one for the union of its suites.

    A suite has one row, the union of its environments. Stale reports have none, nor have modules of which no report
    holds: no data is not the same as no coverage.
    """
    found: list[Row] = []
    for module in sorted(at.contents):
        standing = folder.standing(module, at, at.revision)
        by_suite: dict[str, list[str]] = {}
        for name, lines in standing.suites.items():
            if lines.version == at.revision and lines.lines_total:
                by_suite.setdefault(name.partition("@")[0], []).append(name)
        groups = {suite: names for suite, names in by_suite.items() if suite != AGGREGATE}
        every = [name for names in by_suite.values() for name in names]
        for suite, names in {**groups, **({AGGREGATE: every} if every else {})}.items():
            lines = summed(united(standing.suites[name].files or {} for name in names))
            key = (at.project, release, module, suite, lines.lines_covered, lines.lines_total)
            found.append(dict(zip(COLUMNS, key, strict=True)))
    return found


def put(raw: pathlib.Path, new: list[Row], project: str, release: str) -> int:
    """Put the rows of a release in the table, in the place of those that it had; return the rows of the table.

    Raises:
        InputError: the table is there in another form, or is none.
    """
    return merging.put(raw / TABLE, COLUMNS, new, lambda row: (row["project"], row["release"]) == (project, release))
