"""Counters that only rise, read now and then: what was counted between two looks.

A series that fell was begun anew: all it shows was counted since (Prometheus' `increase` reads it so). A histogram is
one series: if any bucket fell, all began anew. A series that was not there at the last look began at zero, as its
target was looked at then. A target that was not there then has no past: its first look is where counting begins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from promotion_gate.agent.windows import taken

What = Literal["good", "bad", "requests", "errors", "latency"]
"""Requests that went well, that failed, of which nothing is known; failures, where they have a counter of their own;
requests by latency."""


@dataclass(frozen=True)
class Series:
    """What a series of a target counts. `rest`: its further labels as text. `bound`: of a histogram's bucket."""

    module: str
    version: str | None
    what: What
    rest: str
    bound: str | None = None


Counts = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""Module -> version or "" -> what -> rest -> count, or bound -> count: one look at one target, as JSON."""


@dataclass(frozen=True)
class Seen:
    """What a version of a module did between two looks; None: not told by this target."""

    module: str
    version: str | None
    requests: float | None
    errors: float | None
    latency_buckets: Mapping[str, float] | None


def put(counts: Counts, series: Series, value: float) -> None:
    """Add a sample to a look. Samples of one series add up, as those of several methods without a label for it."""
    kinds = counts.setdefault(series.module, {}).setdefault(series.version or "", {})
    of_kind = kinds.setdefault(series.what, {})
    if series.bound is None:
        of_kind[series.rest] = of_kind.get(series.rest, 0) + value
    else:
        buckets = of_kind.setdefault(series.rest, {})
        buckets[series.bound] = buckets.get(series.bound, 0) + value


def differences(before: Counts, after: Counts, counts_errors: bool) -> Iterator[Seen]:
    """Yield what each version did between two looks at one target.

    Where failures have a counter of their own, it may be ahead of that of the requests by those under way. What is
    ahead is left for the next window: `after` is set back by it.

    Args:
        before: the last look; empty where the target began anew.
        after: this look.
        counts_errors: whether the mapping says what a failure is; else their number is not known.
    """
    for module, versions in after.items():
        for version, kinds in versions.items():
            past = before.get(module, {}).get(version, {})
            risen = {what: _risen(past.get(what, {}), kinds[what]) for what in kinds if what != "latency"}
            of_requests = [risen[what] for what in ("good", "bad", "requests") if what in risen]
            requests = sum(sum(one.values()) for one in of_requests) if of_requests else None
            failures = {**risen.get("errors", {})}
            errors = sum(risen.get("bad", {}).values()) + sum(failures.values()) if counts_errors else None
            if requests is not None and errors is not None and errors > requests:
                _set_back(kinds["errors"], failures, errors - requests)
                errors = requests
            buckets = _histogram(past.get("latency", {}), kinds["latency"]) if "latency" in kinds else None
            yield Seen(module, version or None, requests, errors, buckets)


def rise(before: float | None, after: float) -> float:
    """Return by how much a counter rose; `before` None: it was not there."""
    return after if before is None or after < before else after - before


def _risen(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {rest: rise(before.get(rest), count) for rest, count in after.items()}


def _set_back(kept: dict[str, float], risen: Mapping[str, float], ahead: float) -> None:
    for rest, by in risen.items():
        moved = min(by, ahead)
        kept[rest] -= moved
        ahead -= moved


def _histogram(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the sum of the histograms of a version, at the bounds they share; None where one makes no sense."""
    total: dict[str, float] | None = None
    for rest, buckets in after.items():
        past = before.get(rest, {})
        began_anew = any(buckets[bound] < count for bound, count in past.items() if bound in buckets)
        risen = {bound: count - (0 if began_anew else past.get(bound, 0)) for bound, count in buckets.items()}
        total = risen if total is None else {bound: total[bound] + risen[bound] for bound in total if bound in risen}
    return None if total is None else taken(total)
