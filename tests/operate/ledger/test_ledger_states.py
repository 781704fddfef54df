"""The state machine as a table: laws over all of it, and the page that shows it."""

import pathlib

import pytest

from promotion_gate.operate.ledger.errors import IllegalTransition
from promotion_gate.operate.ledger.kinds import KINDS, OF_PROMOTION
from promotion_gate.operate.ledger.states import (
    OPEN,
    TERMINAL,
    TRANSITIONS,
    UNDEPLOYED,
    Event,
    State,
    diagram,
    next_state,
)

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "promotion-states.md"


@pytest.mark.parametrize("state", [None, *State])
def test_what_is_not_in_the_table_is_refused_with_what_is(state):
    legal = TRANSITIONS[state]
    assert {event: next_state(state, event) for event in legal} == dict(legal)
    for event in set(Event) - set(legal):
        with pytest.raises(IllegalTransition) as raised:
            next_state(state, event)
        where = state or "not yet requested"
        allowed = ", ".join(sorted(legal)) or "nothing: it is over"
        assert str(raised.value) == f"{event} is not possible for a promotion that is {where}; legal: {allowed}"


def test_every_state_is_reached_and_every_event_leads_somewhere():
    reached, waiting = set(), [State.REQUESTED]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting += TRANSITIONS[state].values()
    assert reached == set(State)
    assert {event for events in TRANSITIONS.values() for event in events} == set(Event)


def test_from_every_open_state_there_is_a_way_to_an_end():
    ends = TERMINAL | {State.STABLE}
    for _ in State:
        ends |= {state for state in State if set(TRANSITIONS[state].values()) & ends}
    assert ends == set(State)
    assert {State.STABLE} | TERMINAL | OPEN == set(State)


def test_a_rollback_is_never_gated():
    deployed = set(State) - UNDEPLOYED - TERMINAL - {State.ROLLING_BACK}
    assert all(Event.ROLLBACK_STARTED in TRANSITIONS[state] for state in deployed)
    assert not any(Event.ROLLBACK_STARTED in TRANSITIONS[state] for state in UNDEPLOYED)


def test_nothing_is_deployed_that_neither_policy_nor_person_let_through():
    to_deploying = {state for state in State if State.DEPLOYING in TRANSITIONS[state].values()}
    assert to_deploying == {State.PROMOTE, State.APPROVED, State.OVERRIDDEN}


def test_the_page_shows_the_table():
    assert f"```mermaid\n{diagram()}```\n" in PAGE.read_text(encoding="utf-8")


def test_every_kind_of_event_has_a_name_of_its_own():
    assert len({model.kind for model in KINDS.values()}) == len(KINDS)
    assert len(OF_PROMOTION) == 15
