"""Failures -> failures.csv.gz, collect-rejects.csv with the rows that could not be read, and a report."""

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from promotion_gate.collect import tables
from promotion_gate.collect.trackers.issue import Export
from promotion_gate.collect.trackers.linking import COLUMNS, Linked

FAILURES, REJECTS, REPORT = "failures.csv.gz", "collect-rejects.csv", "collect-failures.json"
REJECT_COLUMNS = ("file", "row", "column", "value", "reason")
MAX_VALUE = 80


def report(export: Export, linked: Linked) -> dict[str, Any]:
    """Return what became of the rows of an export: rows = rejected + set aside + linked + unlinked."""
    unlinked = linked.unlinked.report()
    return {
        "file": export.file,
        "tracker": export.tracker,
        "rows": export.rows,
        "rejected": len(export.rejects),
        "set_aside": dict(sorted(export.set_aside.items())),
        "linked": linked.issues,
        "unlinked": unlinked,
        "failures": len(linked.rows),
        "severities": dict(sorted(linked.severities.items())),
    }


def write(folder: pathlib.Path, found: Sequence[tuple[Export, Linked]]) -> int:
    """Write the table, the rejects and the report, each whole or not at all; return the number of failures.

    Exports may overlap: what two of them tell the same way is written once.
    """
    rows = {tuple(row[column] for column in COLUMNS): row for _, linked in found for row in linked.rows}
    count = tables.write(folder / FAILURES, COLUMNS, rows.values())
    rejects = [
        {"file": export.file, "row": one.row, "column": one.column, "value": _shown(one.value), "reason": one.reason}
        for export, _ in found
        for one in export.rejects
    ]
    tables.write(folder / REJECTS, REJECT_COLUMNS, rejects)
    text = json.dumps([report(*one) for one in found], indent=1, ensure_ascii=False, sort_keys=True)
    part = folder / f"{REPORT}.part"
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / REPORT)
    return count


def lines(told: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of an export's report for a reader."""
    bugs = told["rows"] - told["rejected"] - sum(told["set_aside"].values())
    yield f"{told['file']} ({told['tracker']}): {told['rows']:,} rows, {bugs:,} fixed bugs"
    severities = ", ".join(f"{count:,} {name}" for name, count in told["severities"].items())
    yield f"  linked to modules: {told['linked']:,} ({severities or 'none'}), {told['failures']:,} failures"
    for reason, skipped in told["unlinked"].items():
        more = ", ..." if skipped["count"] > 3 else ""
        yield f"  not linked, {reason}: {skipped['count']:,} ({', '.join(skipped['first'][:3])}{more})"
    for reason, count in told["set_aside"].items():
        yield f"  set aside, {reason}: {count:,}"
    if told["rejected"]:
        yield f"  could not be read: {told['rejected']:,}, see {REJECTS}"


def _shown(value: str) -> str:
    """A value for people: control characters escaped, and short."""
    text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in value[:MAX_VALUE])
    return text if len(value) <= MAX_VALUE else f"{text}…"
