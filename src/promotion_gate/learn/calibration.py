"""Calibration: whether a fifth of what is forecast at 20 % happens, level by level, and how many modules fail.

A module's true log odds are never seen, so an interval of them cannot be tested directly. What can be seen is how many
modules of a group fail: the spread and the scatter of single failures together say between which counts that lies.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit, ndtri

from promotion_gate.learn.prevalence import exceedance
from promotion_gate.learn.scores import expected_calibration_error
from promotion_gate.schema import LEVELS

Array = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]

FROM = LEVELS[1:]
"""The four thresholds by the level that they start at: low or worse, which is any failure, to critical."""

NODES = 41
"""Equally likely shifts that stand for the normal distribution of a group's log odds."""


def cumulative(probabilities: Array) -> Array:
    """Probability of each threshold, the level or worse, shape (n, 4), from those of the levels, shape (n, 5)."""
    return np.asarray(np.cumsum(probabilities[:, :0:-1], axis=1)[:, ::-1])


def binned(probability: Array, happened: npt.NDArray[np.bool_], bins: int = 10) -> pd.DataFrame:
    """Forecast and observed share over bins of equal size, lowest probability first.

    Args:
        probability: forecast, shape (n,).
        happened: shape (n,).
        bins: how many; a bin without rows is left out.

    Returns:
        bin (from 0), forecast and observed (means, 0 to 1), modules.
    """
    parts = np.array_split(np.argsort(probability, kind="stable"), bins)
    found = [
        {"bin": number, "forecast": probability[part].mean(), "observed": happened[part].mean(), "modules": len(part)}
        for number, part in enumerate(parts)
        if len(part)
    ]
    return pd.DataFrame(found, columns=["bin", "forecast", "observed", "modules"])


def reliability(level: Levels, probabilities: Array, bins: int = 10) -> pd.DataFrame:
    """The reliability table (Murphy & Winkler, 1977) of every threshold: `from` (a level's name), then as `binned`.

    Args:
        level: what happened, index into `LEVELS`, shape (n,).
        probabilities: of the levels, shape (n, 5).
        bins: how many a threshold.
    """
    forecast, reached = cumulative(probabilities), exceedance(level)
    parts = [binned(forecast[:, t], reached[:, t], bins).assign(**{"from": name}) for t, name in enumerate(FROM)]
    table = pd.concat(parts, ignore_index=True)
    return table[["from", "bin", "forecast", "observed", "modules"]]


def errors(level: Levels, probabilities: Array, bins: int = 10) -> dict[str, float]:
    """Expected calibration error of every threshold, 0 best, by the name of the level that it starts at."""
    forecast, reached = cumulative(probabilities), exceedance(level)
    return {name: expected_calibration_error(reached[:, t], forecast[:, t], bins) for t, name in enumerate(FROM)}


def error_by_chance(probability: Array, draws: int = 200, bins: int = 10, seed: int = 0) -> tuple[float, float]:
    """Calibration error of probabilities that were exactly right: its mean and 95 % point over drawn outcomes.

    With few modules a bin's share scatters about its forecast however good that is; the error is never 0.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        expected_calibration_error(rng.random(len(probability)) < probability, probability, bins) for _ in range(draws)
    ]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


def by_release(release: pd.Series, level: Levels, probabilities: Array) -> pd.DataFrame:
    """Where calibration is off: forecast and observed share of every threshold, release by release.

    Args:
        release: name of each row's release, shape (n,).
        level: what happened, shape (n,).
        probabilities: of the levels, shape (n, 5).

    Returns:
        release, from, modules, forecast, observed (0 to 1) and error (the expected calibration error within the
        release), in the order of the rows.
    """
    found = []
    for name in release.unique():
        mask = (release == name).to_numpy()
        forecast, reached = cumulative(probabilities[mask]).mean(axis=0), exceedance(level[mask]).mean(axis=0)
        error = errors(level[mask], probabilities[mask])
        found += [
            {"release": name, "from": start, "modules": int(mask.sum()), "forecast": f, "observed": o, "error": e}
            for (start, e), f, o in zip(error.items(), forecast, reached, strict=True)
        ]
    return pd.DataFrame(found)


def counts(probability: Array, spread: float) -> Array:
    """Distribution of how many modules of a group fail, shape (n + 1,).

    All log odds of the group move together by delta ~ N(0, spread^2), and given delta each module fails on its own: a
    mixture of Poisson binomials. Modules of a group share most of what the model does not know (the release's
    prevalence, coefficients of features in which they are alike), so one shift for all is close and errs to the wide
    side.

    Args:
        probability: of failure, 0 to 1, shape (n,).
        spread: standard deviation of the log odds, 0 or more.
    """
    nodes = NODES if spread else 1
    delta = spread * ndtri((np.arange(nodes) + 0.5) / nodes)
    given = expit(logit(np.clip(probability, 1e-12, 1 - 1e-12))[:, None] + delta[None, :])
    pmf = np.zeros((len(probability) + 1, nodes))
    pmf[0] = 1.0
    for seen, p in enumerate(given, start=1):
        pmf[1 : seen + 1] = pmf[1 : seen + 1] * (1 - p) + pmf[:seen] * p
        pmf[0] *= 1 - p
    return np.asarray(pmf.mean(axis=1))


def count_interval(probability: Array, spread: float, coverage: float = 0.9) -> tuple[int, int, float]:
    """Between which counts the failures of a group lie with the given probability, and how probable that truly is.

    Equal tails of `counts`; counts are whole, so the interval holds more than `coverage`, in small groups much more.
    """
    reached = np.cumsum(counts(probability, spread))
    low, high = (int(np.searchsorted(reached, q)) for q in ((1 - coverage) / 2, (1 + coverage) / 2))
    high = min(high, len(probability))  # the sum may end a hair below 1
    return low, high, float(reached[high] - (reached[low - 1] if low else 0.0))


def coverage_of_counts(
    failed: npt.NDArray[np.bool_], probability: Array, spread: Array, parts: int = 10, coverage: float = 0.9
) -> pd.DataFrame:
    """Whether the failures of one release, whole and in groups of like probability, were as many as they should be.

    Args:
        failed: what happened, shape (n,).
        probability: of failure, shape (n,).
        spread: standard deviation of each module's log odds, shape (n,); a group moves by the mean of its own.
        parts: groups of equal size, by probability.
        coverage: of the interval.

    Returns:
        group (0, the least probable, to parts - 1; `all` for the release), modules, forecast (expected failures),
        failed, low, high, mass (probability of the interval) and inside, one row a group.
    """
    groups: dict[int | str, npt.NDArray[np.int64]] = {"all": np.arange(len(failed))}
    groups |= {
        number: part
        for number, part in enumerate(np.array_split(np.argsort(probability, kind="stable"), parts))
        if len(part)
    }
    found = []
    for group, part in groups.items():
        low, high, mass = count_interval(probability[part], float(spread[part].mean()), coverage)
        seen = int(failed[part].sum())
        told = {"low": low, "high": high, "mass": mass, "inside": low <= seen <= high}
        found.append(
            {"group": group, "modules": len(part), "forecast": probability[part].sum(), "failed": seen, **told}
        )
    return pd.DataFrame(found)
