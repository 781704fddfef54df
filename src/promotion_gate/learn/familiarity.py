"""What a score cannot know: modules and projects unlike those that the model was trained on.

A model answers for any figures, however far from all it saw. Each remark says that the answer is an extrapolation, and
in what; it moves no score.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.features import KEYS
from promotion_gate.learn.tables import Release, Tables

FEW_RELEASES = 2
"""With fewer past releases ranking and level of the risk are still far off (benchmarks/learning_curve.py)."""
MARGIN = 0.1
"""How far beyond the past, in units of the range seen, is far: the largest is often a little larger than ever."""
DRIFT = 0.02
"""Where more of a release's modules than this share, and than 5, lie outside, all of them moved, and ranks follow."""
NAMED = 3
"""Of many metrics that lie outside so many are named, the farthest first."""


def remarks(
    known: Tables, release: Release, horizon: pd.Timedelta, rows: npt.NDArray[np.int64]
) -> list[list[dict[str, Any]]]:
    """What makes modules of a release unlike the past releases.

    Args:
        known: cut to what was known at the moment of scoring.
        release: whose modules are scored.
        horizon: window of the model; a past release counts once it is over by the release's date.
        rows: numbers of the wanted modules, in the order of `Tables.modules_of`.

    Returns:
        For each wanted module a list of {code, message}: `outside-training` for metrics far beyond all that past
        modules had, unless the whole release is, `little-history` for a project with fewer than two past releases to
        learn from.
    """
    past = [
        other
        for other in known.timeline()
        if other.project == release.project and other.released_at + horizon <= release.released_at
    ]
    young = []
    if len(past) < FEW_RELEASES:
        learnt = f"{len(past)} past release{'' if len(past) == 1 else 's'}"
        message = f"the project has {learnt} to learn from: the score rests mostly on what holds for any project"
        young = [{"code": "little-history", "message": message}]
    if not past:
        return [list(young) for _ in rows]
    now = known.modules_of(release)
    names = [name for name in now.columns if name not in KEYS and pd.api.types.is_numeric_dtype(now[name])]
    seen = pd.concat([known.modules_of(other)[names] for other in past])
    low, high = (edge.to_numpy(float) for edge in (seen.min(), seen.max()))
    values = now[names].to_numpy(float)
    # How far beyond, in units of the range that was seen; a constant metric has none.
    width = np.where(high > low, high - low, 1.0)
    beyond = np.nan_to_num(np.maximum(values - high, low - values) / width)
    few = max(5, DRIFT * len(now))
    far = np.where((beyond > MARGIN) & ((beyond > 0).sum(axis=0) <= few), beyond, 0.0)
    return [[*young, *_outside(names, values[row], low, high, far[row])] for row in rows]


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
