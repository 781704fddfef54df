"""How many modules of a release fail at each level or worse: the past releases' shares, and the next one's forecast."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

THRESHOLDS = 4
"""Low or worse, medium or worse, high or worse, critical."""

MOMENTUM = 0.5
"""How far a change within the last horizon is taken to go on."""

USUAL_LATELY = 0.6
"""Share of the modules that failed in a horizon that did so in its second half, before a project's own past tells."""

DOUBT, DOUBT_OF_USUAL = 20, 50
"""How many modules the assumed shares count for, beside those of the last horizon and of all past ones."""

USUAL_ERROR, PRIOR_RELEASES = 0.5, 4
"""Error of the forecast, in log odds, of a project without a past, and the number of releases that this counts for."""

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


@dataclasses.dataclass(frozen=True)
class Recent:
    """How a project fared in the horizon before the moment of training, by the log as known then.

    Attributes:
        modules: of the project's newest release.
        reached: how many of them failed at each threshold or worse within the last horizon, shape (4,).
        lately: the same within its second half, shape (4,).
        usual_lately: `lately` over `reached`, of any failure, as it was known at the dates of the past releases: small
            where failures come to be known late.
    """

    modules: int
    reached: Shares
    lately: Shares
    usual_lately: float = USUAL_LATELY


def share_of(*levels: npt.NDArray[np.int64], weights: Sequence[float] = (1.0,)) -> Shares:
    """Share of modules at each threshold or worse over releases, shape (4,), strictly falling within (0, 1).

    Args:
        levels: labels of each release.
        weights: of each release; a weight of 1 counts its modules in full.
    """
    reached = sum(w * exceedance(level).sum(axis=0) for w, level in zip(weights, levels, strict=True))
    modules = sum(w * len(level) for w, level in zip(weights, levels, strict=True))
    return smoothed(np.asarray(reached, float), float(modules))


def forecast(past: Shares, recent: Recent) -> Shares:
    """Share of the next release's modules at each threshold or worse, shape (4,).

    Half way, in log odds, between the past releases' share and that of the last horizon, which knows modules and
    failures that no mature window holds yet; and up or down with the last horizon's second half. Of the failed modules
    as many are severe as in the past. benchmarks/ablation.py measures what each part is worth.

    Args:
        past: of the mature releases, the older ones weighing less.
        recent: of the last horizon.
    """
    last = smoothed(recent.reached, float(recent.modules))
    usual = recent.usual_lately
    momentum = np.log((recent.lately[0] + usual * DOUBT) / (recent.reached[0] + DOUBT) / usual)
    failed = expit((logit(past[0]) + logit(last[0])) / 2 + MOMENTUM * momentum)
    return np.asarray(failed * past / past[0])


def forecast_error(shares: list[float]) -> float:
    """Standard deviation of the error of a forecast share of failed modules, in log odds.

    The changes from one past release to the next, drawn towards `USUAL_ERROR` as a scaled inverse chi-squared prior
    would (Gelman et al., Bayesian Data Analysis, 2.6): a project with two releases has seen one change only.

    Args:
        shares: of failed modules in the past releases, oldest first, strictly between 0 and 1.
    """
    changes = np.diff(logit(np.asarray(shares)))
    return float(np.sqrt((PRIOR_RELEASES * USUAL_ERROR**2 + (changes**2).sum()) / (PRIOR_RELEASES + len(changes))))


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
