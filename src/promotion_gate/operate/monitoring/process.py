"""From e-variables of windows to one e-process of a watch: a mixture over what is worse by how much, and since when.

A version may turn bad long after its promotion. A product of all windows since then would have to win back what the
good ones cost. So the bet is spread over the onset too: of each tilt's stake a part starts in each window, what is
not staked yet is kept in hand:

    R <- e (R + w)        for each tilt and window, w being the window's part of the stake
    M = sum of R + what is in hand

M is a test supermartingale with M = 1 at the promotion, so P(M ever >= 1 / alpha) <= alpha while the version is no
worse than tolerated. Most faults show early, so the onset's density falls as one over the time since the promotion:
of a day's stake half is placed in the first 40 minutes.

No window may multiply a tilt's stake by more than the root of the threshold, so that no single window, however
bad, gives an alarm alone. To lower a supermartingale leaves it one.

Sources: Robbins, Statistical methods related to the law of the iterated logarithm, Annals of Mathematical Statistics
41, 1970 (mixtures); Johari, Koomen, Pekelis & Walsh, Always valid inference, Operations Research 70, 2022 (looking at
any time); Shin, Ramdas & Rinaldo, E-detectors, New England Journal of Statistics in Data Science 2, 2024 (onsets).
"""

import numpy as np
from numpy.typing import ArrayLike

from promotion_gate.operate.monitoring.evidence import TILTS, Floats

EARLY_S = 60.0
"""Seconds after the promotion from which on the density of the onset falls as one over the time."""

BASELINE_SHARE = 0.1
"""Of the false alarm rate: that the past was better by chance than the stable version is."""

METRICS = 2
"""Errors and latency: their e-processes are averaged, which is an e-process however they depend on each other."""


def threshold(false_alarm_rate: float) -> float:
    """Return the e-value from which on a version counts as worse."""
    return 1 / (false_alarm_rate * (1 - BASELINE_SHARE))


def stake_spent(elapsed_s: ArrayLike, watch_s: float) -> Floats:
    """Return the share of the stake that is placed until a time after the promotion, 0 to 1."""
    elapsed = np.clip(np.asarray(elapsed_s, np.float64), 0.0, watch_s)
    return np.asarray(np.log1p(elapsed / EARLY_S) / np.log1p(watch_s / EARLY_S))


def advance(log_stakes: Floats, log_e: Floats, stake: ArrayLike, false_alarm_rate: float, confirm: int) -> Floats:
    """Return the log stakes after a window.

    Args:
        log_stakes: R before it, in logarithms, shape (.., len(TILTS)); -inf where nothing is staked.
        log_e: log e-values of the window, same shape.
        stake: the part of the whole stake that starts in this window, shape (..).
        false_alarm_rate: of the watch, 0 to 1.
        confirm: how many windows an alarm needs at least.
    """
    each = 1 / len(TILTS)
    with np.errstate(divide="ignore"):
        placed = np.logaddexp(log_stakes, np.log(np.asarray(stake, np.float64)[..., None] * each))
    step = np.log(METRICS * threshold(false_alarm_rate)) / confirm
    return np.asarray(np.minimum(placed + log_e, step + np.maximum(placed, np.log(each))))


def value(log_stakes: Floats, spent: ArrayLike) -> Floats:
    """Return M, the e-value of the watch until now, shape (..); infinity where it is beyond a float."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log_stakes).sum(axis=-1) + 1 - np.asarray(spent, np.float64))
