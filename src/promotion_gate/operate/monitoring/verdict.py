"""What a watch says so far, with the evidence in plain figures."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from promotion_gate.operate.monitoring import process
from promotion_gate.operate.monitoring.detector import RECENT, e_value
from promotion_gate.operate.monitoring.evidence import TILTS
from promotion_gate.operate.monitoring.measure import PARALLEL_FROM, Measure, Reference
from promotion_gate.operate.monitoring.severity import severity
from promotion_gate.operate.monitoring.state import Basis, State

Standing = Literal["watching", "healthy", "degraded", "no-data", "system-event"]

TWICE = 2 * math.log(2) - 1
"""Mean log evidence of a tolerated bad request, where there are twice as many."""


@dataclass(frozen=True)
class Verdict:
    """What a watch says.

    Attributes:
        state: `degraded`: worse than the stable version by more than is tolerated; stays so. `healthy`: so much traffic
            without that evidence that twice the tolerated rate would have been noticed. `watching`: neither yet.
            `no-data`: no requests for a while, or nothing to compare with; neither pass nor failure. `system-event`:
            all modules are worse at the moment, so this one is not judged.
        e_value: evidence, 1 at the start; `degraded` is from 1 / (.9 x false alarm rate) on.
        effect: share of the requests that fail in addition, or are slow in addition where that speaks louder.
        counts: requests, errors, slow and measured ones since it seems worse; those of the stable version; all judged.
        window_start, window_end: since when it seems worse, and until when it was seen; None before anything was.
        severity: low to critical; None unless degraded.
        evidence: further figures in words that a person can check: text, numbers.
    """

    state: Standing
    e_value: float
    effect: float
    counts: Mapping[str, float]
    window_start: dt.datetime | None
    window_end: dt.datetime | None
    severity: str | None
    evidence: Mapping[str, float | int | str]


def verdict(state: State) -> Verdict:
    """Return what a watch says."""
    standing, reason = _standing(state)
    alarm = state.alarm
    errors, slow = (state.errors, state.slow) if alarm is None else (alarm.errors, alarm.slow)
    louder = slow if max(slow.sums) > max(errors.sums) else errors
    more_errors = _effect(errors, None if state.basis is None else state.basis.errors)
    more_slow = _effect(slow, None if state.basis is None else state.basis.slow)
    told: dict[str, float | int | str] = {
        "reason": reason,
        "measure": "latency" if louder is slow else "errors",
        "threshold": process.threshold(float(state.rules.false_alarm_rate)),
        "more_errors": more_errors,
        "more_slow": more_slow,
        **{f"windows_{name}": count for name, count in asdict(state.received).items()},
        **_figures(state.basis),
    }
    if state.load is not None:
        told["load_highest"] = state.load
    grade = None
    if alarm is not None:  # a measure without evidence of its own does not make it severer
        failed, late = errors.proven(state.rules), slow.proven(state.rules)
        grade = severity(more_errors * failed, more_slow * late, state.watch.criticality, state.rules)
    return Verdict(
        state=standing,
        e_value=e_value(state) if alarm is None else alarm.e_value,
        effect=more_slow if louder is slow else more_errors,
        counts=_counts(errors, slow),
        window_start=louder.onsets[louder.loudest()],
        window_end=state.seen_until if alarm is None else alarm.end,
        severity=grade,
        evidence=told,
    )


def _standing(state: State) -> tuple[Standing, str]:
    if state.alarm is not None:
        return "degraded", "worse than the stable version by more than is tolerated"
    missing = _missing(state)
    if missing:
        return "no-data", missing
    if 2 * sum(state.recent_events) >= RECENT:
        return "system-event", "all modules got worse at the same time; their windows are left out"
    if _would_have_noticed(state):
        return "healthy", "twice the tolerated rate would have been noticed by now"
    return "watching", "not enough traffic yet to tell"


def _missing(state: State) -> str | None:
    """Why there is no data; None where there is."""
    rules, ready = state.rules, state.watch.promoted_at + dt.timedelta(seconds=state.rules.grace_seconds)
    if state.newest is None:
        return "no windows at all"
    now = min(state.newest, state.watch.until)
    if (now - max(state.seen_until or ready, ready)).total_seconds() > rules.silent_seconds:
        return f"no requests of {state.watch.version} for more than {rules.silent_seconds} s"
    if state.received.judged and state.basis and state.basis.errors.bound is None and not state.errors.total.beside:
        return f"fewer than {rules.least_requests} requests of the stable version to compare with"
    return None


def _would_have_noticed(state: State) -> bool:
    enough = math.log(len(TILTS) * process.METRICS * process.threshold(float(state.rules.false_alarm_rate)))
    return state.errors.tolerated * TWICE >= enough and state.errors.total.requests >= state.rules.least_requests


def _effect(measure: Measure, basis: Reference | None) -> float:
    """Rate since the onset, less the stable version's in the same windows or, where it hardly ran, in the past."""
    since = measure.since[measure.loudest()]
    if basis is None or since.requests == 0:
        return 0.0
    if since.beside > 0 and (since.beside >= PARALLEL_FROM * since.requests or basis.bound is None):
        usual = since.bad_beside / since.beside
    else:
        usual = basis.past.bad / basis.past.requests if basis.past.requests else 0.0
    return since.bad / since.requests - usual


def _counts(errors: Measure, slow: Measure) -> dict[str, float]:
    failed, late = errors.since[errors.loudest()], slow.since[slow.loudest()]
    return {
        "requests": failed.requests,
        "errors": failed.bad,
        "measured": late.requests,
        "slow": late.bad,
        "stable_requests": failed.beside,
        "stable_errors": failed.bad_beside,
        "stable_measured": late.beside,
        "stable_slow": late.bad_beside,
        "judged_requests": errors.total.requests,
        "judged_errors": errors.total.bad,
    }


def _figures(basis: Basis | None) -> dict[str, float | int | str]:
    if basis is None:
        return {}
    found: dict[str, float | int | str] = {
        "past_requests": basis.errors.past.requests,
        "past_errors": basis.errors.past.bad,
        "errors_dispersion": basis.errors.dispersion,
    }
    if basis.errors.bound is not None:
        found["errors_tolerated"] = basis.errors.bound
    if basis.slow_bound is not None and basis.slow.bound is not None:
        found |= {
            "slow_from_s": basis.slow_bound,
            "past_slow": basis.slow.past.bad,
            "slow_tolerated": basis.slow.bound,
            "slow_dispersion": basis.slow.dispersion,
        }
    return found
