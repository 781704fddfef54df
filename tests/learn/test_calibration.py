"""Calibration by level, and the interval of the count against what it is meant to hold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binom

from promotion_gate.learn import calibration
from promotion_gate.learn.scores import expected_calibration_error

RANDOM = np.random.default_rng(1)
PROBABILITIES = RANDOM.dirichlet([8, 1, 1, 1, 1], size=3003)
LEVEL = np.array([RANDOM.choice(5, p=row) for row in PROBABILITIES])


def test_cumulative_is_the_level_or_worse() -> None:
    found = calibration.cumulative(np.array([[0.5, 0.2, 0.15, 0.1, 0.05]]))
    assert found == pytest.approx(np.array([[0.5, 0.3, 0.15, 0.05]]))


def test_bins_are_of_equal_size_and_keep_the_totals() -> None:
    p, failed = 1 - PROBABILITIES[:, 0], LEVEL > 0
    table = calibration.binned(p, failed)
    assert table.modules.sum() == len(p)
    assert table.modules.max() - table.modules.min() <= 1
    assert table.forecast.is_monotonic_increasing
    assert (table.forecast * table.modules).sum() == pytest.approx(p.sum())
    assert (table.observed * table.modules).sum() == pytest.approx(failed.sum())


def test_fewer_rows_than_bins_leave_bins_out() -> None:
    assert calibration.binned(np.array([0.1, 0.2]), np.array([False, True])).modules.tolist() == [1, 1]
    assert calibration.binned(np.empty(0), np.empty(0, bool)).empty


def test_the_error_of_a_level_is_the_mean_gap_of_its_reliability_table() -> None:
    table, errors = calibration.reliability(LEVEL, PROBABILITIES), calibration.errors(LEVEL, PROBABILITIES)
    assert list(errors) == ["low", "medium", "high", "critical"]
    for name, rows in table.groupby("from"):
        gap = (rows.forecast - rows.observed).abs()
        assert np.average(gap, weights=rows.modules) == pytest.approx(errors[name])
    assert errors["low"] == expected_calibration_error(LEVEL > 0, calibration.cumulative(PROBABILITIES)[:, 0])


def test_what_is_drawn_from_its_forecast_is_calibrated_and_what_is_not_shows_where() -> None:
    assert max(calibration.errors(LEVEL, PROBABILITIES).values()) < 0.03
    release = pd.Series(np.where(np.arange(len(LEVEL)) < 1500, "1", "2"))
    level = np.where(release == "2", 0, LEVEL)  # nothing fails in release 2
    table = calibration.by_release(release, level, PROBABILITIES).set_index(["release", "from"])
    assert table.loc[("1", "low"), "error"] < 0.04
    assert table.loc[("2", "low"), "observed"] == 0
    assert table.loc[("2", "low"), "error"] == pytest.approx(table.loc[("2", "low"), "forecast"])
    assert table.loc[("1", "low"), "modules"] == 1500


def test_without_spread_and_with_one_probability_the_count_is_binomial() -> None:
    assert calibration.counts(np.full(30, 0.2), 0.0) == pytest.approx(binom.pmf(np.arange(31), 30, 0.2))


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0, 3))
def test_counts_are_a_distribution(p, spread) -> None:
    found = calibration.counts(np.array(p), spread)
    assert found.shape == (len(p) + 1,)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0, 3), st.floats(0, 0.99))
def test_the_interval_of_a_count_holds_at_least_its_coverage(p, spread, coverage) -> None:
    low, high, mass = calibration.count_interval(np.array(p), spread, coverage)
    assert 0 <= low <= high <= len(p)
    assert coverage - 1e-9 <= mass <= 1 + 1e-9


def test_the_interval_covers_what_it_says_where_the_log_odds_do_move_together() -> None:
    random = np.random.default_rng(7)
    p = random.beta(1, 9, size=200)
    low, high, mass = calibration.count_interval(p, 0.4)
    odds = logit(p)[None, :] + 0.4 * random.standard_normal((4000, 1))
    seen = (random.random(odds.shape) < expit(odds)).sum(axis=1)
    # Two points for the scatter of 4,000 draws and the 41 shifts that stand for the normal.
    assert ((low <= seen) & (seen <= high)).mean() == pytest.approx(mass, abs=0.02)
    narrow = calibration.count_interval(p, 0.0)
    assert low < narrow[0] < narrow[1] < high


def test_coverage_is_told_of_the_release_and_of_groups_of_like_probability() -> None:
    p = 1 - PROBABILITIES[:200, 0]
    table = calibration.coverage_of_counts(LEVEL[:200] > 0, p, np.full(200, 0.3)).set_index("group")
    assert list(table.index) == ["all", *range(10)]
    assert table.modules["all"] == 200 == table.modules.drop("all").sum()
    assert table.failed["all"] == (LEVEL[:200] > 0).sum() == table.failed.drop("all").sum()
    assert table.forecast.drop("all").is_monotonic_increasing
    assert (table.inside == ((table.low <= table.failed) & (table.failed <= table.high))).all()


def test_groups_that_a_small_release_cannot_fill_are_left_out() -> None:
    table = calibration.coverage_of_counts(np.array([True, False]), np.array([0.5, 0.1]), np.array([0.1, 0.1]))
    assert list(table.group) == ["all", 0, 1]


def test_exact_probabilities_have_an_error_by_chance_that_falls_with_the_number_of_modules() -> None:
    few, many = (calibration.error_by_chance(np.full(n, 0.3)) for n in (200, 20_000))
    assert 0 < many[0] < many[1] < few[0] < few[1] < 0.3
    assert calibration.error_by_chance(np.zeros(50)) == (0, 0)
