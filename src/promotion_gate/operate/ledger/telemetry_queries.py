"""What the ledger is asked about telemetry, within one transaction."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select, tuple_

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import stamp, unstamp
from promotion_gate.operate.ledger.queries import PAGE, Queries


@dataclass(frozen=True)
class Mark:
    """A window's place in the order of arrival: the number of the event that told it, then end and start.

    The windows of one batch share the number; a mark by the number alone would cut a batch at a page's end.
    """

    sequence: int = 0
    window_end: str = ""
    window_start: str = ""


@dataclass(frozen=True)
class SeenWindow:
    """A window of telemetry, see `module_events.Window`; None: not told.

    Attributes:
        mark: of this window: what `windows` goes on after.
        latency_buckets: upper bound in seconds -> requests up to it, ascending by the bound, "+Inf" last.
    """

    mark: Mark
    window_start: dt.datetime
    window_end: dt.datetime
    requests: float | None
    errors: float | None
    latency_p95_s: float | None
    cpu_seconds: float | None
    load: float | None
    latency_buckets: Mapping[str, float] | None


START = Mark()
_SEEN = tables.telemetry.c
_NEWEST_LOAD = (
    select(_SEEN.load, _SEEN.window_end)
    .where(_SEEN.project == bindparam("project"), _SEEN.module == bindparam("module"))
    .where(_SEEN.load.is_not(None), _SEEN.window_end <= bindparam("at"))
    .order_by(_SEEN.window_end.desc(), _SEEN.load.desc())
    .limit(1)
)


def windows(
    queries: Queries, project: str, module: str, version: str | None, *, after: Mark = START, limit: int = PAGE
) -> list[SeenWindow]:
    """Return a page of a module's windows in the order in which they arrived, which is not that of their times.

    A window that is told again arrives again, at its new place alone.

    Args:
        queries: of the transaction.
        project: of the module.
        module: its name.
        version: whose windows are meant; None: those that name no version.
        after: the last page's last mark; `Mark(sequence=n)`: windows of event n and later ones.
        limit: windows of a page.
    """
    table = tables.telemetry
    place = (table.c.sequence, table.c.window_end, table.c.window_start)
    query = (
        select(table)
        .filter_by(project=project, module=module, version=version or "")
        .where(tuple_(*place) > (after.sequence, after.window_end, after.window_start))
        .order_by(*place)
        .limit(limit)
    )
    return [
        SeenWindow(
            mark=Mark(row.sequence, row.window_end, row.window_start),
            window_start=unstamp(row.window_start),
            window_end=unstamp(row.window_end),
            requests=row.requests,
            errors=row.errors,
            latency_p95_s=row.latency_p95_s,
            cpu_seconds=row.cpu_seconds,
            load=row.load,
            latency_buckets=_ascending(row.latency_buckets),
        )
        for row in queries.connection.execute(query)
    ]


def newest_load(queries: Queries, project: str, module: str, at: dt.datetime) -> tuple[float, str] | None:
    """Return a module's newest load (a share) and the end of its window; None: never seen.

    It is the greatest load of the windows that ended last: several versions may have run side by side.

    Args:
        queries: of the transaction.
        project: of the module.
        module: its name.
        at: windows that end later are not looked at.
    """
    asked = {"project": project, "module": module, "at": stamp(at)}
    row = queries.connection.execute(_NEWEST_LOAD, asked).one_or_none()
    return None if row is None else (float(row[0]), str(row[1]))


def _ascending(text: str | None) -> Mapping[str, float] | None:
    if text is None:
        return None
    buckets: dict[str, float] = json.loads(text)
    return dict(sorted(buckets.items(), key=lambda bucket: float(bucket[0])))  # float reads "+Inf"
