"""Laws of the parts of a score over all log odds, weights, tails, gains, criticalities and loads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from promotion_gate.decide.attribution import BASE, CRITICALITY_GAIN, LOAD_GAIN, attribution, settled
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.errors import InputError
from tests.laws.test_impact import default, impacts, shares

UNIT = 1e-6
GAINS = {CRITICALITY_GAIN, LOAD_GAIN}


@st.composite
def log_odds(draw):
    """Base and three groups whose sums fall with the threshold, as those of a model do."""
    falling = sorted(draw(st.lists(st.floats(-15, 15), min_size=4, max_size=4)), reverse=True)
    groups = {
        name: draw(st.one_of(st.just([0.0] * 4), st.lists(st.floats(-8, 8), min_size=4, max_size=4)))
        for name in ("history", "churn", "size")
    }
    return {BASE: (np.array(falling) - np.sum([*groups.values()], axis=0)).tolist(), **groups}


def probabilities(given):
    reached = expit(np.sum([*given.values()], axis=0))
    return -np.diff([1.0, *np.minimum.accumulate(reached), 0.0])


@given(log_odds(), impacts(), shares, shares)
def test_the_parts_add_up_to_the_score(given, impact, c, load):
    [score] = failure_impact_score(probabilities(given), impact, c, load)
    parts = attribution(given, impact, c, load)
    assert sum(parts.values()) == pytest.approx(score, abs=UNIT)
    told = settled(parts, score, float(impact.tail))
    assert sum(told.values()) == pytest.approx(score, abs=1e-8)
    assert told == pytest.approx(parts, abs=UNIT)
    assert list(told) == [*given, CRITICALITY_GAIN, LOAD_GAIN]


@given(log_odds())
def test_without_tail_and_lift_they_add_up_to_the_expected_severity(given):
    parts = attribution(given, default("0"))
    assert sum(parts.values()) == pytest.approx(probabilities(given) @ [0, 0.25, 0.5, 0.75, 1], abs=UNIT)
    assert all(parts[name] == 0 for name in GAINS)


@given(log_odds(), impacts(), st.lists(st.floats(0, 8), min_size=4, max_size=4))
def test_what_raises_every_threshold_never_lowers_the_score_and_the_other_way_round(given, impact, odds):
    up = attribution({**given, "churn": odds}, impact)
    down = attribution({**given, "churn": [-value for value in odds]}, impact)
    assert up["churn"] >= 0 >= down["churn"]
    assert attribution({**given, "churn": [0.0] * 4}, impact)["churn"] == 0


@given(log_odds(), impacts(), shares)
def test_a_group_told_in_two_has_the_same_share(given, impact, part):
    whole = attribution(given, impact)
    cut = {"one": [part * value for value in given["churn"]], "two": [(1 - part) * value for value in given["churn"]]}
    split = attribution({**{name: odds for name, odds in given.items() if name != "churn"}, **cut}, impact)
    assert split["one"] + split["two"] == pytest.approx(whole["churn"], abs=UNIT)
    assert split["size"] == pytest.approx(whole["size"], abs=UNIT)


@given(log_odds(), impacts(), shares, shares)
def test_lifts_add_to_the_other_parts_and_change_none(given, impact, c, load):
    plain, lifted = attribution(given, impact), attribution(given, impact, c, load)
    assert {name: lifted[name] for name in given} == {name: plain[name] for name in given}
    assert all(lifted[name] >= -1e-12 for name in GAINS)
    alone = attribution(given, impact, c, 0)
    assert alone[LOAD_GAIN] == 0
    assert attribution(given, impact, 0, load)[CRITICALITY_GAIN] == 0
    # Each lifts less where the other has lifted already; both bear half of that.
    assert lifted[CRITICALITY_GAIN] <= alone[CRITICALITY_GAIN] + 1e-12


@pytest.mark.parametrize("total", [0.5, 0.2, float("nan")])
def test_more_than_rounding_is_never_hidden(total):
    with pytest.raises(InputError, match=r"the contributions add up to 0\.30+, not to"):
        settled({BASE: 0.1, "churn": 0.2}, total, 0.8)


def test_by_hand():
    # P(failure) rises from .1 to .15 at all thresholds; the worst fifth is critical in half, then in three quarters.
    odds = {BASE: [float(np.log(0.1 / 0.9))] * 4}
    odds["churn"] = [float(np.log(0.15 / 0.85)) - odds[BASE][0]] * 4
    parts = attribution(odds, default(), 0.5, 1)
    assert parts == pytest.approx({BASE: 0.5, "churn": 0.25, CRITICALITY_GAIN: 0, LOAD_GAIN: 0}, abs=1e-12)
