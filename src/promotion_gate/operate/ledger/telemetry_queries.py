"""What the ledger is asked about telemetry, within one transaction."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, tuple_

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import stamp, unstamp
from promotion_gate.operate.ledger.module_events import Telemetry
from promotion_gate.operate.ledger.queries import PAGE, Queries


@dataclass(frozen=True)
class Mark:
    """A window's place in the order of arrival: the number of the event that told it, then end and start.

    The windows of one batch share the number; a mark by the number alone would cut a batch at a page's end. A batch is
    of one source, so a version's windows in it have no further name.
    """

    sequence: int = 0
    window_end: str = ""
    window_start: str = ""


@dataclass(frozen=True)
class SeenWindow:
    """A window of telemetry, see `module_events.Window`; None: not told.

    Attributes:
        mark: of this window: what `windows` goes on after.
        source: who told it.
        latency_buckets: upper bound in seconds -> requests up to it, ascending by the bound, "+Inf" last.
    """

    mark: Mark
    source: str
    window_start: dt.datetime
    window_end: dt.datetime
    requests: float | None
    errors: float | None
    latency_p95_s: float | None
    cpu_seconds: float | None
    load: float | None
    latency_buckets: Mapping[str, float] | None


class Counted(NamedTuple):
    """What a module's window counted, as `stamp` and JSON wrote it; of all its versions, "" where one is not known."""

    sequence: int
    version: str
    source: str
    window_start: str
    window_end: str
    requests: float | None
    errors: float | None
    latency_buckets: str | None


Batch = tuple[int, list[dict[str, Any]]]
"""Number of the event that told a batch, and its windows as JSON has them."""

START = Mark()
LAST_WINDOWS = 3_000
LAST_BATCHES = 200
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
            source=row.source,
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


def counted(
    queries: Queries, project: str, module: str, *, ends_after: dt.datetime, until: dt.datetime, told_by: int
) -> list[Counted]:
    """Return a module's windows that end in a time, in no order.

    Args:
        queries: of the transaction.
        project: of the module.
        module: its name.
        ends_after: windows that end then or earlier are not meant.
        until: nor are those that end later.
        told_by: nor those that a later event told, or told again.
    """
    query = (
        select(*(_SEEN[name] for name in Counted._fields))
        .where(_SEEN.project == project, _SEEN.module == module)
        .where(_SEEN.window_end > stamp(ends_after), _SEEN.window_end <= stamp(until), _SEEN.sequence <= told_by)
    )
    return [Counted(*row) for row in queries.connection.execute(query)]


def batches(queries: Queries, *, after: int, limit: int) -> list[Batch]:
    """Return a page of telemetry in the order of arrival: the event's number, its windows, each with its source.

    The windows are plain JSON that was checked when it came: reading them as `Telemetry` takes ten times as long.
    """
    found = queries.events(after=after, kinds=(Telemetry.kind,), limit=limit)
    told = ((entry.sequence, json.loads(entry.payload)) for entry in found)
    return [(number, [{**one, "source": batch["source"]} for one in batch["windows"]]) for number, batch in told]


def busiest(queries: Queries, told_by: int) -> list[tuple[str, str]]:
    """Return the modules that had requests lately, project and name, the one with the most first.

    Looked at are the last batches up to the event `told_by`: `LAST_WINDOWS` windows or a little more, `LAST_BATCHES` at
    most.
    """
    table = tables.events.c
    query = (
        select(table.payload)
        .where(table.kind == Telemetry.kind, table.sequence <= told_by)
        .order_by(table.sequence.desc())
        .limit(LAST_BATCHES)
    )
    requests: Counter[tuple[str, str]] = Counter()
    seen = 0
    for payload in queries.connection.execute(query).scalars():
        if seen >= LAST_WINDOWS:
            break
        for window in json.loads(payload)["windows"]:
            requests[window["project"], window["module"]] += window["requests"] or 0
            seen += 1
    return sorted(filter(requests.get, requests), key=lambda key: (-requests[key], key))


def is_unseen(queries: Queries, project: str, module: str, version: str | None, since: dt.datetime) -> bool:
    """Say whether agents tell telemetry, but none since a time of requests to a version, or to an unknown one.

    Where no batch was ever told nobody expects to see anything: then nothing is unseen.
    """
    query = (
        select(_SEEN.sequence)
        .where(_SEEN.project == project, _SEEN.module == module, _SEEN.window_end > stamp(since))
        .where(_SEEN.version.in_(("", version or "")), _SEEN.requests > 0)
        .limit(1)
    )
    if queries.connection.execute(query).first() is not None:
        return False
    return queries.connection.execute(select(tables.telemetry_batches.c.sequence).limit(1)).first() is not None


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
