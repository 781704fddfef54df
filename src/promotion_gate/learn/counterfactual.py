"""What the model would say if a module were different in what its team can change.

Each module is changed alone: its changed figures are ranked among the unchanged figures of the others. The answers are
the model's view of modules with such figures; nothing here says that the change would cause them (Karimi et al.,
"Algorithmic recourse: from counterfactual explanations to interventions", FAccT 2021).
"""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.history import NEVER_DAYS
from promotion_gate.learn.model import FailureModel

Matrix = npt.NDArray[np.float64]
QUIET_DAYS = 182
CHANGES = ("churn", "commits", "lines_added", "lines_deleted")
DIVIDED = frozenset(
    (
        *("loc", "cyclomatic_complexity", "functions", "classes", "parameters", "tokens", "raises", "try_blocks"),
        *("comment_lines", "churn", "commits", "lines_added", "lines_deleted", "fan_in", "fan_out"),
    )
)
"""What two halves of a file share between them: counts of code, changes and dependencies, not the largest function."""


def quiet_half_year(feature: str, raw: pd.DataFrame) -> Matrix:
    """A feature's figures, shape (n,), after half a year without failure and change.

    The module's own failures are older by half a year and weigh less in the decayed counts; nothing was changed and
    nothing has grown but the age. How often it ever failed, and the failures nearby, stay. A count of changes of the
    last year (`churn_1y`) is halved, and then the count without that ending is one of all time, which stays.
    """
    figures = raw[feature].to_numpy(float)
    if decayed := re.fullmatch(r"failures_(\d+)d", feature):
        return np.asarray(figures * 2 ** (-QUIET_DAYS / int(decayed[1])))
    if feature == "days_since_failure":
        return np.where(figures < NEVER_DAYS, figures + QUIET_DAYS, figures)
    if feature.endswith("_days_growth"):
        return figures
    if feature.endswith("_growth"):
        stem = feature.removesuffix("_growth")
        # From now to then, where the feature goes from the release before to now; no figure stays no figure.
        return np.asarray(figures * 0 + quiet_half_year(stem, raw) - raw[stem].to_numpy(float))
    if feature.removesuffix("_1y") in CHANGES:
        return figures / 2 if feature.endswith("_1y") else figures * (f"{feature}_1y" in raw.columns)
    return figures


def split_in_two(feature: str, raw: pd.DataFrame) -> Matrix:
    """A feature's figures, shape (n,), for one half of the file: the counts of `DIVIDED` are halved.

    The past failures stay: the half may be the one that failed.
    """
    figures = raw[feature].to_numpy(float)
    return figures / 2 if feature.removesuffix("_1y") in DIVIDED else figures


CHANGED: dict[str, Callable[[str, pd.DataFrame], Matrix]] = {
    "quiet-half-year": quiet_half_year,
    "split-in-two": split_in_two,
}
"""Code -> how a feature's figures change."""


def ranks_if(figures: Matrix, own: Matrix, changed: Matrix) -> Matrix:
    """Centred ranks that modules would have if their figure changed, each alone.

    Args:
        figures: of all modules of the release, shape (n,).
        own: those of the modules in question, which are among them, shape (m,).
        changed: what theirs would be, shape (m,); NaN, no figure, where `own` is.

    Returns:
        What `features.centred_ranks` would give each, shape (m,); for an unchanged figure the very rank it has.
    """
    ordered = np.sort(figures[~np.isnan(figures)])
    left, right = np.searchsorted(ordered, changed, "left"), np.searchsorted(ordered, changed, "right")
    below = left - (own < changed)
    alike = right - left - (own == changed) + 1  # with itself
    return np.where(np.isnan(changed), 0.0, (below + alike / 2) / max(1, len(ordered)) - 0.5)


def counterfactuals(
    model: FailureModel, raw: pd.DataFrame, X: pd.DataFrame, rows: npt.NDArray[np.int64]
) -> dict[str, Matrix]:
    """Probabilities of modules, were they changed as `CHANGED` says.

    Args:
        model: the fitted model.
        raw: figures in their own units of all modules of the release (`raw_features`), shape (n, ..).
        X: the same modules' features (`ranked`), shape (n, k) or more columns.
        rows: which modules are asked for, shape (m,).

    Returns:
        By code the probabilities of the levels, shape (m, 5).
    """
    base = X[list(model.features)].iloc[rows]
    variants = []
    for change in CHANGED.values():
        columns = {}
        for name in model.features:
            figures = raw[name].to_numpy(float)
            own = figures[rows]
            changed = change(name, raw)[rows]
            if not np.array_equal(changed, own, equal_nan=True):
                columns[name] = ranks_if(figures, own, changed)
        variants.append(base.assign(**columns))
    # One call for all: XGBoost's own start-up is paid once.
    probabilities = model.predict(pd.concat(variants, ignore_index=True))
    return dict(zip(CHANGED, np.split(probabilities, len(CHANGED)), strict=True))
