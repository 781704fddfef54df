"""The rows of the ablation: the model less one of its parts, or with an idea that was not kept."""

import dataclasses
import fnmatch
from collections.abc import Callable, Sequence
from typing import NamedTuple
from unittest import mock

import ideas
import numpy as np
import numpy.typing as npt
import pandas as pd
from cases import Case

from promotion_gate.learn import margin, model, ridge
from promotion_gate.learn.dataset import Dataset
from promotion_gate.learn.model import FailureModel
from promotion_gate.schema import LEVELS

Array = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]


Variant = Callable[[Case], tuple[Array, Levels]]
"""From a case to probabilities of each level, shape (n, 5), and predicted levels, shape (n,)."""


class Row(NamedTuple):
    """A row of the table; a row that is no idea is neither kept nor not.

    `pool`: it learns from the other projects too, `beside_pooled`: so does the model that it is compared with.
    """

    name: str
    kept: bool | None
    variant: Variant
    pool: bool = False
    beside_pooled: bool = False


def learnt(
    case: Case, without: Sequence[str] = (), plus: Sequence[str] = (), **changes: float
) -> tuple[Dataset, pd.DataFrame, FailureModel]:
    """The model with columns left out or added (patterns of names) and hyperparameters changed; its data and rows."""
    names = [
        name
        for name in case.data.X.columns
        if (not name.startswith("idea_") and not any(fnmatch.fnmatchcase(name, pattern) for pattern in without))
        or any(fnmatch.fnmatchcase(name, pattern) for pattern in plus)
    ]
    data = dataclasses.replace(case.data, X=case.data.X[names])
    hyper = case.params.train.model.model_copy(update=changes)
    return data, case.rows[names], model.fit(data, case.release.project, case.params, hyper)


def told(fitted: FailureModel, rows: pd.DataFrame) -> tuple[Array, Levels]:
    """What a fitted model says of rows."""
    probabilities = fitted.predict(rows)
    return probabilities, fitted.severity(probabilities)


def variant(without: Sequence[str] = (), plus: Sequence[str] = (), **changes: float) -> Variant:
    """The model with columns left out or added and hyperparameters changed."""

    def predict(case: Case) -> tuple[Array, Levels]:
        _, rows, fitted = learnt(case, without, plus, **changes)
        return told(fitted, rows)

    return predict


def another_seed(case: Case) -> tuple[Array, Levels]:
    """The model with other subsamples: how far chance alone moves the figures."""
    train = case.params.train
    params = case.params.model_copy(update={"train": train.model_copy(update={"seed": train.seed + 1})})
    return variant()(case._replace(params=params))


def unconstrained(case: Case) -> tuple[Array, Levels]:
    # The booster asks `direction` for every name and takes no argument for it.
    with mock.patch.object(model, "direction", return_value=0):
        return variant()(case)


def one_ridge(case: Case) -> tuple[Array, Levels]:
    """All projects in one ridge at equal mass, instead of the project's own drawn towards the others'."""

    def of_all(
        X: Array, failed: npt.NDArray[np.bool_], projects: pd.Series, own: npt.NDArray[np.bool_], c: float, prior: Array
    ) -> Array:
        return ridge.fit(X, failed, margin.equal_mass(projects), c, prior)

    # `model.fit` and `margin.out_of_fold` both take the coefficients from here.
    with mock.patch.object(margin, "coefficients", of_all):
        return variant()(case)


def equal_mass(case: Case) -> tuple[Array, Levels]:
    """Trees that every project teaches alike, however few failures of its own there are."""
    with mock.patch.object(margin, "own_mass", lambda projects, own, failed: margin.equal_mass(projects)):
        return variant()(case)


def past_share(case: Case) -> tuple[Array, Levels]:
    """The decayed share of the past releases as forecast: what the last horizon's log says is left out."""
    return variant()(case._replace(data=dataclasses.replace(case.data, recent={})))


def likeliest(case: Case) -> tuple[Array, Levels]:
    probabilities, _ = variant()(case)
    return probabilities, probabilities.argmax(axis=1)


def plain_ranks(case: Case) -> tuple[Array, Levels]:
    """A ridge on the ranks as they are, instead of their normal scores."""
    # `model.fit` and `FailureModel.linear` both take the scores from here.
    with mock.patch.object(margin, "normal_scores", lambda X, features: X):
        return variant()(case)


def reforecast(shares: Callable[[Case, Array], Array]) -> Variant:
    """The model with another forecast, made from the case and the model's own."""

    def predict(case: Case) -> tuple[Array, Levels]:
        data, rows, fitted = learnt(case)
        project = case.release.project
        other = shares(case, ideas.forecast_of(data, project, case.params))
        return told(ideas.at_shares(fitted, data, project, other), rows)

    return predict


