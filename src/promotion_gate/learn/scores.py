"""Figures of merit of predicted severities, and the paired bootstrap that compares two predictors.

The figures that are compared take weights of shape (draws, n), how often each row was drawn, and give one value a
draw: a whole bootstrap is a few array operations.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.metrics import cohen_kappa_score

from promotion_gate.schema import LEVELS

Array = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]
Statistic = Callable[[Levels, Array, Array], Array]
"""Of levels (n,), predictions (n,) or (n, 5), and weights (draws, n): one value a draw; NaN where it is undefined."""

CELLS = 5_000_000
"""Weights that are held at a time: draws of a large release come in batches."""


def ones(rows: int) -> Array:
    """Weights of the sample itself: every row once, shape (1, n)."""
    return np.ones((1, rows))


def curve(level: Levels, score: Array, weights: Array) -> tuple[Array, Array]:
    """Weight of failed and of sound modules at or above each distinct score, highest first, each (draws, distinct)."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    drawn, failed = weights[:, order], level[order] > 0
    return np.cumsum(drawn * failed, axis=1)[:, ends], np.cumsum(drawn * ~failed, axis=1)[:, ends]


def auc(level: Levels, score: Array, weights: Array) -> Array:
    """Area under the ROC curve of failure, ties counted half, shape (draws,)."""
    found, alarms = (np.pad(part, ((0, 0), (1, 0))) for part in curve(level, score, weights))
    area = (np.diff(alarms, axis=1) * (found[:, 1:] + found[:, :-1]) / 2).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(area / (found[:, -1] * alarms[:, -1]))


def average_precision(level: Levels, score: Array, weights: Array) -> Array:
    """Precision averaged over the recall gained at each distinct score, shape (draws,)."""
    found, alarms = curve(level, score, weights)
    gained = np.diff(found, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore"):
        precision = np.where(found > 0, found / (found + alarms), 0.0)
        return np.asarray((gained * precision).sum(axis=1) / found[:, -1])


def mean_of(loss: Array, weights: Array) -> Array:
    """Weighted mean of a loss by row, shape (draws,)."""
    return np.asarray(weights @ loss / weights.sum(axis=1))


def log_loss(level: Levels, probabilities: Array, weights: Array) -> Array:
    """Five-level log loss of probabilities (n, 5), lower is better; a probability counts as at least 1e-6."""
    return mean_of(-np.log(np.clip(probabilities[np.arange(len(level)), level], 1e-6, 1)), weights)


def log_loss_failure(level: Levels, probability: Array, weights: Array) -> Array:
    """Log loss of P(failure) (n,), lower is better."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return mean_of(-np.log(np.where(level > 0, p, 1 - p)), weights)


def exactly(statistic: Statistic, level: Levels, predictions: Array) -> float:
    """A figure on the sample itself."""
    return float(statistic(level, predictions, ones(len(level)))[0])


def recall_at_effort(failed: npt.NDArray[np.bool_], score: Array, loc: Array, share: float = 0.2) -> float:
    """Share of the failed modules found in the first `share` of the lines, modules read by score per line.

    Scores are not negative, or the division would turn their order round. NaN where no lines are known.
    The effort-aware recall of Kamei et al. (TSE 2013).
    """
    if not loc.sum():
        return float("nan")
    order = np.argsort(-score / np.maximum(loc, 1), kind="stable")
    inside = np.cumsum(loc[order]) <= share * loc.sum()
    return float(failed[order][inside].sum() / max(1, failed.sum()))


def expected_calibration_error(failed: npt.NDArray[np.bool_], probability: Array, bins: int = 10) -> float:
    """Mean distance of forecast and observed share over bins of equal size (Naeini et al., AAAI 2015), 0 best."""
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, bins)
    gaps = [abs(probability[part].mean() - failed[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / len(failed))


def ranking(level: Levels, score: Array, loc: Array) -> dict[str, float]:
    """AUC, average precision and effort-aware recall of any score that rises with risk.

    Args:
        level: what happened, index into `LEVELS`, shape (n,); some but not all above 0.
        score: shape (n,).
        loc: lines of each module, shape (n,).
    """
    return {
        "auc": exactly(auc, level, score),
        "average_precision": exactly(average_precision, level, score),
        "recall_at_20_percent_of_lines": recall_at_effort(level > 0, score, loc),
    }


def binary(level: Levels, probability: Array) -> dict[str, float]:
    """Brier score, log loss and calibration error of P(failure), lower is better."""
    failed = level > 0
    return {
        "brier": float(np.mean((probability - failed) ** 2)),
        "log_loss_failure": exactly(log_loss_failure, level, probability),
        "calibration_error": expected_calibration_error(failed, probability),
    }


def ordinal(level: Levels, probabilities: Array, predicted: Levels) -> dict[str, float]:
    """Five-level log loss, and quadratic weighted kappa of the predicted level, over all and among the failed."""
    failed = level > 0
    kappa = {"labels": range(len(LEVELS)), "weights": "quadratic"}
    among = cohen_kappa_score(level[failed], predicted[failed], **kappa) if len(set(level[failed])) > 1 else np.nan
    return {
        "log_loss": exactly(log_loss, level, probabilities),
        "qwk": float(cohen_kappa_score(level, predicted, **kappa)),
        "qwk_among_failed": float(among),
    }


def paired_difference(
    releases: Mapping[str, tuple[Levels, Array, Array]],
    statistic: Statistic,
    resamples: int,
    seed: int = 0,
    coverage: float = 0.95,
) -> tuple[float, float, float]:
    """Mean over releases of statistic(ours) - statistic(other), with its bootstrap interval.

    Args:
        releases: for each release (levels, ours, other), the last two row by row alike: scores of shape (n,) or
            probabilities of shape (n, 5).
        statistic: what is compared; draws where it is undefined (no failure drawn) do not count in that release.
        resamples: number of bootstrap draws; each resamples modules within every release (Efron & Tibshirani 1993).
        seed: of the draws.
        coverage: of the interval, between 0 and 1; `resamples` must be many times 1 / (1 - coverage).

    Returns:
        Difference, lower and upper bound.
    """
    rng = np.random.default_rng(seed)
    exact, drawn = [], []
    for level, ours, other in releases.values():
        exact.append(exactly(statistic, level, ours) - exactly(statistic, level, other))
        parts = []
        batch = max(1, CELLS // len(level))
        for start in range(0, resamples, batch):
            size = min(batch, resamples - start)
            weights = rng.multinomial(len(level), np.full(len(level), 1 / len(level)), size=size).astype(float)
            parts.append(statistic(level, ours, weights) - statistic(level, other, weights))
        drawn.append(np.concatenate(parts))
    low, high = np.quantile(np.nanmean(drawn, axis=0), [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(np.mean(exact)), float(low), float(high)
