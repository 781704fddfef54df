"""The metrics side by side: both versions on the same modules of the same test releases, with paired intervals."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from promotion_gate.learn.scores import (
    CELLS,
    Array,
    Levels,
    Statistic,
    auc,
    average_precision,
    log_loss,
    log_loss_failure,
    ones,
)
from promotion_gate.review.contest import COLUMNS, OTHER
from promotion_gate.schema import LEVELS

BINS = 10
PREDICTED = "predicted"


def calibration_error(level: Levels, probability: Array, weights: Array) -> Array:
    """Expected calibration error of P(failure) over bins of equal size, which stay as the sample has them."""
    bins = np.empty((len(level), BINS))
    bins[:] = 0
    for number, part in enumerate(np.array_split(np.argsort(probability, kind="stable"), BINS)):
        bins[part, number] = 1
    gaps = (weights * (probability - (level > 0))) @ bins
    return np.asarray(np.abs(gaps).sum(axis=1) / weights.sum(axis=1))


def quadratic_kappa(level: Levels, predicted: Array, weights: Array) -> Array:
    """Quadratic weighted kappa (Cohen, 1968) of predicted levels (n,); NaN where only one level was drawn."""
    size = len(LEVELS)
    cells = np.zeros((len(level), size * size))
    cells[np.arange(len(level)), level * size + predicted.astype(np.int64)] = 1
    found = (weights @ cells).reshape(-1, size, size)
    distance = np.square(np.subtract.outer(np.arange(size), np.arange(size)))
    expected = found.sum(axis=2)[:, :, None] * found.sum(axis=1)[:, None, :] / found.sum(axis=(1, 2))[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - (found * distance).sum(axis=(1, 2)) / (expected * distance).sum(axis=(1, 2)))


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of merit: its name, whether higher is better, and what it takes from a side's predictions."""

    name: str
    higher_is_better: bool
    statistic: Statistic
    takes: Callable[[pd.DataFrame, str], Array]


def _failure(rows: pd.DataFrame, ending: str) -> Array:
    return np.asarray(1 - rows[f"{COLUMNS[0]}{ending}"].to_numpy(float))


def _levels(rows: pd.DataFrame, ending: str) -> Array:
    return rows[[f"{name}{ending}" for name in COLUMNS]].to_numpy(float)


def _predicted(rows: pd.DataFrame, ending: str) -> Array:
    return rows[f"{PREDICTED}{ending}"].to_numpy(float)


FIGURES = (
    Figure("average precision", True, average_precision, _failure),
    Figure("AUC", True, auc, _failure),
    Figure("log loss, five levels", False, log_loss, _levels),
    Figure("log loss, any failure", False, log_loss_failure, _failure),
    Figure("calibration error", False, calibration_error, _failure),
    Figure("quadratic weighted kappa", True, quadratic_kappa, _predicted),
)


def side_by_side(releases: Mapping[str, pd.DataFrame], paired: bool, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Every figure of both sides, mean over the releases, with 95 % bootstrap intervals.

    Modules are drawn within releases, the same for both sides, as `contest.compare` draws them: the differences are the
    same figures.

    Args:
        releases: as `contest.common_releases` gives them, none empty.
        paired: whether there is a champion; without one its columns are not looked at.
        resamples: bootstrap draws.
        seed: of the draws.

    Returns:
        figure, higher_is_better, challenger, champion and difference, each [value, low, high], the last two None
        without a champion. A figure that a side's predictions lack the columns for is left out.
    """
    endings = ("", OTHER) if paired else ("",)
    found = []
    for figure in FIGURES:
        try:
            taken = {
                name: (rows["level"].to_numpy(np.int64), *(figure.takes(rows, ending) for ending in endings))
                for name, rows in releases.items()
            }
        except KeyError:
            continue
        exact, drawn = _measured(taken, figure.statistic, resamples, seed)
        told: dict[str, Any] = {"figure": figure.name, "higher_is_better": figure.higher_is_better}
        told["challenger"] = _interval(exact[0], drawn[0])
        told["champion"] = _interval(exact[1], drawn[1]) if paired else None
        told["difference"] = _interval(exact[0] - exact[1], drawn[0] - drawn[1]) if paired else None
        found.append(told)
    return found


def _measured(
    releases: Mapping[str, tuple[Any, ...]], statistic: Statistic, resamples: int, seed: int
) -> tuple[Array, Array]:
    """The figure on the sample, (sides, releases), and on every draw, (sides, releases, draws)."""
    rng = np.random.default_rng(seed)
    exact, drawn = [], []
    for level, *sides in releases.values():
        exact.append([float(statistic(level, side, ones(len(level)))[0]) for side in sides])
        parts = []
        batch = max(1, CELLS // len(level))
        for start in range(0, resamples, batch):
            size = min(batch, resamples - start)
            weights = rng.multinomial(len(level), np.full(len(level), 1 / len(level)), size=size).astype(float)
            parts.append(np.array([statistic(level, side, weights) for side in sides]))
        drawn.append(np.concatenate(parts, axis=1))
    return np.array(exact).T, np.stack(drawn, axis=1)


def _interval(exact: Array, drawn: Array) -> list[float | None]:
    """Mean over releases with its 95 % interval; None where it is undefined. Draws without a failure do not count."""
    with np.errstate(invalid="ignore"):
        counted = np.where(np.isnan(drawn), 0, drawn).sum(axis=0) / np.maximum((~np.isnan(drawn)).sum(axis=0), 1)
    low, high = np.quantile(counted, [0.025, 0.975])
    values = (float(np.mean(exact)), float(low), float(high))
    return [round(value, 6) if np.isfinite(value) else None for value in values]
