"""What a score cannot know: modules and projects unlike those that the model was trained on.

A model answers for any figures, however far from all it saw. Each remark says that the answer is an extrapolation, and
in what; it moves no score.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.features import KEYS
from promotion_gate.learn.tables import Release, Tables

Matrix = npt.NDArray[np.float64]
FEW_RELEASES = 2
"""With fewer past releases ranking and level of the risk are still far off (benchmarks/learning_curve.py)."""
MARGIN = 0.1
"""How far beyond the past, in units of the range seen, is far: the largest is often a little larger than ever."""
DRIFT = 0.02
"""Where more of a release's modules than this share, and than 5, lie outside, all of them moved, and ranks follow."""
NAMED = 3
"""Of many metrics that lie outside so many are named, the farthest first."""


class Familiarity:
    """How far the modules of a release are like those of the past releases.

    Args:
        known: cut to what was known at the moment of scoring.
        release: whose modules are scored.
        horizon: window of the model; a past release counts once it is over by the release's date.
    """

    def __init__(self, known: Tables, release: Release, horizon: pd.Timedelta) -> None:
        past = [
            other
            for other in known.timeline()
            if other.project == release.project and other.released_at + horizon <= release.released_at
        ]
        self._young = []
        if len(past) < FEW_RELEASES:
            learnt = f"{len(past)} past release{'' if len(past) == 1 else 's'}"
            message = f"the project has {learnt} to learn from: the score rests mostly on what holds for any project"
            self._young = [{"code": "little-history", "message": message}]
        now = known.modules_of(release)
        self._names = [name for name in now.columns if name not in KEYS and pd.api.types.is_numeric_dtype(now[name])]
        self._values = now[self._names].to_numpy(float)
        # Nothing lies outside a past that there is not.
        self._low, self._high = np.full(len(self._names), -np.inf), np.full(len(self._names), np.inf)
        self._width = np.ones(len(self._names))
        if past:
            seen = pd.concat([known.modules_of(other)[self._names] for other in past])
            self._low, self._high = (edge.to_numpy(float) for edge in (seen.min(), seen.max()))
            # How far beyond is told in units of the range that was seen; a constant metric has none.
            self._width = np.where(self._high > self._low, self._high - self._low, 1.0)
        self._outside = self._beyond(self._values) > 0
        self._few = max(5, DRIFT * len(now))

    def remarks(self, rows: npt.NDArray[np.int64], given: Mapping[str, Matrix]) -> list[list[dict[str, Any]]]:
        """What makes modules unlike the past releases.

        Args:
            rows: numbers of the wanted modules, in the order of `Tables.modules_of`, shape (m,).
            given: their metrics, where they are others than the release's, shape (m,) each.

        Returns:
            For each wanted module a list of {code, message}: `outside-training` for metrics far beyond all that past
            modules had, unless the whole release is, `little-history` for a project with fewer than two past releases
            to learn from.
        """
        values = self._values[rows]
        for column, name in enumerate(self._names):
            if name in given:
                values[:, column] = given[name]
        beyond = self._beyond(values)
        # Each with the others as they are.
        outside = self._outside.sum(axis=0) - self._outside[rows] + (beyond > 0)
        far = np.where((beyond > MARGIN) & (outside <= self._few), beyond, 0.0)
        return [
            [*self._young, *_outside(self._names, values[at], self._low, self._high, far[at])]
            for at in range(len(rows))
        ]

    def _beyond(self, values: Matrix) -> Matrix:
        return np.asarray(np.nan_to_num(np.maximum(values - self._high, self._low - values) / self._width))


def _outside(
    names: list[str],
    values: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    beyond: npt.NDArray[np.float64],
) -> list[dict[str, Any]]:
    farthest = [int(metric) for metric in np.argsort(-beyond, kind="stable") if beyond[metric] > 0]
    if not farthest:
        return []
    told = [
        f"{names[metric].replace('_', ' ')} {values[metric]:g} "
        + (f"(at most {high[metric]:g})" if values[metric] > high[metric] else f"(at least {low[metric]:g})")
        for metric in farthest[:NAMED]
    ]
    more = f" and {len(farthest) - NAMED} more" if len(farthest) > NAMED else ""
    said = f"beyond all modules of the past releases: {', '.join(told)}{more}; the score is an extrapolation"
    return [{"code": "outside-training", "message": said}]
