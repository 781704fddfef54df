"""The other modules, each with its own usual rates: what they are compared with to see a rise that all share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from promotion_gate.operate.monitoring.latency import slow_bound
from promotion_gate.operate.monitoring.shared import risen

MINUTE = 60
"""Seconds that are looked at beside the last window."""

HALF_LIVES = 4
"""Of a usual rate, in the policy's baseline: a control that alone is bad for good is usual again within hours."""


@dataclass(frozen=True)
class Look:
    """A control's window: bad requests and how many are usual, failed and slow ones."""

    slot: int
    errors: float
    errors_expected: float
    slow: float
    slow_expected: float


@dataclass(frozen=True)
class Control:
    """A version of another module: decayed sums until `slot`, and its looks of the last minute."""

    slot: int
    requests: float = 0.0
    errors: float = 0.0
    measured: float = 0.0
    above: Mapping[float, float] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Seen:
    """Sums of a version's windows in a slot; `above`: requests slower than each bound, of the `measured` ones."""

    requests: float
    errors: float
    measured: float
    above: Mapping[float, float]


def looked(control: Control, slot: int, seen: Seen, window_s: int, least: float) -> Control:
    """Return a control with a look at one more slot, where it has a past of `least` requests and traffic now.

    Args:
        control: before.
        slot: number of the window, later than those before.
        seen: in it.
        window_s: length of a slot, seconds.
        least: requests.
    """
    looks = tuple(look for look in control.looks if (slot - look.slot) * window_s < MINUTE)
    if control.requests >= least and seen.requests > 0:
        looks = (*looks, _look(control, slot, seen))
    return replace(control, looks=looks)


def learnt(control: Control, slot: int, seen: Seen, window_s: int, half_life_s: float) -> Control:
    """Return a control to whose usual rates a slot was added. An event's is not: what it was would become usual."""
    left = 0.5 ** ((slot - control.slot) * window_s / half_life_s)
    bounds = {*control.above, *seen.above} if seen.above else control.above
    return Control(
        slot=slot,
        requests=left * control.requests + seen.requests,
        errors=left * control.errors + seen.errors,
        measured=left * control.measured + seen.measured,
        above={bound: left * control.above.get(bound, 0.0) + seen.above.get(bound, 0.0) for bound in bounds},
        looks=control.looks,
    )


def _look(control: Control, slot: int, seen: Seen) -> Look:
    bound = slow_bound(control.above, control.measured)
    expected = seen.requests * (control.errors + 0.5) / (control.requests + 1)
    if bound is None or bound not in seen.above:
        return Look(slot, seen.errors, expected, 0.0, 0.0)
    slow = seen.measured * (control.above[bound] + 0.5) / (control.measured + 1)
    return Look(slot, seen.errors, expected, seen.above[bound], slow)


def system_event(controls: list[Control], slot: int) -> bool:
    """Return whether errors or slow requests of the controls rose together in a slot; two controls at least."""
    present = [control.looks for control in controls if control.looks and control.looks[-1].slot == slot]
    if len(present) < 2:  # one cannot be told from its own failure
        return False
    now = np.array([[_figures(looks[-1])] for looks in present])[:, 0]
    lately = np.array([np.sum([_figures(look) for look in looks], axis=0) for looks in present])
    return bool(risen(now[:, 0], now[:, 1], lately[:, 0], lately[:, 1])) or bool(
        risen(now[:, 2], now[:, 3], lately[:, 2], lately[:, 3])
    )


def _figures(look: Look) -> tuple[float, float, float, float]:
    return look.errors, look.errors_expected, look.slow, look.slow_expected
