"""Laws of the Failure Impact Score over all probabilities, weights, tails, gains, criticalities and loads."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.errors import InputError
from promotion_gate.rules import Impact

UNIT = 1e-6
"""One unit of the last place: rounding may land on either side of it."""

shares = st.floats(0, 1)


@st.composite
def distributions(draw):
    masses = np.array(draw(st.lists(st.integers(0, 1000), min_size=5, max_size=5).filter(any)), dtype=float)
    return masses / masses.sum()


@st.composite
def impacts(draw):
    weights = [0, *sorted(draw(st.lists(st.integers(0, 100), min_size=4, max_size=4)))]
    percent = st.integers(0, 100).map(lambda value: Decimal(value) / 100)
    return Impact(
        weights=tuple(Decimal(weight) / 100 for weight in weights),
        tail=draw(st.integers(0, 99).map(lambda value: Decimal(value) / 100)),
        criticality_gain=draw(percent),
        load_gain=draw(percent),
    )


def default(tail="0.8"):
    return Impact(
        weights=tuple(map(Decimal, ("0", ".25", ".5", ".75", "1"))),
        tail=Decimal(tail),
        criticality_gain=Decimal(".3"),
        load_gain=Decimal(".1"),
    )


@given(distributions(), impacts(), shares, shares)
def test_is_a_share(p, impact, c, load):
    assert 0 <= failure_impact_score(p, impact, c, load)[0] <= 1


@given(distributions(), impacts(), shares, shares, st.integers(0, 4), st.integers(0, 4), shares)
def test_never_falls_when_mass_moves_to_a_worse_level(p, impact, c, load, one, other, part):
    better, worse = sorted((one, other))
    moved = p.copy()
    mass = moved[better] * part
    moved[better] -= mass
    moved[worse] += mass
    before, after = failure_impact_score([p, moved], impact, c, load)
    assert after >= before - UNIT


@given(distributions(), impacts(), shares, shares, shares)
def test_never_falls_with_criticality_or_load(p, impact, one, other, fixed):
    low, high = sorted((one, other))
    before, after = failure_impact_score([p, p], impact, [low, high], fixed)
    assert after >= before - UNIT
    before, after = failure_impact_score([p, p], impact, fixed, [low, high])
    assert after >= before - UNIT


@given(st.lists(distributions(), min_size=1, max_size=5), impacts(), st.data())
def test_a_vector_is_its_modules_one_by_one(rows, impact, data):
    c = data.draw(st.lists(shares, min_size=len(rows), max_size=len(rows)))
    together = failure_impact_score(rows, impact, c, 0.5)
    alone = [failure_impact_score(row, impact, own, 0.5)[0] for row, own in zip(rows, c, strict=True)]
    assert together.tolist() == alone


@given(distributions())
def test_without_tail_it_is_the_expected_weight(p):
    assert failure_impact_score(p, default("0"))[0] == pytest.approx(p @ [0, 0.25, 0.5, 0.75, 1], abs=UNIT)


@given(distributions(), impacts(), st.integers(0, 98))
def test_never_falls_with_the_level_of_the_tail(p, impact, percent):
    milder = impact.model_copy(update={"tail": Decimal(percent) / 100})
    graver = impact.model_copy(update={"tail": Decimal(percent + 1) / 100})
    assert failure_impact_score(p, graver)[0] >= failure_impact_score(p, milder)[0] - UNIT


@pytest.mark.parametrize(
    ("p", "score"),
    [
        ([1, 0, 0, 0, 0], 0),
        ([0, 0, 0, 0, 1], 1),
        ([0.8, 0, 0, 0, 0.2], 1),  # the worst fifth is critical throughout
        ([0.9, 0, 0, 0, 0.1], 0.5),
        ([0.9, 0.04, 0.03, 0.02, 0.01], 0.25),  # (.01 + .015 + .015 + .01) / .2
        ([0, 0.9, 0, 0.1, 0], 0.5),
        ([0.84, 0.16, 0, 0, 0], 0.2),  # exactly the boundary, not a float below it
    ],
)
def test_by_hand(p, score):
    assert failure_impact_score(p, default()).tolist() == [score]


def test_criticality_and_load_lift_every_level_above_negligible():
    e = 1 - (1 - 0.3 * 0.5) * (1 - 0.1)
    assert failure_impact_score([0, 1, 0, 0, 0], default(), 0.5, 1)[0] == pytest.approx(0.25 + e * 0.75, abs=UNIT)
    assert failure_impact_score([1, 0, 0, 0, 0], default(), 1, 1)[0] == 0


@pytest.mark.parametrize(
    ("p", "c", "load"),
    [
        ([0.5, 0.5, 0, 0], 0, 0),
        ([0.5, 0.2, 0, 0, 0], 0, 0),
        ([1.2, -0.2, 0, 0, 0], 0, 0),
        ([float("nan")] * 5, 0, 0),
        ([[[1, 0, 0, 0, 0]]], 0, 0),
        ([1, 0, 0, 0, 0], 1.1, 0),
        ([1, 0, 0, 0, 0], 0, -0.1),
        ([1, 0, 0, 0, 0], float("nan"), 0),
        ([1, 0, 0, 0, 0], [0, 0], 0),
    ],
)
def test_refuses_what_is_no_distribution_or_share(p, c, load):
    with pytest.raises(InputError):
        failure_impact_score(p, default(), c, load)
