"""Why a module scores as it does: additive contributions of its features, grouped, in plain words.

A contribution is in log odds, the mean over the four thresholds: the ridge's is coefficient times rank (exact for a
linear model with the middle rank as reference), the trees' their Shapley values (Lundberg et al., Nature Machine
Intelligence 2020), which XGBoost computes itself. With the base they add up to the mean log odds of the prediction.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.features import KEYS, LOAD_COLUMNS
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.prevalence import THRESHOLDS

GROUPS = ("history", "churn", "coupling", "criticality", "load", "age", "size")
COUPLING = ("fan_in", "fan_out", "pagerank", "transitive_dependents")
CHURN = ("churn", "commit", "author", "lines_added", "lines_deleted", "growth")
WORDS = {
    "failures": "past failures",
    "days_since_failure": "days since its last failure",
    "neighbour_failures": "recent failures of its neighbours in the dependency graph",
    "folder_failures": "recent failures in its folder",
    "fan_in": "modules that depend on it",
    "fan_out": "modules that it depends on",
    "pagerank": "its rank in the dependency graph",
    "transitive_dependents": "modules that depend on it, directly or not",
    "loc": "lines of code",
}


def group_of(feature: str) -> str:
    """The group that a feature is told under; a metric without a known meaning counts as size and shape of the code."""
    if feature.startswith("failures") or feature.endswith(("_failures", "since_failure")):
        return "history"
    if any(part in feature for part in CHURN):
        return "churn"
    if feature in COUPLING:
        return "coupling"
    if feature == "criticality":
        return "criticality"
    if feature in LOAD_COLUMNS:
        return "load"
    return "age" if feature.endswith("_days") else "size"


def contributions(model: FailureModel, X: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Contribution of every feature to the mean log odds over the thresholds.

    Args:
        model: the fitted model.
        X: features, shape (n, k) or more columns.

    Returns:
        Contributions, shape (n, k), columns `model.features`, and the base of every row, shape (n,).
    """
    values = X[list(model.features)].to_numpy(float)
    matrix = model.matrix(values)
    trees = model.booster.predict(matrix, pred_contribs=True).astype(float)
    mean = trees.reshape(THRESHOLDS, len(values), -1).mean(axis=0)
    linear = values * model.coefficients
    # XGBoost counts the margin into the last column; its linear part belongs to the features.
    base = mean[:, -1] + mean[:, -2] - linear.sum(axis=1)
    return pd.DataFrame(mean[:, :-2] + linear, columns=list(model.features), index=X.index), base


def in_words(feature: str, value: float, rank: float) -> str:
    """One feature of one module, in a sentence's part: its figure, and how it compares within the release."""
    if feature == "criticality":
        return f"criticality {value:.2f}"
    if feature == "days_since_failure" and value > 36_000:
        return "it never failed before"
    grown = feature.endswith("_growth")
    stem = feature.removesuffix("_growth")
    if stem.startswith("failures_"):
        kind = stem.removeprefix("failures_")
        words = f"past failures, halved every {kind[:-1]} days," if kind[:-1].isdigit() else f"past {kind} failures"
    else:
        words = WORDS.get(stem, stem.replace("_", " "))
    share = int(100 * (rank + 0.5))
    compared = f"more than {share} % of modules" if rank > 0 else f"in the lower {share + 1} %"
    figure = "no figure" if np.isnan(value) else f"{value:.3g}" if value % 1 else f"{value:.0f}"
    return f"{'growth of ' if grown else ''}{words} {figure} ({compared})"


def reasons(model: FailureModel, raw: pd.DataFrame, X: pd.DataFrame) -> list[list[dict[str, object]]]:
    """The groups that moved each module's score, largest first, each told by its strongest feature.

    Args:
        model: the fitted model.
        raw: figures in their own units (`raw_features`), shape (n, ..).
        X: the same rows as features (`ranked`).

    Returns:
        For each row a list of {code, message, effect}; effect in log odds, positive where it raises the score.
    """
    effects, _ = contributions(model, X)
    groups = np.array([group_of(name) for name in model.features])
    found = []
    names = np.array(model.features)
    figures, ranks = raw[list(names)].to_numpy(float), X[list(names)].to_numpy(float)
    for row, effect in enumerate(effects.to_numpy()):
        told = []
        for group in GROUPS:
            members = np.flatnonzero(groups == group)
            total = float(effect[members].sum())
            if abs(total) < 0.005:
                continue
            strongest = members[np.argmax(effect[members] * np.sign(total))]
            words = in_words(names[strongest], figures[row, strongest], ranks[row, strongest])
            verb = "raises" if total > 0 else "lowers"
            told.append({"code": group, "message": f"{words} {verb} the score", "effect": round(total, 4)})
        found.append(sorted(told, key=lambda reason: -abs(float(str(reason["effect"])))))
    return found


def as_table(raw: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Contributions in long form: project, release, module, feature, value in its own unit, contribution."""
    names = list(effects.columns)
    long = raw[KEYS].join(effects).melt(id_vars=KEYS, var_name="feature", value_name="contribution")
    figures = raw[KEYS].join(raw[names].astype(float)).melt(id_vars=KEYS, var_name="feature", value_name="value")
    return long.assign(value=figures.value)[[*KEYS, "feature", "value", "contribution"]]
