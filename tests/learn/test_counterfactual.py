"""What the model would say of changed modules: the ranks they would have, each alone, and the direction it moves."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.learn import counterfactual, model
from promotion_gate.learn.counterfactual import (
    QUIET_DAYS,
    counterfactuals,
    ordered,
    quiet_half_year,
    ranks_if,
    split_in_two,
)
from promotion_gate.learn.dataset import Dataset, training_set
from promotion_gate.learn.features import centred_ranks, direction, featurize_all, raw_features
from promotion_gate.learn.scoring import score_release
from tests.cli_bundle import READ
from tests.learn.scored_release import KNOWN, LAST, RAW, TABLES, WHEN, X

ALL = np.arange(len(RAW))


@pytest.fixture(scope="module")
def data() -> Dataset:
    data = training_set(TABLES, featurize_all(TABLES, READ.featurize), LAST.released_at, pd.Timedelta(days=235), 8)
    assert data is not None
    return data


@pytest.fixture(scope="module")
def fitted(data: Dataset) -> model.FailureModel:
    return model.fit(data, "tiny", READ, READ.train.model)


@pytest.fixture(scope="module")
def directed(data: Dataset) -> model.FailureModel:
    """A model all of whose features have a direction, in the ridge as in the trees."""
    kept = data.X[[name for name in data.X.columns if direction(name) != 0]]
    found = model.fit(dataclasses.replace(data, X=kept), "tiny", READ, READ.train.model)
    return dataclasses.replace(found, coefficients=np.array([0.3 * direction(name) for name in found.features]))


figures = st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(float("nan"))), min_size=1, max_size=20)


@given(figures)
def test_an_unchanged_figure_has_the_very_rank_it_has(values: list[float]) -> None:
    given = np.array(values)
    assert ranks_if(ordered(given), given, given).tolist() == centred_ranks(pd.DataFrame({"x": given})).x.tolist()


@given(figures, st.data())
def test_a_changed_figure_has_the_rank_of_a_release_in_which_it_alone_changed(
    values: list[float], draw: st.DataObject
) -> None:
    given = np.array(values)
    row = draw.draw(st.integers(0, len(values) - 1))
    then = given.copy()
    then[row] = draw.draw(st.one_of(st.integers(-6, 6).map(lambda n: n / 2), st.just(given[row])))
    expected = centred_ranks(pd.DataFrame({"x": then})).x[row]
    assert ranks_if(ordered(given), given[[row]], then[[row]]).tolist() == [expected]


def test_a_quiet_half_year_is_what_the_history_says_of_older_failures() -> None:
    name = str(KNOWN.failures.module.value_counts().index[0])
    own = KNOWN.failures.module == name
    older = KNOWN.failures.occurred_at.where(~own, KNOWN.failures.occurred_at - pd.Timedelta(days=QUIET_DAYS))
    moved = dataclasses.replace(KNOWN, failures=KNOWN.failures.assign(occurred_at=older))
    after = raw_features(moved, LAST, WHEN, READ.featurize)
    row = int(np.flatnonzero(RAW.module == name)[0])
    for feature in [column for column in RAW.columns if column.startswith("failures") or "since" in column]:
        expected = quiet_half_year(feature, RAW)[row]
        assert after[feature][row] == pytest.approx(expected), feature


def test_nothing_changes_in_a_quiet_half_year_but_time_goes_on() -> None:
    given = np.array([5.0, -3.0, np.nan])
    names = ("churn", "lines_added", "loc", "failures", "failures_high", "neighbour_failures", "age_days", "fan_in")
    raw = pd.DataFrame(dict.fromkeys((*names, "loc_growth", "churn_growth", "age_days_growth"), given))

    def after(name: str) -> list[float]:
        return quiet_half_year(name, raw)[:2].tolist()

    assert np.isnan([quiet_half_year(name, raw)[2] for name in raw]).all()
    assert {name: after(name) for name in ("churn", "lines_added", "loc_growth", "churn_growth")} == {
        "churn": [0, 0],
        "lines_added": [0, 0],
        "loc_growth": [0, 0],
        "churn_growth": [-5, 3],  # back to nothing from what it is now
    }
    for name in ("loc", "failures", "failures_high", "neighbour_failures", "age_days", "age_days_growth", "fan_in"):
        assert after(name) == [5, -3]
    never = counterfactual.NEVER_DAYS
    since = pd.DataFrame({"days_since_failure": [10.0, never]})
    assert quiet_half_year("days_since_failure", since).tolist() == [10.0 + QUIET_DAYS, never]


def test_what_counts_the_changes_of_all_time_stays_and_of_the_last_year_is_halved() -> None:
    raw = pd.DataFrame({"churn": [80.0], "churn_1y": [6.0], "churn_1y_growth": [2.0], "churn_growth": [6.0]})
    assert {name: quiet_half_year(name, raw).tolist() for name in raw} == {
        "churn": [80.0],
        "churn_1y": [3.0],
        "churn_1y_growth": [-3.0],
        "churn_growth": [0.0],
    }


def test_halves_share_counts_and_keep_the_past() -> None:
    shared = ("loc", "cyclomatic_complexity", "churn", "churn_1y", "fan_in", "fan_out", "functions")
    kept = ("failures", "failures_60d", "max_complexity", "criticality", "loc_growth", "authors")
    raw = pd.DataFrame({name: [8.0, 3.0] for name in (*shared, *kept)})
    assert all(split_in_two(name, raw).tolist() == [4.0, 1.5] for name in shared)
    assert all(split_in_two(name, raw).tolist() == [8.0, 3.0] for name in kept)


def changed(fitted: model.FailureModel, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities of modules of the release, were they changed, by code."""
    figures = {name: RAW[name].to_numpy(float) for name in fitted.features}
    found = counterfactuals(
        fitted.features,
        {name: values[rows] for name, values in figures.items()},
        fitted.values(X)[rows],
        lambda name, then: ranks_if(ordered(figures[name]), figures[name][rows], then),
    )
    return {code: fitted.probabilities(values) for code, values in found.items()}


def test_without_a_change_the_prediction_is_the_same(
    fitted: model.FailureModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterfactual, "CHANGED", {"same": lambda name, raw: raw[name]})
    assert changed(fitted, ALL)["same"].tolist() == fitted.predict(X).tolist()


def test_every_module_is_changed_alone(fitted: model.FailureModel) -> None:
    together = changed(fitted, ALL)
    for row in (0, 7, len(RAW) - 1):
        alone = changed(fitted, np.array([row]))
        assert {code: p[0].tolist() for code, p in alone.items()} == {
            code: p[row].tolist() for code, p in together.items()
        }


def test_a_quieter_or_smaller_module_never_has_the_higher_risk(directed: model.FailureModel) -> None:
    now = directed.predict(X)[:, ::-1].cumsum(axis=1)
    for code, probabilities in changed(directed, ALL).items():
        then = probabilities[:, ::-1].cumsum(axis=1)
        assert (then <= now + 1e-6).all(), code
        assert (then[:, 3] < now[:, 3] - 1e-3).any(), code


def test_entries_hold_what_was_computed(fitted: model.FailureModel) -> None:
    expected = changed(fitted, ALL)
    for row, entry in enumerate(score_release(fitted, KNOWN, LAST, WHEN)):
        assert [other["code"] for other in entry["counterfactuals"]] == ["quiet-half-year", "split-in-two"]
        for other in entry["counterfactuals"]:
            np.testing.assert_allclose(other["probabilities"], expected[other["code"]][row], atol=1e-8)
