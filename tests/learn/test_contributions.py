"""Why modules score as they do: contributions that add up, and words whose figures are true, on tiny data."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from promotion_gate.learn import model
from promotion_gate.learn.contributions import (
    GROUPS,
    Words,
    by_group,
    compared,
    contributions,
    failure_counts,
    group_of,
    history_in_words,
    in_words,
)
from promotion_gate.learn.dataset import training_set
from promotion_gate.learn.features import featurize_all
from promotion_gate.learn.scoring import score_release
from tests.cli_bundle import READ
from tests.learn.scored_release import KNOWN, LAST, RAW, TABLES, WHEN, X


@pytest.fixture(scope="module")
def fitted() -> model.FailureModel:
    data = training_set(TABLES, featurize_all(TABLES, READ.featurize), LAST.released_at, pd.Timedelta(days=235), 8)
    assert data is not None
    return model.fit(data, "tiny", READ, READ.train.model)


@pytest.fixture(scope="module")
def entries(fitted: model.FailureModel) -> list[dict[str, Any]]:
    return score_release(fitted, KNOWN, LAST, WHEN)


def logits(probabilities: Any) -> np.ndarray:
    """Log odds of the four thresholds, shape (4, n)."""
    return logit(np.atleast_2d(probabilities)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]).T


def test_contributions_add_up_to_the_log_odds_of_every_threshold(fitted: model.FailureModel) -> None:
    effects, base = contributions(fitted, fitted.values(X))
    assert effects.shape == (4, len(X), len(fitted.features))
    np.testing.assert_allclose(base + effects.sum(axis=2), logits(fitted.predict(X)), atol=1e-5)


def test_the_base_hides_no_more_than_rounding(fitted: model.FailureModel) -> None:
    values = X[list(fitted.features)].to_numpy(float)
    trees = fitted.booster.predict(fitted.matrix(values), pred_contribs=True).astype(float)
    own = trees[:, -2:].sum(axis=1).reshape(4, -1) - fitted.linear(values).sum(axis=1)
    np.testing.assert_allclose(contributions(fitted, fitted.values(X))[1], own, atol=1e-4)


def test_every_feature_is_told_under_one_group(fitted: model.FailureModel) -> None:
    assert {group_of(name) for name in fitted.features} <= set(GROUPS)
    assert {"size", "churn", "history", "coupling", "criticality", "load"} <= set(GROUPS)
    effects, _ = contributions(fitted, fitted.values(X))
    np.testing.assert_allclose(by_group(fitted, effects).sum(axis=2), effects.sum(axis=2), atol=1e-12)
    history = [group_of(name) == "history" for name in fitted.features]
    np.testing.assert_allclose(by_group(fitted, effects)[:, :, 0], effects[:, :, history].sum(axis=2), atol=1e-12)


def test_entries_hold_contributions_that_add_up_to_their_probabilities(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        assert list(entry["contributions"]) == ["base", *GROUPS]
        added = np.sum([*entry["contributions"].values()], axis=0)
        np.testing.assert_allclose(added, logits(entry["probabilities"])[:, 0], atol=1e-5)


def test_there_are_words_for_every_direction_that_a_group_can_take(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        for group in GROUPS:
            odds = np.array(entry["contributions"][group])
            needed = {verb for verb, moved in (("raises", odds > 5e-4), ("lowers", odds < -5e-4)) if moved.any()}
            possible = {verb for verb, moved in (("raises", odds > 0), ("lowers", odds < 0)) if moved.any()}
            assert needed <= set(entry["words"].get(group, {})) <= possible


def test_the_words_tell_what_moves_the_group_most(fitted: model.FailureModel) -> None:
    effects = np.zeros((4, 1, len(fitted.features)))
    at = {name: index for index, name in enumerate(fitted.features)}
    effects[:, 0, at["loc"]], effects[:, 0, at["cyclomatic_complexity"]] = 0.1, 0.3
    effects[:, 0, at["fan_in"]], effects[:, 0, at["fan_out"]] = -0.3, 0.2
    # Many counts of the own failures weigh as one against a single figure of the neighbours'.
    effects[:, 0, [at["failures"], at["failures_60d"], at["failures_180d"]]] = 0.2
    effects[:, 0, at["neighbour_failures"]] = 0.5
    effects[:2, 0, at["churn"]], effects[2:, 0, at["churn"]] = 0.2, -0.2
    row = 7
    figures = {name: RAW[name].to_numpy(float) for name in fitted.features}
    of_release = Words(fitted.features, figures, failure_counts(KNOWN.failures, RAW.module, WHEN))
    [words] = of_release.told(effects, np.array([row]), {})
    assert words["size"]["raises"].startswith(f"cyclomatic complexity {RAW.cyclomatic_complexity[row]:.0f};")
    assert words["coupling"]["lowers"].startswith(f"modules that depend on it {RAW.fan_in[row]:.0f};")
    assert "failed" in words["history"]["raises"]
    assert set(words["churn"]) == {"raises", "lowers"}
    assert "criticality" not in words


def test_failures_are_counted_as_they_are_known() -> None:
    modules = pd.Series(["a", "b", "c"])
    days = pd.to_timedelta([1, 364, 366, 1, 1], unit="D")
    log = pd.DataFrame(
        {"failure_id": ["1", "2", "3", "1", "1"], "module": ["a", "a", "a", "b", "b"], "occurred_at": WHEN - days}
    )
    last_year, ever = failure_counts(log, modules, WHEN)
    assert (last_year.tolist(), ever.tolist()) == ([2, 1, 0], [3, 1, 0])


def test_a_modules_own_failures_are_told(entries: list[dict[str, Any]]) -> None:
    own = KNOWN.failures.groupby("module").failure_id.nunique()
    seen = 0
    for entry in entries:
        words = " ".join(entry["words"].get("history", {}).values())
        if "failed" in words:
            count = int(own.get(entry["module"], 0))
            assert ("never failed" in words) == (count == 0)
            stated = re.search(r"failed (?:.*\()?(once|\d+)", words)
            assert not count or (stated and stated[1] == ("once" if count == 1 else str(count)))
            seen += 1
    assert seen > 10


@pytest.mark.parametrize(
    ("last_year", "ever", "expected"),
    [
        (3, 12, "failed 3 times in the last year (12 times in all)"),
        (1, 1, "failed once in the last year"),
        (0, 5, "failed 5 times in all, not in the last year"),
        (0, 0, "never failed"),
    ],
)
def test_failures_in_words(last_year: int, ever: int, expected: str) -> None:
    assert history_in_words(last_year, ever) == expected


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        ("loc", 120.0, "lines of code 120; more than 90 % of modules"),
        ("loc", 20.0, "lines of code 20; less than 80 % of modules"),
        ("churn", 1.25, "churn 1.25; less than 90 % of modules"),
        ("loc_growth", 90.0, "growth of lines of code 90; more than 80 % of modules"),
        (
            "neighbour_failures",
            30.0,
            "recent failures of its neighbours in the dependency graph 30; less than 70 % of modules",
        ),
        ("criticality", 0.5, "criticality 0.50"),
        ("odd_metric", float("nan"), "odd metric no figure"),
    ],
)
def test_features_in_words(feature: str, value: float, expected: str) -> None:
    assert in_words(feature, value, [1.25, 20, 30, 40, 50, 60, 70, 80, 90, 120]) == expected


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.data())
def test_a_comparison_is_true_and_strict(figures: list[int], data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(figures))
    words = compared(sorted(map(float, figures)), float(value))
    if not words:
        assert set(figures) == {value}
        return
    found = re.fullmatch(r"; (more|less) than (\d+) % of modules", words)
    assert found
    beaten = sum(figure < value if found[1] == "more" else figure > value for figure in figures)
    assert 0 < int(found[2]) <= 100 * beaten / len(figures) < 100
