"""How each tracker's export is read: its columns, what is a fixed bug, and which severity a priority means."""

import zoneinfo
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from promotion_gate.collect.trackers.issue import WORST_FIRST
from promotion_gate.section import Section

Names = Annotated[tuple[str, ...], Field(min_length=1)]


def _severity(name: str) -> str:
    if name not in WORST_FIRST:
        raise ValueError(f"one of {', '.join(WORST_FIRST)} is expected, not {name!r:.80}")
    return name


Severity = Annotated[str, AfterValidator(_severity)]
Severities = Annotated[Mapping[str, Severity], Field(min_length=1)]


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("the name of a time zone is expected, as Europe/Berlin") from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]


class IssueColumns(Section):
    """Columns of an export; of several names the first that the export has."""

    key: Names
    type: Names
    priority: Names
    resolution: Names
    created: Names


class TableSettings(Section):
    """A tracker that exports CSV. Types, resolutions and priorities are compared without regard to case.

    `types` are bugs; where the export has no such column, all are. `resolutions` are fixes.
    """

    columns: IssueColumns
    types: Names
    resolutions: Names
    severities: Severities
    dates: tuple[str, ...]
    timezone: Zone


class GithubSettings(Section):
    """Issues of GitHub: labels are patterns, compared without regard to case; of several severities the worst counts.

    `reasons` are those of closing that mean a fix; `unlabelled` is the severity of a bug whose labels tell none.
    """

    bugs: Names
    reasons: Names
    severities: Severities
    unlabelled: Severity


class IncidentColumns(Section):
    """Columns of a table of incidents; `resolved` and `project` may be missing there."""

    id: Names
    module: Names
    severity: Names
    occurred: Names
    resolved: Names
    project: Names


class IncidentSettings(Section):
    """A table of incidents that name their module, as on-call services export them."""

    columns: IncidentColumns
    severities: Severities
    dates: tuple[str, ...]
    timezone: Zone
