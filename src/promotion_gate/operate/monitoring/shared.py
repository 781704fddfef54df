"""Did all modules get worse at the same time? Then it is the system's event, and not one module's failure.

Each other module with a past of its own is a control. Its count of bad requests is compared with its usual rate:
the chance of as many or more, as Poisson counts. How many of the controls have a chance of at most .5, .05 and
.005 is then compared with what chance would give (Wilkinson, Psychological Bulletin 48, 1951): a module counts once,
however bad it is, so a few failing modules make no event, and many that are a little worse do.

Looked at is the last window, and the last minute in case the last window is above usual as well: so a weak event is
seen within a minute and is over as soon as it is over. What is excluded for an event is chosen by the
controls alone: whatever the watched module does in other windows is judged as before.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, gammainc

from promotion_gate.operate.monitoring.evidence import Floats

LEVELS = (0.5, 0.05, 0.005)
RARE = 0.01
"""Chance of taking a window for an event that is none; it costs a hundredth of the traffic."""

LOOKS = len(LEVELS) * 2 * 2
"""Levels, the window and the minute, errors and latency: each gets its part of `RARE` (Bonferroni)."""


def tail(bad: ArrayLike, expected: ArrayLike) -> Floats:
    """Return the chance of as many bad requests or more, of a Poisson count with the expected mean > 0."""
    count = np.asarray(bad, np.float64)
    return np.asarray(np.where(count > 0, gammainc(np.maximum(count, 1e-9), expected), 1.0))


def chance(tails: ArrayLike) -> Floats:
    """Return the chance that so many controls are so far above usual, the least over the levels, not corrected.

    Args:
        tails: of each control, shape (.., controls); NaN where one had no traffic.
    """
    known = np.asarray(tails, np.float64)
    controls = np.sum(~np.isnan(known), axis=-1).astype(np.float64)
    least = np.ones(controls.shape)
    for level in LEVELS:
        up = np.sum(known <= level, axis=-1).astype(np.float64)  # NaN is not
        found = betainc(np.maximum(up, 1.0), np.maximum(controls - up + 1, 1.0), level)
        least = np.minimum(least, np.where(up > 0, found, 1.0))
    return least


def risen(bad: ArrayLike, expected: ArrayLike, bad_lately: ArrayLike, expected_lately: ArrayLike) -> Floats:
    """Return whether the controls rose together, shape (..), as booleans.

    Args:
        bad: in the window, of each control, shape (.., controls).
        expected: by their usual rates; 0 where one had no traffic.
        bad_lately: in the last minute.
        expected_lately: likewise.
    """
    k, e = np.asarray(bad, np.float64), np.asarray(expected, np.float64)
    k_lately, e_lately = np.asarray(bad_lately, np.float64), np.asarray(expected_lately, np.float64)
    now = chance(_tails(k, e)) <= RARE / LOOKS
    lately = (chance(_tails(k_lately, e_lately)) <= RARE / LOOKS) & (k.sum(axis=-1) > e.sum(axis=-1))
    return np.asarray(now | lately)


def _tails(bad: Floats, expected: Floats) -> Floats:
    return np.where(expected > 0, tail(bad, np.maximum(expected, 1e-12)), np.nan)
