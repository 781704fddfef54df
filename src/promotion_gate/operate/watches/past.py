"""The past of a watch: windows before the promotion, the older ones put together, so that a watch begins at once.

A day of 10 s windows are 8,640 of each module. Sums of five minutes say the same of what is usual, and of how it
scatters between half hours, and are thirty times fewer.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.operate.ledger.telemetry_queries import Counted, counted
from promotion_gate.operate.monitoring.controls import HALF_LIVES
from promotion_gate.operate.monitoring.window import REST, Key, Window
from promotion_gate.operate.watches.windows import of_row

TOGETHER_S = 300
"""Seconds that are put together; half hours are whole numbers of it."""

Stream = tuple[Key, str]
"""A version of a module, "" where it is not known."""


@dataclass
class _Sums:
    requests: float = 0.0
    errors: float = 0.0
    measured: bool = True
    buckets: dict[str, float] = field(default_factory=dict)


def past(
    queries: Queries, watched: Key, controls: Iterable[Key], promoted_at: dt.datetime, hours: float, told_by: int
) -> list[Window]:
    """Return the windows that were told by an event, in the order in which the detector takes them.

    Args:
        queries: of the transaction.
        watched: the module.
        controls: those beside it; of them a quarter of the past is read, after which what is usual is half forgotten.
        promoted_at: of the watched version.
        hours: of the past.
        told_by: number of the event; what came later is not read here.
    """
    since = promoted_at - dt.timedelta(hours=hours)
    lately = promoted_at - dt.timedelta(hours=hours / HALF_LIVES)
    # The last minutes as they came: an event then is seen window by window.
    cut = dt.datetime.fromtimestamp(promoted_at.timestamp() // TOGETHER_S * TOGETHER_S - TOGETHER_S, dt.UTC)
    late = dt.datetime.max.replace(tzinfo=dt.UTC)
    sums: dict[int, dict[Stream, _Sums]] = {}
    fine: list[tuple[int, Window]] = []
    for key, begin in ((watched, since), *((control, lately) for control in controls)):
        for row in counted(queries, *key, ends_after=begin, until=cut, told_by=told_by):
            _add(sums, key, row)
        for row in counted(queries, *key, ends_after=max(begin, cut), until=late, told_by=told_by):
            fine += [(row.sequence, window) for window in of_row(key, row)]
    fine.sort(key=lambda one: (one[0], one[1].end, one[1].start))
    return [*_together(sums), *(window for _, window in fine)]


def _add(sums: dict[int, dict[Stream, _Sums]], key: Key, row: Counted) -> None:
    if row.requests is None or row.errors is None or row.errors > row.requests:
        return
    middle = (unstamp(row.window_start).timestamp() + unstamp(row.window_end).timestamp()) / 2
    of_stream = sums.setdefault(int(middle // TOGETHER_S), {}).setdefault((key, row.version), _Sums())
    of_stream.requests += row.requests
    of_stream.errors += row.errors
    buckets = None if row.latency_buckets is None else json.loads(row.latency_buckets)
    known = of_stream.buckets
    if buckets is None or REST not in buckets or (known and known.keys() != buckets.keys()):
        of_stream.measured = False  # a sum of histograms with other bounds would be no histogram
    else:
        for bound, count in buckets.items():
            known[bound] = known.get(bound, 0.0) + count


def _together(sums: dict[int, dict[Stream, _Sums]]) -> Iterator[Window]:
    for number in sorted(sums):
        start = dt.datetime.fromtimestamp(number * TOGETHER_S, dt.UTC)
        for ((project, module), version), one in sorted(sums[number].items()):
            yield Window(
                project=project,
                module=module,
                version=version or None,
                start=start,
                end=start + dt.timedelta(seconds=TOGETHER_S),
                requests=one.requests,
                errors=one.errors,
                latency_buckets=one.buckets if one.measured else None,
            )
