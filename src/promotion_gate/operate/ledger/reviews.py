"""Commands of a review: what the gate blocked is put before persons, who approve or refuse."""

import datetime as dt
from typing import Literal

from promotion_gate.operate.ledger.errors import Conflict, NotAllowed
from promotion_gate.operate.ledger.events import Reviewed, ReviewOpened
from promotion_gate.operate.ledger.promotions import apply, is_due, read
from promotion_gate.operate.ledger.queries import Promotion
from promotion_gate.operate.ledger.states import Event, next_state
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.look_alikes import person


def open_review(
    writer: Writer,
    promotion: str,
    *,
    reviewers_needed: int,
    until: dt.datetime | None = None,
    revision: int | None = None,
) -> Promotion:
    """Put a blocked promotion before reviewers.

    Args:
        writer: the transaction.
        promotion: id.
        reviewers_needed: so many persons must approve, 1 to 10.
        until: when the review expires; None: never.
        revision: see `promotions.read`.

    Raises:
        IllegalTransition: it is not blocked.
        Conflict: as `promotions.read`.
    """
    opened = ReviewOpened(reviewers_needed=reviewers_needed, until=until)
    return apply(writer, read(writer, promotion, revision), opened)


def review(
    writer: Writer,
    promotion: str,
    verdict: Literal["approve", "refuse"],
    reason: str,
    *,
    approved_until: dt.datetime | None = None,
    revision: int | None = None,
) -> Promotion:
    """Write a reviewer's word; one refusal ends the review, the last approval that is needed approves.

    Args:
        writer: its actor is the reviewer.
        promotion: id.
        verdict: approve or refuse.
        reason: in words.
        approved_until: when the approval expires, if this is the one that completes it; None: never.
        revision: see `promotions.read`.

    Raises:
        IllegalTransition: it is not in review.
        NotAllowed: the reviewer requested it, or has spoken already; a name that reads the same is the same person's.
        Conflict: the review is over by the writer's clock; or as `promotions.read`.
    """
    standing = read(writer, promotion, revision)
    next_state(standing.state, Event.APPROVED if verdict == "approve" else Event.REFUSED)
    reviewer = person(writer.actor)
    if reviewer == person(standing.requester):
        raise NotAllowed(f"{writer.actor} requested promotion {promotion}: somebody else must review it")
    spoken = writer.queries.reviewers(promotion)
    if reviewer in map(person, spoken):
        raise NotAllowed(f"{writer.actor} has reviewed promotion {promotion} already: somebody else must")
    if is_due(standing, writer.now):
        raise Conflict(f"the review of promotion {promotion} ended at {standing.due_at}")
    if verdict == "refuse":
        return apply(writer, standing, Reviewed(verdict=verdict, reason=reason, outcome="refused"))
    if len(spoken) + 1 < (standing.reviewers_needed or 1):
        return apply(writer, standing, Reviewed(verdict=verdict, reason=reason, outcome="counted"))
    done = Reviewed(verdict=verdict, reason=reason, outcome="approved", until=approved_until)
    return apply(writer, standing, done)
