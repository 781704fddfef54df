"""Laws of the promised escape rate, and the promise itself on data for which it is proven."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.risk_control import blocked_from, chance_of, needed
from promotion_gate.errors import InputError

scores = st.lists(st.integers(0, 100).map(lambda value: value / 100), max_size=60)
rates = st.integers(1, 99).map(lambda value: Decimal(value) / 100)


def bound(past, threshold):
    """What conformal risk control bounds the next escape by."""
    m = len(past)
    return Decimal(sum(score < float(threshold) for score in past) + 1) / (m + 1)


@given(scores, rates, rates)
def test_never_rises_as_the_escape_rate_falls(past, one, other):
    strict, lax = (blocked_from(past, rate) for rate in sorted((one, other)))
    if strict is not None:
        assert lax is not None
        assert strict <= lax


@given(scores, rates)
def test_is_the_largest_threshold_that_keeps_the_bound(past, rate):
    threshold = blocked_from(past, rate)
    if threshold is None:
        assert bound(past, -1) > rate
    else:
        assert bound(past, threshold) <= rate
        assert bound(past, np.nextafter(threshold, 2)) > rate


@given(st.integers(0, 150), rates)
def test_promises_from_as_many_failures_on_as_it_says(m, rate):
    assert (blocked_from([0.5] * m, rate) is None) == (m < needed(rate))


@given(scores.filter(bool), rates, st.randoms())
def test_the_order_of_the_past_does_not_matter(past, rate, random):
    mixed = list(past)
    random.shuffle(mixed)
    assert blocked_from(mixed, rate) == blocked_from(past, rate)


@pytest.mark.parametrize("rate", ["0.1", "0.29", "0.5", "0.8"])
@pytest.mark.parametrize("m", [9, 25, 99])
def test_the_promise_holds_on_exchangeable_data(m, rate):
    """Mean escape of the next failure over 20,000 histories: at most the rate, and less by no more than 1 / (m + 1)."""
    draws = np.random.default_rng(m).beta(2, 5, size=(20_000, m + 1))
    escaped = np.mean([row[0] < blocked_from(row[1:], rate) for row in draws])
    promised = float(rate)
    error = 4 * np.sqrt(promised * (1 - promised) / len(draws))
    assert promised - 1 / (m + 1) - error <= escaped <= promised + error


def test_ties_only_make_the_gate_stricter():
    draws = np.random.default_rng(3).integers(0, 4, size=(20_000, 20)) / 4
    escaped = np.mean([row[0] < blocked_from(row[1:], 0.3) for row in draws])
    assert escaped <= 0.3 + 4 * np.sqrt(0.3 * 0.7 / len(draws))


def test_the_chance_of_as_many_escapes_is_their_share_on_exchangeable_data():
    draws = np.random.default_rng(5).random((20_000, 20 + 12))
    escaped = np.array([(row[20:] < blocked_from(row[:20], 0.3)).sum() for row in draws])
    for count in (0, 2, 5, 9):
        chance = chance_of(count, 12, 20, 0.3)
        assert (escaped >= count).mean() == pytest.approx(chance, abs=4 * np.sqrt(0.25 / len(draws)))


@given(st.integers(0, 30), st.integers(1, 60), rates)
def test_the_chance_is_a_probability_and_falls_with_the_escapes(severe, m, rate):
    if m >= needed(rate):
        chances = [chance_of(count, severe, m, rate) for count in range(severe + 1)]
        assert chances[0] == pytest.approx(1)
        assert chances == sorted(chances, reverse=True)
        assert min(chances) >= 0


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_refuses_a_rate_that_is_none(rate):
    with pytest.raises(InputError, match="escape rate"):
        blocked_from([0.5], rate)


@pytest.mark.parametrize("past", [[1.1], [-0.1], [float("nan")], [[0.5]]])
def test_refuses_what_is_no_score(past):
    with pytest.raises(InputError, match="scores"):
        blocked_from(past, 0.5)


def test_refuses_the_chance_of_what_was_never_promised():
    with pytest.raises(InputError, match="too few"):
        chance_of(1, 2, 3, 0.1)
