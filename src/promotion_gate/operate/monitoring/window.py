"""What an agent saw of a module in a few seconds, and which promotion is watched: plain values, checked on entry."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

from promotion_gate.errors import InputError

Key = tuple[str, str]
"""Project and module."""

REST = "+Inf"
"""The bucket that holds all requests, as Prometheus names it."""


@dataclass(frozen=True)
class Window:
    """What was seen of a version of a module from `start` to `end`.

    Attributes:
        project, module: whose.
        version: that was seen; None where the agent cannot tell.
        start, end: aware.
        requests, errors: counts within the window; None where they are not known.
        latency_buckets: requests within the window by upper bound in seconds, cumulative, as Prometheus histograms
            have them: {"0.1": 40, "0.25": 45, "+Inf": 50}. None where they are not known.
        load: of the host, a share; None where it is not known.
        source: the agent that saw it. Those of replicas see the same module at the same time, each its own requests.

    Raises:
        InputError: a time is naive, the end is not after the start, a count is negative or not finite, there are more
            errors than requests, or the buckets are no cumulative histogram.
    """

    project: str
    module: str
    version: str | None
    start: dt.datetime
    end: dt.datetime
    requests: float | None
    errors: float | None
    latency_buckets: Mapping[str, float] | None = None
    load: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end <= self.start:
            raise InputError(f"{self._name()}: start and end must be aware times, the end after the start")
        known = [count for count in (self.requests, self.errors) if count is not None]
        if not all(math.isfinite(count) and count >= 0 for count in known):
            raise InputError(f"{self._name()}: requests and errors must be finite and not negative, not {known}")
        if len(known) == 2 and known[1] > known[0]:
            raise InputError(f"{self._name()}: {known[1]:g} errors of {known[0]:g} requests; there cannot be more")
        if self.latency_buckets is not None and not _is_cumulative(self.latency_buckets):
            raise InputError(
                f"{self._name()}: latency buckets must be counts by upper bound in seconds that never fall, "
                f"with {REST!r} the last"
            )

    def _name(self) -> str:
        return f"window of {self.project}/{self.module} from {self.start.isoformat()}"

    @property
    def key(self) -> Key:
        """Project and module."""
        return self.project, self.module


@dataclass(frozen=True)
class Watch:
    """A promotion that is watched.

    Attributes:
        project, module, version: what was promoted.
        stable: the last stable version, that it is compared with; None where there is none.
        promoted_at, until: of the watch window, aware.
        criticality: of the module, 0 to 1.
    """

    project: str
    module: str
    version: str
    stable: str | None
    promoted_at: dt.datetime
    until: dt.datetime
    criticality: float = 0.0

    def __post_init__(self) -> None:
        if self.promoted_at.tzinfo is None or self.until.tzinfo is None or self.until <= self.promoted_at:
            raise InputError(f"watch of {self.project}/{self.module}: it must end after the promotion, in aware times")
        if not 0 <= self.criticality <= 1:
            raise InputError(f"watch of {self.project}/{self.module}: criticality is 0 to 1, not {self.criticality}")
        if self.stable == self.version:
            raise InputError(f"watch of {self.project}/{self.module}: {self.version} cannot be compared with itself")

    @property
    def key(self) -> Key:
        """Project and module."""
        return self.project, self.module


def _is_cumulative(buckets: Mapping[str, float]) -> bool:
    if REST not in buckets:
        return False
    try:
        bounds = sorted(buckets, key=float)
    except ValueError:
        return False
    finite = bounds[:-1]
    counts = [buckets[bound] for bound in bounds]
    return (
        all(0 < float(bound) < math.inf for bound in finite)
        and all(math.isfinite(count) and count >= 0 for count in counts)
        and counts == sorted(counts)
    )
