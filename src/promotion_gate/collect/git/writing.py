"""What was mined -> releases.csv, modules.csv.gz, dependencies.csv.gz and a report of what was left out."""

import json
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from promotion_gate.collect import tables
from promotion_gate.collect.git import rows
from promotion_gate.collect.git.mining import Mined
from promotion_gate.errors import InputError

REPORT = "collect-git.json"
COLUMNS = {
    "releases.csv": ("project", "release", "released_at"),
    "modules.csv.gz": rows.COLUMNS,
    "dependencies.csv.gz": ("project", "release", "module", "depends_on"),
}
FORMS = (".csv", ".csv.gz", ".parquet")


def check(folder: pathlib.Path, names: Iterable[str] = tuple(COLUMNS)) -> None:
    """Raise InputError where a table lies in the folder in another form: there would be two of it."""
    for name in names:
        table = name.partition(".")[0]
        for other in (f"{table}{form}" for form in FORMS):
            if other != name and (folder / other).exists():
                raise InputError(f"{folder / other}: {name} is written, and a table may be there once; remove it first")


def write(folder: pathlib.Path, mined: Sequence[Mined]) -> dict[str, int]:
    """Write the tables and the report, each whole or not at all; return the number of rows of each table.

    Raises:
        InputError: there is no module; nothing is written.
    """
    if not any(one.modules for one in mined):
        raise InputError("no module in any release: no source file of a known language is left; see --config, --module")
    written = {}
    for name, columns in COLUMNS.items():
        table = name.partition(".")[0]
        written[name] = tables.write(folder / name, columns, (row for one in mined for row in getattr(one, table)))
    reports = json.dumps([one.report for one in mined], indent=1, ensure_ascii=False, sort_keys=True)
    part = folder / f"{REPORT}.part"
    part.write_text(reports + "\n", encoding="utf-8")
    part.replace(folder / REPORT)
    return written


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a repository's report for a reader."""
    yield f"{report['project']}: {len(report['releases'])} releases"
    commits = ", ".join(f"{count:,} {kind}" for kind, count in report["commits"].items())
    yield f"  commits   {commits}"
    for release in report["releases"]:
        counts = f"{release['modules']:,} modules, {release['dependencies']:,} dependencies"
        yield f"  {release['release']:9} {release['released_at'][:10]} {release['commit'][:12]} {counts}"
    for reason, number in report["imports_without_an_edge"].items():
        yield f"  imports without an edge, {reason}: {number:,}"
    for reason, skipped in report["skipped"].items():
        more = ", ..." if skipped["count"] > 3 else ""
        yield f"  {reason}: {skipped['count']:,} ({', '.join(skipped['first'][:3])}{more})"
    if report["shallow"]:
        yield f"  shallow clone: before {len(report['shallow'])} commits nothing is known; ages and counts begin there"
