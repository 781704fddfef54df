"""Laws of the yield-safety curve over all orders, failures and draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.yield_safety import HELD_FIRST, area, curves, held_back_at, inclusion, interval, resampled

TOLERANT = 1e-9


@st.composite
def histories(draw):
    """Keys with ties and modules that are always held first, and severity weights of which one is positive."""
    n = draw(st.integers(1, 30))
    key = draw(st.lists(st.sampled_from([HELD_FIRST, 0.0, 0.5, 1.0, 1.5, np.inf]), min_size=n, max_size=n))
    severity = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=n, max_size=n).filter(any))
    return np.array(key), np.array(severity)


def one(n):
    return np.ones((1, n))


@given(histories())
def test_a_curve_runs_from_nothing_to_all_and_never_falls(history):
    key, severity = history
    across, up = curves(key, severity, one(len(key)))
    for line in (across[0], up[0]):
        assert line[0] == 0
        assert line[-1] == pytest.approx(1)
        assert (np.diff(line) >= 0).all()


@given(histories(), st.floats(0, 1))
def test_inclusion_holds_the_share_that_was_asked_for_in_the_order_of_the_keys(history, delayed):
    key, _ = history
    held = inclusion(key, delayed)
    assert held.mean() == pytest.approx(delayed, abs=TOLERANT)
    assert ((held >= 0) & (held <= 1)).all()
    order = np.argsort(key, kind="stable")
    assert (np.diff(held[order]) <= TOLERANT).all()
    assert all(np.ptp(held[key == one]) == 0 for one in np.unique(key))


@given(histories(), st.floats(0, 1))
def test_what_is_included_lies_on_the_curve(history, delayed):
    key, severity = history
    held = inclusion(key, delayed)
    at = held_back_at(key, severity, one(len(key)), np.array([delayed]))[0, 0]
    assert at == pytest.approx((held * severity).sum() / severity.sum(), abs=TOLERANT)


@given(histories(), st.floats(0, 1), st.integers(0, 5))
def test_a_point_at_a_threshold_lies_on_the_curve_in_every_draw(history, strict, seed):
    key, severity = history
    held = (key < strict).astype(float)
    for weights in resampled(np.zeros(len(key), dtype=np.int64), 5, seed):
        with np.errstate(invalid="ignore"):
            back = weights @ (held * severity) / (weights @ severity)
        at = held_back_at(key, severity, weights, (weights @ held / weights.sum(axis=1))[:, None])[:, 0]
        defined = ~np.isnan(back)
        assert at[defined] == pytest.approx(back[defined], abs=TOLERANT)


@given(histories())
def test_one_key_for_all_is_the_diagonal(history):
    _, severity = history
    grid = np.linspace(0, 1, 11)
    same = np.zeros(len(severity))
    assert held_back_at(same, severity, one(len(severity)), grid)[0] == pytest.approx(grid)
    assert area(same, severity, one(len(severity)))[0] == pytest.approx(0.5)


@given(histories(), st.floats(0, 1))
def test_no_order_beats_worst_first(history, delayed):
    key, severity = history
    at = np.array([delayed])
    best = held_back_at(-severity, severity, one(len(key)), at)
    assert held_back_at(key, severity, one(len(key)), at)[0, 0] <= best[0, 0] + TOLERANT


@given(histories(), st.integers(1, 3))
def test_a_module_twice_is_a_weight_of_two(history, times):
    key, severity = history
    grid = np.linspace(0, 1, 7)
    repeated = held_back_at(np.repeat(key, times), np.repeat(severity, times), one(len(key) * times), grid)
    assert held_back_at(key, severity, np.full((1, len(key)), float(times)), grid)[0] == pytest.approx(repeated[0])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(0, 9))
def test_every_release_keeps_its_size_in_every_draw(group, seed):
    groups = np.array(group)
    drawn = np.concatenate(list(resampled(groups, 4, seed)))
    assert drawn.shape == (4, len(group))
    for number in set(group):
        assert (drawn[:, groups == number].sum(axis=1) == group.count(number)).all()


def test_draws_without_a_failure_do_not_count_in_an_interval():
    assert interval(0.5, [np.nan, 0.4, 0.4, np.nan]) == (0.5, 0.4, 0.4)
    assert np.isnan(interval(0.5, [np.nan])[1:]).all()
