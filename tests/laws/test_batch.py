"""Laws of a batch: order along the dependencies, circles together, what is held holds what depends on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.batch import plan
from promotion_gate.errors import InputError
from promotion_gate.schema import Decision

NAMES = "abcdefgh"


def decision(name, status="Promote"):
    return Decision(
        project="shop",
        module=name,
        level="production",
        status=status,
        fis=0.1,
        base_coverage=0.8,
        required_coverage=0.8,
        coverage=0.9,
        band="negligible",
        steps=(),
        reasons=(),
        unblock={},
        model_version="m/1",
        policy_version="p",
        data_hash="d",
    )


def key(name):
    return ("shop", name)


@st.composite
def batches(draw):
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=8))
    statuses = {name: draw(st.sampled_from(["Promote", "Promote", "Insufficient Coverage"])) for name in names}
    edges = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=14))
    needs = {key(name): [key(other) for one, other in edges if one == name] for name in NAMES}
    return [decision(name, status) for name, status in statuses.items()], needs


def reachable(start, needs, within):
    found, waiting = set(), [start]
    while waiting:
        for other in needs.get(waiting.pop(), ()):
            if other in within and other not in found:
                found.add(other)
                waiting.append(other)
    return found


@given(batches())
def test_everyone_has_a_place_and_dependencies_come_first(batch):
    decisions, needs = batch
    places = plan(decisions, needs)
    names = [key(place.decision.module) for place in places]
    assert sorted(names) == sorted(key(made.module) for made in decisions)
    step = {name: place.step for name, place in zip(names, places, strict=True)}
    assert list(step.values()) == sorted(step.values())
    for one in names:
        for other in names:
            if one != other and other in reachable(one, needs, set(names)):
                together = one in reachable(other, needs, set(names))
                assert step[other] == step[one] if together else step[other] < step[one]


@given(batches())
def test_a_module_goes_exactly_if_it_and_all_that_it_needs_may(batch):
    decisions, needs = batch
    may = {key(made.module): made.status == "Promote" for made in decisions}
    for place in plan(decisions, needs):
        name = key(place.decision.module)
        held_by = {other for other in reachable(name, needs, set(may)) if not may[other]}
        assert place.promoted == (may[name] and not held_by)
        assert set(place.held_by) == (held_by if may[name] else set())


@given(batches())
def test_atomic_is_all_or_nothing(batch):
    decisions, needs = batch
    refused = {key(made.module) for made in decisions if made.status != "Promote"}
    for place in plan(decisions, needs, atomic=True):
        assert place.promoted == (not refused)
        assert key(place.decision.module) in refused or set(place.held_by) == refused


@given(batches(), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_batch(batch, random):
    decisions, needs = batch
    shuffled = random.sample(decisions, len(decisions))
    assert plan(shuffled, needs) == plan(decisions, needs)


def test_a_circle_goes_together_or_not_at_all():
    needs = {key("a"): [key("b")], key("b"): [key("a")], key("c"): [key("b"), key("elsewhere")]}
    made = [decision("c"), decision("b", "Insufficient Coverage"), decision("a")]
    places = {place.decision.module: place for place in plan(made, needs)}
    assert (places["a"].step, places["b"].step, places["c"].step) == (0, 0, 1)
    assert places["a"].held_by == places["c"].held_by == (key("b"),)
    assert not any(place.promoted for place in places.values())


def test_a_module_twice_or_none_is_no_batch():
    with pytest.raises(InputError, match="shop a is in the batch twice"):
        plan([decision("a"), decision("a")], {})
    with pytest.raises(InputError, match="a what-if has none"):
        plan([decision("a").model_copy(update={"module": None})], {})
