"""What the model would say if a module were different in what its team can change.

Each module is changed alone: its changed figures are ranked among the unchanged figures of the others. The answers are
the model's view of modules with such figures; nothing here says that the change would cause them (Karimi et al.,
"Algorithmic recourse: from counterfactual explanations to interventions", FAccT 2021).
"""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from promotion_gate.learn.history import NEVER_DAYS

Matrix = npt.NDArray[np.float64]
Figures = Mapping[str, npt.ArrayLike]
"""Figures of modules by feature, in their own units, shape (n,) each."""

QUIET_DAYS = 182
CHANGES = ("churn", "commits", "lines_added", "lines_deleted")
DIVIDED = frozenset(
    (
        *("loc", "cyclomatic_complexity", "functions", "classes", "parameters", "tokens", "raises", "try_blocks"),
        *("comment_lines", "churn", "commits", "lines_added", "lines_deleted", "fan_in", "fan_out"),
    )
)
"""What two halves of a file share between them: counts of code, changes and dependencies, not the largest function."""


def quiet_half_year(feature: str, raw: Figures) -> Matrix:
    """A feature's figures, shape (n,), after half a year without failure and change.

    The module's own failures are older by half a year and weigh less in the decayed counts; nothing was changed and
    nothing has grown but the age. How often it ever failed, and the failures nearby, stay. A count of changes of the
    last year (`churn_1y`) is halved, and then the count without that ending is one of all time, which stays.
    """
    figures = np.asarray(raw[feature], dtype=float)
    if decayed := re.fullmatch(r"failures_(\d+)d", feature):
        return np.asarray(figures * 2 ** (-QUIET_DAYS / int(decayed[1])))
    if feature == "days_since_failure":
        return np.where(figures < NEVER_DAYS, figures + QUIET_DAYS, figures)
    if feature.endswith("_days_growth"):
        return figures
    if feature.endswith("_growth"):
        stem = feature.removesuffix("_growth")
        # From now to then, where the feature goes from the release before to now; no figure stays no figure.
        return np.asarray(figures * 0 + quiet_half_year(stem, raw) - np.asarray(raw[stem], dtype=float))
    if feature.removesuffix("_1y") in CHANGES:
        return figures / 2 if feature.endswith("_1y") else figures * (f"{feature}_1y" in raw)
    return figures


def split_in_two(feature: str, raw: Figures) -> Matrix:
    """A feature's figures, shape (n,), for one half of the file: the counts of `DIVIDED` are halved.

    The past failures stay: the half may be the one that failed.
    """
    figures = np.asarray(raw[feature], dtype=float)
    return figures / 2 if feature.removesuffix("_1y") in DIVIDED else figures


CHANGED: dict[str, Callable[[str, Figures], Matrix]] = {
    "quiet-half-year": quiet_half_year,
    "split-in-two": split_in_two,
}
"""Code -> how a feature's figures change."""


def ranks_if(ordered: Matrix, own: Matrix, changed: Matrix) -> Matrix:
    """Centred ranks that modules would have if their figure changed, each alone.

    Args:
        ordered: figures of all modules of the release that have one, rising.
        own: those of the modules in question, which are among them, shape (m,); NaN for one that has none.
        changed: what theirs would be, shape (m,); NaN for no figure.

    Returns:
        What `features.centred_ranks` would give each, shape (m,); for an unchanged figure the very rank it has.
    """
    left, right = np.searchsorted(ordered, changed, "left"), np.searchsorted(ordered, changed, "right")
    below = left - (own < changed)
    alike = right - left - (own == changed) + 1  # with itself
    size = np.maximum(1, len(ordered) + np.isnan(own))
    return np.where(np.isnan(changed), 0.0, (below + alike / 2) / size - 0.5)


def ordered(figures: Matrix) -> Matrix:
    """Those that are figures, rising: what `ranks_if` takes."""
    return np.sort(figures[~np.isnan(figures)])


def counterfactuals(
    features: Sequence[str],
    now: Mapping[str, Matrix],
    values: Matrix,
    rank: Callable[[str, Matrix], Matrix],
) -> dict[str, Matrix]:
    """Features of modules, were they changed as `CHANGED` says.

    Args:
        features: of the model, in order.
        now: the modules' figures in their own units by feature, shape (m,) each.
        values: their features, shape (m, k).
        rank: feature and changed figures, shape (m,) -> the features that they would be, see `ranks_if`.

    Returns:
        By code the features, shape (m, k).
    """
    found = {}
    for code, change in CHANGED.items():
        variant = values.copy()
        for column, name in enumerate(features):
            changed = change(name, now)
            if not np.array_equal(changed, now[name], equal_nan=True):
                variant[:, column] = rank(name, changed)
        found[code] = variant
    return found