def matched_on_release(case: Case) -> tuple[Array, Levels]:
    data, rows, fitted = learnt(case)
    shares = ideas.forecast_of(data, case.release.project, case.params)
    return told(ideas.at_shares(fitted, data, case.release.project, shares, rows), rows)


def unresolved_too(case: Case, shares: Array) -> Array:
    horizon = pd.Timedelta(days=case.params.labels.horizon_days)
    return ideas.with_unresolved(shares, case.known, case.release.project, case.release.released_at, horizon)


def forecast_mix(case: Case) -> Array:
    """How often each level is forecast among failures, whatever the module, shape (5,); the model's own forecast."""
    shares = ideas.forecast_of(case.data, case.release.project, case.params)
    return np.append(0.0, -np.diff(np.append(shares, 0.0)) / shares[0])


AS_IS = "the model as it is"
NEARBY = ("folder_failures", "parent_folder_failures", "grandparent_folder_failures", "tree_*")
DECAYED = ("failures_[0-9]*d",)
BY_SEVERITY = tuple(f"failures_{level}" for level in LEVELS[1:])
ROWS = (
    Row(AS_IS, None, variant()),
    Row("another seed: how far chance goes", None, another_seed),
    # In the model: what is lost without it.
    Row("without failures nearby in the tree of folders", True, variant(NEARBY)),
    Row("without failures of graph neighbours", True, variant(["neighbour_failures"])),
    Row("without decayed counts of failures", True, variant(DECAYED)),
    Row("without counts by severity", True, variant(BY_SEVERITY)),
    Row("without days since the last failure", True, variant(["days_since_failure"])),
    Row("without growth since the last release", True, variant(["*_growth"])),
    Row("without criticality", True, variant(["criticality"])),
    Row("without fan-in and fan-out", True, variant(["fan_in", "fan_out"])),
    Row("without the directed prior of the ridge", True, variant(prior_slope=0.0)),
    Row("without normal scores: the ridge on ranks", True, plain_ranks),
    Row("without the ridge: trees alone", True, variant(margin_scale=0.0)),
    Row("without the trees: the ridge at full scale alone", True, variant(margin_scale=1.0, rounds=0)),
    Row("without monotone constraints", True, unconstrained),
    Row("without the last horizon in the forecast", True, past_share),
    Row("without cuts: the likeliest level", True, likeliest),
    Row("other projects pooled in", True, variant(), pool=True),
    Row("pooled, without the hierarchy: one ridge", True, one_ridge, pool=True, beside_pooled=True),
    Row("pooled, without more mass for own failures in the trees", True, equal_mass, pool=True, beside_pooled=True),
    # Not kept: what putting it in would do.
    Row("PageRank", False, variant(plus=["idea_pagerank"])),
    Row("transitive dependents", False, variant(plus=["idea_transitive_dependents"])),
    Row("decayed failures over the root of their width", False, variant(plus=["idea_narrow_*"])),
    Row("decayed failures weighted by severity", False, variant(plus=["idea_severe_failures"])),
    Row("failures of modules that failed together with it", False, variant(plus=["idea_together_failures"])),
    Row("failures of modules alike by name", False, variant(plus=["idea_word_failures"])),
    Row("churn by lines", False, variant(plus=["idea_churn*_by_loc"])),
    Row("failures by the root of lines", False, variant(plus=["idea_density_failures"])),
    Row("neighbours' mean instead of their sum", False,
        variant(["neighbour_failures"], ["idea_neighbours_mean_failures"])),
    Row("churn of the folder", False, variant(plus=["idea_folder_churn*"])),
    Row("margin at full scale", False, variant(margin_scale=1.0)),
    Row("50 rounds", False, variant(rounds=50)),
    Row("depth 3", False, variant(max_depth=3)),
    Row("depth 6", False, variant(max_depth=6)),
    Row("stronger ridge, c .03", False, variant(ridge_c=0.03)),
    Row("24 parallel trees", False, variant(num_parallel_tree=24)),
    Row("intercept matched on the release to be scored", False, matched_on_release),
    Row("forecast: damped trend", False,
        reforecast(lambda case, shares: ideas.with_trend(case.data, case.release.project, shares))),
    Row("forecast: drawn to one module in twelve", False, reforecast(lambda _, shares: ideas.reverted(shares))),
    Row("forecast: lifted by failures not resolved yet", False, reforecast(unresolved_too)),
)  # fmt: skip
