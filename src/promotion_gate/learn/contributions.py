"""Why a module scores as it does: additive contributions of its features, grouped, and the figures behind them.

Contributions are in log odds of P(severity > t), one set for each of the four thresholds t: the ridge's is coefficient
times rank (exact for a linear model with the middle rank as reference), the trees' their Shapley values (Lundberg et
al., Nature Machine Intelligence 2020), which XGBoost computes itself. With the base they add up to the model's margin.
`decide.attribution` carries them on to the score.
"""

import bisect
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.features import COUPLING, KEYS, LOAD_COLUMNS
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.prevalence import THRESHOLDS

Matrix = npt.NDArray[np.float64]
GROUPS = ("history", "churn", "coupling", "criticality", "load", "age", "size")
CHURN = ("churn", "commit", "author", "lines_added", "lines_deleted", "growth")
NEARBY = {
    "neighbour_failures": "recent failures of its neighbours in the dependency graph",
    "folder_failures": "failures a module in its folder",
    "parent_folder_failures": "failures a module in the folder above its own",
    "grandparent_folder_failures": "failures a module two folders above its own",
    "tree_ever_failures": "share of the modules near it in the tree of folders that ever failed",
    "tree_recent_failures": "recent failures of the modules near it in the tree of folders",
}
WORDS = {
    **NEARBY,
    "fan_in": "modules that depend on it",
    "fan_out": "modules that it depends on",
    "loc": "lines of code",
}
YEAR_DAYS = 365
LEAST = 1e-4
"""Log odds. The score never moves by more than they do, and what moves it less than this is told nowhere."""


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


def contributions(model: FailureModel, values: Matrix) -> tuple[Matrix, Matrix]:
    """Contribution of every feature to the log odds of each threshold.

    Args:
        model: the fitted model.
        values: features in the order of `model.features` (`FailureModel.values`), shape (n, k).

    Returns:
        Contributions, shape (4, n, k), features in the order of `model.features`, and the base, shape (4, n). Base plus
        contributions are the model's margin, the logit of P(severity > t). The base is nearly the same for all modules:
        the ridge's at the middle ranks and the trees' mean.
    """
    matrix = model.matrix(values)
    trees = model.booster.predict(matrix, pred_contribs=True).astype(float).reshape(THRESHOLDS, len(values), -1)
    margin = model.booster.predict(matrix, output_margin=True).astype(float).reshape(THRESHOLDS, len(values))
    # The last columns are the threshold's own and XGBoost's bias, into which it counts the ridge's margin; its linear
    # part belongs to the features. The base takes what they do not explain, and with it the float32 rounding.
    effects = trees[:, :, :-2] + model.linear(values)
    return effects, margin - effects.sum(axis=2)


def by_group(model: FailureModel, effects: Matrix) -> Matrix:
    """Contributions of shape (4, n, k) summed over each of `GROUPS`, shape (4, n, 7)."""
    return np.asarray(effects @ _members(model.features), dtype=float)


@functools.lru_cache(8)
def _members(features: tuple[str, ...]) -> Matrix:
    """Which feature is in which group, 0 or 1, shape (k, 7)."""
    return np.array([[group_of(name) == group for group in GROUPS] for name in features], dtype=float)


def failure_counts(failures: pd.DataFrame, modules: pd.Series, when: pd.Timestamp) -> tuple[Matrix, Matrix]:
    """Distinct failures of each module in the last year before `when` and in all, both of shape (n,)."""
    own = failures.drop_duplicates(["module", "failure_id"])
    recent = own[own.occurred_at > when - pd.Timedelta(days=YEAR_DAYS)]

    def count(part: pd.DataFrame) -> Matrix:
        return np.asarray(modules.map(part.module.value_counts()).fillna(0), dtype=float)

    return count(recent), count(own)


def compared(ordered: Sequence[float], value: float, known: float | None = None) -> str:
    """How a figure compares with those of all modules, sorted. Strictly: a module is not more than its equals.

    `known` is the figure that stands among them for the module itself, NaN for none, where that is another one.
    """
    own = value if known is None else known
    below = bisect.bisect_left(ordered, value) - (own < value)
    above = len(ordered) - bisect.bisect_right(ordered, value) - (own > value)
    word, beaten = ("more", below) if below >= above else ("less", above)
    # In whole numbers, rounded down: "more than 100 %" is never true. 0 where all are alike.
    share = 100 * beaten // max(1, len(ordered) + (own != own))
    return f"; {word} than {share} % of modules" if share else ""


