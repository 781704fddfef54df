"""How many modules of a release fail at each level or worse: the past releases' shares, and the next one's forecast."""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

THRESHOLDS = 4
"""Low or worse, medium or worse, high or worse, critical."""

Shares = npt.NDArray[np.float64]


def exceedance(level: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each row reaches each threshold, shape (n, 4): column t is level > t."""
    return level[:, None] > np.arange(THRESHOLDS)


def smoothed(reached: npt.NDArray[np.float64], modules: float) -> Shares:
    """Shares of `modules` that reached each threshold, strictly between 0 and 1 and strictly falling, shape (4,).

    One half of a failure is added at every level (Krichevsky & Trofimov 1981), so that a level that was never seen
    is unlikely and not impossible.
    """
    exact = -np.diff(np.append(reached, 0.0))
    padded = exact + 0.5
    return np.asarray(np.cumsum(padded[::-1])[::-1] / (modules + 0.5 * (THRESHOLDS + 1)))


def forecast(levels: list[npt.NDArray[np.int64]], ages: list[float], half_life_days: float) -> Shares:
    """Share of the next release's modules at each threshold or worse: past releases decayed by age, shape (4,).

    Args:
        levels: labels of each past release.
        ages: days since each came out.
        half_life_days: age at which a release counts half.
    """
    weights = np.exp2(-np.asarray(ages) / half_life_days)
    weights = weights / weights.max()
    reached = sum(w * exceedance(level).sum(axis=0) for w, level in zip(weights, levels, strict=True))
    modules = sum(w * len(level) for w, level in zip(weights, levels, strict=True))
    return smoothed(np.asarray(reached, float), float(modules))


def intercepts(score: npt.NDArray[np.float64], shares: Shares, weight: npt.NDArray[np.float64] | None = None) -> Shares:
    """The intercept for each threshold at which the mean probability of the scored rows equals its share, shape (4,).

    Solved by bisection: the mean of expit(b + score) rises strictly with b.
    """
    low = logit(shares) - score.max() - 1.0
    high = logit(shares) - score.min() + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = np.average(expit(middle[None, :] + score[:, None]), axis=0, weights=weight)
        low, high = np.where(mean < shares, middle, low), np.where(mean < shares, high, middle)
    return np.asarray((low + high) / 2, dtype=float)
