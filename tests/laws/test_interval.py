"""Laws of the score's interval over all probabilities, spreads, criticalities, loads and coverages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.decide.interval import fis_interval
from promotion_gate.errors import InputError
from tests.laws.test_impact import UNIT, default, distributions, impacts, shares

spreads = st.floats(0, 5)
coverages = st.floats(0, 0.999)


@given(distributions(), spreads, impacts(), shares, shares, coverages)
def test_contains_the_score_and_lies_between_0_and_1(p, spread, impact, c, load, coverage):
    (low, high), score = fis_interval(p, spread, impact, c, load, coverage)[0], failure_impact_score(p, impact, c, load)
    assert 0 <= low <= score[0] <= high <= 1


@given(distributions(), impacts(), shares, shares, coverages)
def test_without_spread_it_is_the_score(p, impact, c, load, coverage):
    score = failure_impact_score(p, impact, c, load)[0]
    assert fis_interval(p, 0, impact, c, load, coverage)[0] == pytest.approx([score, score], abs=UNIT)


@given(distributions(), spreads, impacts(), shares, coverages, coverages)
def test_never_narrower_for_more_coverage(p, spread, impact, c, one, other):
    less, more = (fis_interval(p, spread, impact, c, 0, coverage)[0] for coverage in sorted((one, other)))
    assert more[0] <= less[0] + UNIT
    assert more[1] >= less[1] - UNIT


@given(distributions(), spreads, spreads, impacts(), shares, coverages)
def test_never_narrower_for_more_spread(p, one, other, impact, c, coverage):
    less, more = fis_interval([p, p], sorted((one, other)), impact, c, 0, coverage)
    assert more[0] <= less[0] + UNIT
    assert more[1] >= less[1] - UNIT


@given(distributions(), spreads, impacts(), shares, st.integers(0, 4), st.integers(0, 4), shares)
def test_neither_end_falls_when_mass_moves_to_a_worse_level(p, spread, impact, c, one, other, part):
    better, worse = sorted((one, other))
    moved = p.copy()
    mass = moved[better] * part
    moved[better] -= mass
    moved[worse] += mass
    before, after = fis_interval([p, moved], spread, impact, c)
    assert (after >= before - UNIT).all()


@given(st.lists(distributions(), min_size=1, max_size=4), impacts(), st.data())
def test_a_vector_is_its_modules_one_by_one(rows, impact, data):
    own = data.draw(st.lists(spreads, min_size=len(rows), max_size=len(rows)))
    together = fis_interval(rows, own, impact)
    alone = [fis_interval(row, spread, impact)[0] for row, spread in zip(rows, own, strict=True)]
    assert together == pytest.approx(np.array(alone), abs=UNIT)


def test_by_hand():
    # P(critical) .1: log odds -2.197; one deviation is ln 3 and 68.27 % lie within one: odds of 1/27 and of 1/3.
    low, high = fis_interval([0.9, 0, 0, 0, 0.1], np.log(3), default(), coverage=0.6826894921)[0]
    assert (low, high) == (pytest.approx(1 / 28 / 0.2, abs=UNIT), 1.0)


def test_what_is_certain_has_no_interval():
    assert fis_interval([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]], 3, default()).tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("spread", "coverage"),
    [(-0.1, 0.9), (float("nan"), 0.9), (float("inf"), 0.9), ([0.1, 0.2], 0.9), (0.1, 1.0), (0.1, -0.1)],
)
def test_refuses_what_is_no_deviation_or_coverage(spread, coverage):
    with pytest.raises(InputError):
        fis_interval([1, 0, 0, 0, 0], spread, default(), coverage=coverage)
