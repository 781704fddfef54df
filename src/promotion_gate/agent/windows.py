"""What was seen of a version of a module in a window, as the service takes it."""

import datetime as dt
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

REST = "+Inf"
MAX_NAME = 1024
MAX_BUCKETS = 64
"""What the service takes (`operate/ledger/observed.py`)."""


@dataclass(frozen=True)
class Window:
    """Counts from `start` to `end` (whole seconds since 1970); None: not known, which is not zero.

    Attributes:
        latency_buckets: requests by upper bound in seconds, cumulative, of this window alone.
        cpu_seconds: of the module's processes.
        load: of the host, a share.
    """

    project: str
    module: str
    version: str | None
    start: int
    end: int
    requests: float | None = None
    errors: float | None = None
    latency_buckets: Mapping[str, float] | None = None
    cpu_seconds: float | None = None
    load: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the wire's object, without what is not known."""
        told = {
            "project": self.project,
            "module": self.module,
            "version": self.version,
            "window_start": _time(self.start),
            "window_end": _time(self.end),
            "requests": _plain(self.requests),
            "errors": _plain(self.errors),
            "latency_p95_s": None if self.latency_buckets is None else quantile(self.latency_buckets, 0.95),
            "cpu_seconds": None if self.cpu_seconds is None else round(self.cpu_seconds, 3),
            "load": None if self.load is None else round(self.load, 4),
            "latency_buckets": None if self.latency_buckets is None else _plain_all(self.latency_buckets),
        }
        return {name: value for name, value in told.items() if value is not None}


def merged(windows: Iterable[Window]) -> list[Window]:
    """Return one window for each version of a module and span: the service keeps the last it is told of each.

    Counts add up, the greater load counts. Histograms with other bounds add up at the bounds they share.
    """
    found: dict[tuple[str, str, str | None, int, int], Window] = {}
    for one in windows:
        key = one.project, one.module, one.version, one.start, one.end
        known = found.get(key)
        found[key] = one if known is None else _sum(known, one)
    return list(found.values())


def quantile(buckets: Mapping[str, float], q: float) -> float | None:
    """Return the latency in seconds that a share `q` of the requests kept, None without requests.

    Linear within a bucket and the largest finite bound beyond it, as Prometheus' histogram_quantile has it.
    """
    bounds = sorted((float(bound), count) for bound, count in buckets.items())
    if not bounds or not bounds[-1][1]:
        return None
    wanted = q * bounds[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in bounds:
        if math.isinf(bound):
            return lower
        if count >= wanted:
            return round(lower + (bound - lower) * (wanted - below) / (count - below), 6)
        lower, below = bound, count
    return lower


def taken(buckets: Mapping[str, float]) -> dict[str, float] | None:
    """Return a histogram that the service takes; None where its counts are not cumulative.

    Of more than `MAX_BUCKETS` bounds every second, third, .. is left out: the others hold what they held.
    """
    ordered = sorted((bound for bound in buckets if float(bound) > 0), key=float)
    counts = [buckets[bound] for bound in ordered]
    if not ordered or ordered[-1] != REST or counts != sorted(counts) or not all(map(math.isfinite, counts)):
        return None
    step = -(-(len(ordered) - 1) // (MAX_BUCKETS - 1)) or 1
    return {bound: buckets[bound] for bound in (*ordered[:-1][::step], REST)}


def is_name(text: str) -> bool:
    """Tell whether the service takes a text as a name: up to 1,024 characters that can be seen, in normal form C."""
    return (
        0 < len(text) <= MAX_NAME
        and text.isprintable()
        and "\ufffd" not in text
        and unicodedata.is_normalized("NFC", text)
    )


def has_names(window: Window) -> bool:
    """Tell whether the service takes the window's names: for one that it refuses it would refuse the batch."""
    return all(is_name(name) for name in (window.project, window.module, window.version or "-"))


def _sum(one: Window, other: Window) -> Window:
    return replace(
        one,
        requests=_added(one.requests, other.requests),
        errors=_added(one.errors, other.errors),
        cpu_seconds=_added(one.cpu_seconds, other.cpu_seconds),
        load=max((load for load in (one.load, other.load) if load is not None), default=None),
        latency_buckets=_both(one.latency_buckets, other.latency_buckets),
    )


def _added(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other


def _both(one: Mapping[str, float] | None, other: Mapping[str, float] | None) -> Mapping[str, float] | None:
    if one is None or other is None:
        return one or other
    return {bound: one[bound] + other[bound] for bound in one if bound in other}


def _plain(count: float | None) -> float | int | None:
    return int(count) if count is not None and float(count).is_integer() else count


def _plain_all(buckets: Mapping[str, float]) -> dict[str, float | int | None]:
    return {bound: _plain(count) for bound, count in buckets.items()}


def _time(at: int) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
