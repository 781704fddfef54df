"""One measure of a watch, failed or slow requests: its e-process so far, and since when what speaks loudest began."""

import datetime as dt
from dataclasses import dataclass, field, replace

import numpy as np

from promotion_gate.operate.monitoring import process
from promotion_gate.operate.monitoring.baseline import Tally, upper_bound
from promotion_gate.operate.monitoring.evidence import TILTS, Allowed, Floats, bounded, paired
from promotion_gate.rules import Monitor

PARALLEL_FROM = 0.1
"""The stable version's requests in the same window, by the new one's, from which on the two are compared."""


@dataclass(frozen=True)
class Counts:
    """Requests and bad ones of the new version, and beside it of the stable one."""

    requests: float = 0.0
    bad: float = 0.0
    beside: float = 0.0
    bad_beside: float = 0.0

    def plus(self, other: "Counts") -> "Counts":
        """Return the sums."""
        return Counts(
            self.requests + other.requests,
            self.bad + other.bad,
            self.beside + other.beside,
            self.bad_beside + other.bad_beside,
        )


@dataclass(frozen=True)
class Reference:
    """What the stable version's past allows: rate, bound with tolerance (None: too little past), scatter, tolerance."""

    past: Tally
    bound: float | None
    allowed: Allowed
    dispersion: float


def reference(past: Tally, allowed: Allowed, rules: Monitor) -> Reference:
    """Return what a past allows; without `least_requests` it allows no comparison with it."""
    enough = past.requests >= rules.least_requests
    bound = float(allowed(upper_bound(past, float(rules.false_alarm_rate)))) if enough else None
    return Reference(past, bound, allowed, past.dispersion)


@dataclass(frozen=True)
class Measure:
    """The e-process of a measure, and the likeliest onset.

    The onset is Page's (Continuous inspection schemes, Biometrika 41, 1954): the sum of a tilt's log e-values begins
    anew whenever it falls below 0. The tilt with the largest sum tells since when, and by how much, it seems worse; it
    decides nothing.

    Attributes:
        log_stakes: of each tilt, see process.py.
        sums: of each tilt.
        onsets, since: when each sum began, and what was counted since.
        total: all that was judged.
        tolerated: bad requests that the bound allowed in them, divided by the dispersion.
    """

    log_stakes: tuple[float, ...] = (-np.inf,) * len(TILTS)
    sums: tuple[float, ...] = (0.0,) * len(TILTS)
    onsets: tuple[dt.datetime | None, ...] = (None,) * len(TILTS)
    since: tuple[Counts, ...] = (Counts(),) * len(TILTS)
    total: Counts = field(default_factory=Counts)
    tolerated: float = 0.0

    def judged(self, counts: Counts, start: dt.datetime, stake: float, basis: Reference, rules: Monitor) -> "Measure":
        """Return the measure after a window.

        Args:
            counts: in it.
            start: of the window.
            stake: share of the whole stake that starts in it.
            basis: what the past allows.
            rules: the policy's.
        """
        log_e, tolerated = self._evidence(counts, basis)
        rate, confirm = float(rules.false_alarm_rate), rules.confirm_windows
        stakes = process.advance(np.array(self.log_stakes), log_e, stake, rate, confirm)
        newer = [total <= 0 for total in self.sums]
        return replace(
            self,
            log_stakes=tuple(stakes.tolist()),
            sums=tuple(np.maximum(np.array(self.sums) + log_e, 0.0).tolist()),
            onsets=tuple(start if new else old for new, old in zip(newer, self.onsets, strict=True)),
            since=tuple(counts if new else old.plus(counts) for new, old in zip(newer, self.since, strict=True)),
            total=self.total.plus(counts),
            tolerated=self.tolerated + tolerated,
        )

    def _evidence(self, counts: Counts, basis: Reference) -> tuple[Floats, float]:
        """Return the log e-values of a window, and the tolerated bad requests that its information is worth."""
        parallel = counts.beside >= PARALLEL_FROM * counts.requests
        if counts.requests > 0 and counts.beside > 0 and (parallel or basis.bound is None):
            usual = self._usual(basis)
            found = paired(counts.requests, counts.bad, counts.beside, counts.bad_beside, usual, basis.allowed)
            worth = counts.requests * counts.beside / (counts.requests + counts.beside) * float(basis.allowed(usual))
        elif basis.bound is not None:
            found = bounded(counts.requests, counts.bad, basis.bound)
            worth = counts.requests * basis.bound
        else:
            return np.zeros(len(TILTS)), 0.0
        return np.asarray(found / basis.dispersion), worth / basis.dispersion

    def _usual(self, basis: Reference) -> float:
        """The stable version's rate as known so far, half a bad and half a good request added."""
        requests, bad = basis.past.requests + self.total.beside, basis.past.bad + self.total.bad_beside
        return (bad + 0.5) / (requests + 1)

    def value(self, spent: float) -> float:
        """Return the e-value of the watch so far."""
        return float(process.value(np.array(self.log_stakes), spent))

    def proven(self, rules: Monitor) -> bool:
        """Return whether this measure alone has the evidence for an alarm, with all of the stake counted as in hand.

        At an alarm at least one has: the mean of both reached the threshold.
        """
        return self.value(0.0) >= process.threshold(float(rules.false_alarm_rate))

    def loudest(self) -> int:
        """Return the tilt that speaks loudest."""
        return int(np.argmax(self.sums))
