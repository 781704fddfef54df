"""The promotion's life as a table: in which state what may happen, and where it leads. Pure.

docs/promotion-states.md is generated from here (`python -m promotion_gate.operate.ledger.states`).
"""

from collections.abc import Mapping
from enum import StrEnum

from promotion_gate.operate.ledger.errors import IllegalTransition


class State(StrEnum):
    """Where a promotion stands."""

    REQUESTED = "requested"
    PROMOTE = "promote"
    INSUFFICIENT = "insufficient"
    BLOCKED = "blocked"
    IN_REVIEW = "in-review"
    APPROVED = "approved"
    OVERRIDDEN = "overridden"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    DEPLOYING = "deploying"
    WATCHING = "watching"
    STABLE = "stable"
    FAILED = "failed"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_FAILED = "rollback-failed"


class Event(StrEnum):
    """What may happen to a promotion."""

    REQUESTED = "requested"
    PROMOTE_DECIDED = "promote-decided"
    INSUFFICIENT_DECIDED = "insufficient-decided"
    BLOCKED_DECIDED = "blocked-decided"
    OVERRIDDEN = "overridden"
    REVIEW_OPENED = "review-opened"
    APPROVAL_COUNTED = "approval-counted"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    DEPLOYMENT_STARTED = "deployment-started"
    DEPLOYED = "deployed"
    WATCH_ENDED = "watch-ended"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    ROLLBACK_STARTED = "rollback-started"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_FAILED = "rollback-failed"


_GIVEN_UP = {Event.WITHDRAWN: State.WITHDRAWN, Event.SUPERSEDED: State.SUPERSEDED}
_MAY_DEPLOY = {Event.DEPLOYMENT_STARTED: State.DEPLOYING, **_GIVEN_UP}
_MAY_EXPIRE = {Event.EXPIRED: State.EXPIRED}
_OVERRIDE = {Event.OVERRIDDEN: State.OVERRIDDEN}
_ROLLBACK = {Event.ROLLBACK_STARTED: State.ROLLING_BACK}

TRANSITIONS: Mapping[State | None, Mapping[Event, State]] = {
    None: {Event.REQUESTED: State.REQUESTED},
    State.REQUESTED: {
        Event.PROMOTE_DECIDED: State.PROMOTE,
        Event.INSUFFICIENT_DECIDED: State.INSUFFICIENT,
        Event.BLOCKED_DECIDED: State.BLOCKED,
        **_OVERRIDE,
        **_GIVEN_UP,
    },
    State.PROMOTE: _MAY_DEPLOY,
    State.INSUFFICIENT: {**_OVERRIDE, **_GIVEN_UP},
    State.BLOCKED: {Event.REVIEW_OPENED: State.IN_REVIEW, **_OVERRIDE, **_GIVEN_UP},
    State.IN_REVIEW: {
        Event.APPROVAL_COUNTED: State.IN_REVIEW,
        Event.APPROVED: State.APPROVED,
        Event.REFUSED: State.REFUSED,
        **_MAY_EXPIRE,
        **_OVERRIDE,
        **_GIVEN_UP,
    },
    State.APPROVED: {**_MAY_DEPLOY, **_MAY_EXPIRE},
    State.OVERRIDDEN: {**_MAY_DEPLOY, **_MAY_EXPIRE},
    State.DEPLOYING: {Event.DEPLOYED: State.WATCHING, Event.FAILED: State.FAILED, **_ROLLBACK},
    State.WATCHING: {
        Event.WATCH_ENDED: State.STABLE,
        Event.CONFIRMED: State.STABLE,
        Event.FAILED: State.FAILED,
        **_ROLLBACK,
        Event.SUPERSEDED: State.SUPERSEDED,
    },
    State.STABLE: _ROLLBACK,
    State.FAILED: {**_ROLLBACK, Event.SUPERSEDED: State.SUPERSEDED},
    State.ROLLING_BACK: {Event.ROLLED_BACK: State.ROLLED_BACK, Event.ROLLBACK_FAILED: State.ROLLBACK_FAILED},
    State.ROLLBACK_FAILED: {
        **_ROLLBACK,
        Event.ROLLED_BACK: State.ROLLED_BACK,
        Event.SUPERSEDED: State.SUPERSEDED,
    },
    State.REFUSED: {},
    State.EXPIRED: {},
    State.WITHDRAWN: {},
    State.SUPERSEDED: {},
    State.ROLLED_BACK: {},
}
"""State (None: before the first event) -> event -> next state. A rollback is never gated: no state that has something
deployed lacks it, but the one in which it is under way.
"""

TERMINAL = frozenset(state for state, events in TRANSITIONS.items() if state is not None and not events)
"""Nothing happens after these."""

OPEN = frozenset(State) - TERMINAL - {State.STABLE}
"""Of one module and level at most one promotion is in one of these. A stable one is over unless it is rolled back."""

HELD = frozenset({State.INSUFFICIENT, State.BLOCKED})
"""The gate said no and nobody has taken it up: a new request simply takes the place."""

UNDEPLOYED = HELD | {State.REQUESTED, State.PROMOTE, State.IN_REVIEW, State.APPROVED, State.OVERRIDDEN}
"""Nothing has reached the level yet."""


def next_state(state: State | None, event: Event) -> State:
    """Return the state after an event.

    Args:
        state: the present one; None where the promotion is not there yet.
        event: what is to happen.

    Raises:
        IllegalTransition: the state does not allow it; the line names the events that it does.
    """
    legal = TRANSITIONS[state]
    if event in legal:
        return legal[event]
    now = "not yet requested" if state is None else state
    allowed = ", ".join(sorted(legal)) or "nothing: it is over"
    raise IllegalTransition(f"{event} is not possible for a promotion that is {now}; legal: {allowed}")


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state}" as {_name(state)}' for state in State if "-" in state]
    for state, events in TRANSITIONS.items():
        lines += [f"    {_name(state)} --> {_name(after)}: {event}" for event, after in events.items()]
        if state in TERMINAL or state is State.STABLE:
            lines.append(f"    {_name(state)} --> [*]")
    return "\n".join(lines) + "\n"


def _name(state: State | None) -> str:
    return "[*]" if state is None else state.replace("-", "_")


if __name__ == "__main__":
    print(diagram(), end="")
