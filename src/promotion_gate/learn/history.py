"""The failure history of every module as of a moment: how often, how bad, how long ago, and nearby."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from promotion_gate.schema import LEVELS

NEVER_DAYS = 36_500.0
"""Days since the last failure of a module that never failed: a century, beyond every log."""


def folder_of(modules: pd.Series) -> pd.Series:
    """The folder (or package) that holds each module; the empty string at the top."""
    return modules.str.rpartition("/")[0]


def counts(modules: pd.Series, failures: pd.DataFrame, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum of the weights of each module's failures, shape (n,)."""
    total = pd.Series(weights, index=failures.module.to_numpy(), dtype=float).groupby(level=0).sum()
    return modules.map(total).fillna(0.0).to_numpy(float)


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
        Arrays of shape (n,): counts in all, by severity and decayed; days since the last failure; decayed counts,
        at the middle half-life, of the direct neighbours in the graph and of the other modules in the folder.
    """
    age = (when - failures.occurred_at).dt.total_seconds().to_numpy(float) / 86_400
    found = {"failures": counts(modules, failures, np.ones(len(failures)))}
    for name in LEVELS[1:]:
        found[f"failures_{name}"] = counts(modules, failures, np.asarray(failures.severity == name, dtype=float))
    for days in half_lives_days:
        found[f"failures_{days}d"] = counts(modules, failures, np.exp2(-age / days))
    last = pd.Series(age, index=failures.module.to_numpy()).groupby(level=0).min()
    found["days_since_failure"] = modules.map(last).fillna(NEVER_DAYS).to_numpy(float)
    recent = found[f"failures_{sorted(half_lives_days)[len(half_lives_days) // 2]}d"]
    found["neighbour_failures"] = edges @ recent + edges.T @ recent
    folder = folder_of(modules)
    found["folder_failures"] = pd.Series(recent).groupby(folder.to_numpy()).transform("sum").to_numpy() - recent
    return found