def history_in_words(last_year: float, ever: float) -> str:
    """The module's own failures in words."""

    def times(count: float) -> str:
        return "once" if count == 1 else f"{count:.0f} times"

    if not ever:
        return "never failed"
    if not last_year:
        return f"failed {times(ever)} in all, not in the last year"
    in_all = f" ({times(ever)} in all)" if ever != last_year else ""
    return f"failed {times(last_year)} in the last year{in_all}"


def in_words(feature: str, value: float, ordered: Sequence[float], known: float | None = None) -> str:
    """One feature of one module in words: its figure, and how it compares with those of all modules (`compared`)."""
    if feature == "criticality":
        return f"criticality {value:.2f}"
    stem = feature.removesuffix("_growth")
    words = f"{'growth of ' if stem != feature else ''}{WORDS.get(stem, stem.replace('_', ' '))}"
    if np.isnan(value):
        return f"{words} no figure"
    return f"{words} {f'{value:.3g}' if value % 1 else f'{value:.0f}'}{compared(ordered, value, known)}"


class Words:
    """The words for the groups of a release's modules, told by the feature that moves the group most.

    The module's own failures count as one feature: their many counts say the same.

    Args:
        features: of the model, in order.
        figures: of all modules of the release by feature, in their own units (`raw_features`), shape (n,) each.
        counts: failures of all modules in the last year and in all (`failure_counts`), shape (n,) each.
    """

    def __init__(self, features: Sequence[str], figures: Mapping[str, Matrix], counts: tuple[Matrix, Matrix]) -> None:
        self._features, self._figures, self._counts = features, figures, counts
        self._ordered_counts = [np.sort(counted).tolist() for counted in counts]
        self._ordered: dict[str, list[float]] = {}
        self._members = {}
        for group in GROUPS:
            members = [index for index, name in enumerate(features) if group_of(name) == group]
            own = [index for index in members if group == "history" and features[index] not in NEARBY]
            self._members[group] = own, [index for index in members if index not in own]

    def told(
        self, effects: Matrix, rows: npt.NDArray[np.int64], given: Mapping[str, Matrix]
    ) -> list[dict[str, dict[str, str]]]:
        """Tell of some modules.

        Args:
            effects: contributions to their log odds, shape (4, m, k).
            rows: which modules are told of, shape (m,).
            given: their figures, where they are others than the release's, shape (m,) each.

        Returns:
            For each of the m modules a mapping from group to {"raises": words, "lowers": words}. Only the directions
            that the group takes at some threshold are there, for the score can take no other; which it takes depends on
            the weights of the severities.
        """
        found: list[dict[str, dict[str, str]]] = [{} for _ in rows]
        for group, (own, others) in self._members.items():
            # The own failures, if any, come first.
            parts = [effects[:, :, own].sum(axis=2, keepdims=True)] * bool(own)
            told_by = np.concatenate([*parts, effects[:, :, others]], axis=2)
            totals = told_by.sum(axis=2)
            for verb, sign in (("raises", 1), ("lowers", -1)):
                takes = sign * totals > LEAST
                strongest = (sign * told_by * takes[:, :, None]).sum(axis=0)
                for at in np.flatnonzero(takes.any(axis=0)):
                    which = int(strongest[at].argmax()) - bool(own)
                    if which < 0:
                        words = self._failed(rows[at])
                    else:
                        words = self._figure(self._features[others[which]], int(at), int(rows[at]), given)
                    found[at].setdefault(group, {})[verb] = words
        return found

    def _failed(self, row: int) -> str:
        last_year, ever = self._counts
        counted = last_year if last_year[row] else ever
        beside = compared(self._ordered_counts[counted is ever], counted[row]) if counted[row] else ""
        return history_in_words(last_year[row], ever[row]) + beside

    def _figure(self, name: str, at: int, row: int, given: Mapping[str, Matrix]) -> str:
        figures = self._figures[name]
        ordered = self._ordered.get(name)
        if ordered is None:
            ordered = self._ordered[name] = np.sort(figures[~np.isnan(figures)]).tolist()
        known = float(figures[row])
        return in_words(name, float(given[name][at]) if name in given else known, ordered, known)


def as_table(raw: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Contributions in long form: project, release, module, feature, value in its own unit, contribution."""
    names = list(effects.columns)
    long = raw[KEYS].join(effects).melt(id_vars=KEYS, var_name="feature", value_name="contribution")
    figures = raw[KEYS].join(raw[names].astype(float)).melt(id_vars=KEYS, var_name="feature", value_name="value")
    return long.assign(value=figures.value)[[*KEYS, "feature", "value", "contribution"]]
