"""A table of incidents that name their module -> issues that need no commit to be linked."""

import pathlib
from collections.abc import Iterable, Mapping

from promotion_gate.collect.trackers import severity, times
from promotion_gate.collect.trackers.issue import Export, Issue
from promotion_gate.collect.trackers.settings import IncidentSettings
from promotion_gate.collect.trackers.table import Row
from promotion_gate.collect.trackers.tabular import column, demanded, gather, text


def read(
    export: Export, path: pathlib.Path, header: list[str], rows: Iterable[Row], settings: IncidentSettings,
    project: str | None,
) -> None:  # fmt: skip
    """Read incidents into an export; one that is not resolved is a failure all the same.

    Args:
        export: is filled.
        path: of the file, for messages.
        header: its columns.
        rows: its rows.
        settings: of incidents.
        project: whose incidents they are, where the table does not say.

    Raises:
        InputError: a column is missing.
    """
    names = settings.columns
    key, module, priority, occurred = (
        demanded(path, header, wanted, "incidents.columns")
        for wanted in (names.id, names.module, names.severity, names.occurred)
    )
    resolved, owner = column(header, names.resolved), column(header, names.project)

    def seconds(name: str, cells: Mapping[str, str]) -> int:
        return times.seconds(name, cells[name], settings.dates, settings.timezone)

    def incident(cells: Mapping[str, str]) -> Issue:
        how_bad = severity.of_priority(priority, cells[priority], settings.severities)
        until = seconds(resolved, cells) if resolved and cells[resolved] else None
        whose = text(cells, owner) if owner else project
        return Issue(
            text(cells, key), frozenset(), how_bad, seconds(occurred, cells), until, text(cells, module), whose
        )

    gather(export, rows, incident)
