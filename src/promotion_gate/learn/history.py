"""The failure history of every module as of a moment: how often, how bad, how long ago, and nearby."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from promotion_gate.schema import LEVELS

NEVER_DAYS = 36_500.0
"""Days since the last failure of a module that never failed: a century, beyond every log."""

DOUBT = 5.0
"""How many modules the mean of a larger neighbourhood counts for, beside the mean of a smaller one."""


def counts(modules: pd.Series, failures: pd.DataFrame, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum of the weights of each module's failures, shape (n,)."""
    total = pd.Series(weights, index=failures.module.to_numpy(), dtype=float).groupby(level=0).sum()
    return modules.map(total).fillna(0.0).to_numpy(float)


def others_mean(
    groups: pd.Series, values: npt.NDArray[np.float64], instead: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Mean value of the other modules of each module's group, drawn towards another mean, shape (n,).

    Few others say little: `DOUBT` modules with the value `instead` are counted to them (empirical Bayes). A module in
    no group (None) keeps `instead`.
    """
    grouped = pd.Series(values).groupby(groups.to_numpy())
    total, size = (grouped.transform(what).fillna(0).to_numpy(float) for what in ("sum", "size"))
    found = (total - values + DOUBT * instead) / (size - 1 + DOUBT)
    return np.asarray(np.where(groups.isna(), instead, found), dtype=float)


def in_the_tree(modules: pd.Series, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What the other modules near each one in the tree of folders let expect of its value, shape (n,).

    From the top down: the mean of all others, then of those under the same top folder drawn towards it, and so on
    down to the module's own folder.
    """
    parts = modules.str.split("/").tolist()
    found = np.asarray((values.sum() - values) / max(1, len(values) - 1), dtype=float)
    for depth in range(1, max(map(len, parts), default=0)):
        groups = pd.Series(["/".join(part[:depth]) if len(part) > depth else None for part in parts], dtype=object)
        found = others_mean(groups, values, found)
    return found


def failure_history(
    modules: pd.Series,
    failures: pd.DataFrame,
    when: pd.Timestamp,
    edges: sparse.csr_array,
    half_lives_days: Sequence[int],
) -> dict[str, npt.NDArray[np.float64]]:
    """Past failures as features.

    Args:
        modules: names, shape (n,).
        failures: the project's failures that were known at `when`.
        when: the moment; ages are counted back from it.
        edges: adjacency of the dependency graph, shape (n, n).
        half_lives_days: each gives a count of past failures that halves in weight in so many days.

    Returns:
        Arrays of shape (n,): counts in all, by severity and decayed; days since the last failure; decayed counts, at
        the middle half-life, of the direct neighbours in the graph; mean decayed counts, at the longest, of the other
        modules in the folder, its parent and its grandparent; and over the tree of folders, who ever failed and mean
        decayed counts at the middle half-life.
    """
    age = (when - failures.occurred_at).dt.total_seconds().to_numpy(float) / 86_400
    found = {"failures": counts(modules, failures, np.ones(len(failures)))}
    for name in LEVELS[1:]:
        found[f"failures_{name}"] = counts(modules, failures, np.asarray(failures.severity == name, dtype=float))
    for days in half_lives_days:
        found[f"failures_{days}d"] = counts(modules, failures, np.exp2(-age / days))
    last = pd.Series(age, index=failures.module.to_numpy()).groupby(level=0).min()
    found["days_since_failure"] = modules.map(last).fillna(NEVER_DAYS).to_numpy(float)
    shortest_first = sorted(half_lives_days)
    recent = found[f"failures_{shortest_first[len(half_lives_days) // 2]}d"]
    found["neighbour_failures"] = edges @ recent + edges.T @ recent
    lasting, folder = found[f"failures_{shortest_first[-1]}d"], modules
    for name in ("folder", "parent_folder", "grandparent_folder"):
        folder = folder.str.rpartition("/")[0]
        found[f"{name}_failures"] = others_mean(folder, lasting, np.full(len(modules), lasting.mean()))
    found["tree_ever_failures"] = in_the_tree(modules, np.asarray(found["failures"] > 0, dtype=float))
    found["tree_recent_failures"] = in_the_tree(modules, recent)
    return found
