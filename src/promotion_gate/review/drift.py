"""Drift: how the newest releases that both versions score differ, in the world's units and as the models see them.

The features are ranks within a release: by their making they hardly drift. So the figures behind them are compared by
the population stability index, which says what changed in the world, and the features by the Wasserstein distance,
which says how much of that reaches the model.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import wasserstein_distance

BINS = 10
MODERATE, LARGE = 0.1, 0.25
"""Customary bounds of the index (Siddiqi, "Credit Risk Scorecards", 2006)."""

Array = npt.NDArray[np.float64]


def stability_index(before: Array, after: Array) -> float:
    """Population stability index of two samples, 0 where they are distributed alike; it has no upper bound.

    Bins are the deciles of `before`, values that are not there a bin of their own; half a value is added to each bin,
    so that an empty one does not make the index infinite.

    Args:
        before: shape (n,), NaN where there is no figure.
        after: shape (m,).
    """
    there = before[~np.isnan(before)]
    edges = np.unique(np.quantile(there, np.linspace(0, 1, BINS + 1)[1:-1])) if len(there) else np.array([])

    def shares(values: Array) -> Array:
        bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
        counts = np.bincount(bins, minlength=len(edges) + 2) + 0.5
        return np.asarray(counts / counts.sum())

    old, new = shares(before), shares(after)
    return float(((new - old) * np.log(new / old)).sum())


def by_chance(before: int, after: int) -> float:
    """What the index is on average where nothing drifted: samples differ, too."""
    return (BINS - 1) * (1 / before + 1 / after) if before and after else float("nan")


def compared(
    challenger: tuple[pd.DataFrame, pd.DataFrame], champion: tuple[pd.DataFrame, pd.DataFrame]
) -> dict[str, Any]:
    """Compare the figures and features of two sides, from champion to challenger.

    Args:
        challenger: figures in their own units, and features, one row a module each.
        champion: likewise.

    Returns:
        features: largest index first; each with index, distance (Wasserstein, of features on their scale from -.5 to
        .5) and the medians of the figures, None where a side has none. by_chance, and names that only one side has.
    """
    (new, new_features), (old, old_features) = challenger, champion
    found: list[dict[str, Any]] = []
    for name in [column for column in new.columns if column in old.columns]:
        before, after = old[name].to_numpy(float), new[name].to_numpy(float)
        distance = wasserstein_distance(old_features[name].to_numpy(float), new_features[name].to_numpy(float))
        found.append(
            {
                "feature": name,
                "index": round(stability_index(before, after), 5),
                "distance": round(float(distance), 5),
                "champion_median": _median(before),
                "challenger_median": _median(after),
            }
        )
    found.sort(key=lambda row: (-row["index"], row["feature"]))
    return {
        "features": found,
        "by_chance": round(by_chance(len(old), len(new)), 5),
        "only_challenger": [name for name in new.columns if name not in old.columns],
        "only_champion": [name for name in old.columns if name not in new.columns],
    }


def _median(values: Array) -> float | None:
    there = values[~np.isnan(values)]
    return round(float(np.median(there)), 6) if len(there) else None
