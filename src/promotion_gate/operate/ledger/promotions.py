"""Commands on a promotion before anything is deployed: request, override, withdraw, expire."""

import dataclasses
import datetime as dt
import uuid

from promotion_gate.decide import overrule
from promotion_gate.decide.case import Case, Overruling, judge
from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.chain import stamp, unstamp
from promotion_gate.operate.ledger.errors import Conflict
from promotion_gate.operate.ledger.events import (
    Decided,
    Expired,
    OfPromotion,
    Overridden,
    Requested,
    Superseded,
    Withdrawn,
)
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.queries import Promotion
from promotion_gate.operate.ledger.states import HELD, State, next_state
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.rules import Policy
from promotion_gate.schema import Decision

UNDER_WAY = frozenset({State.DEPLOYING, State.ROLLING_BACK})
"""The deployer is at work: not even a hotfix comes between."""


def request(writer: Writer, case: Case, promotion: str | None = None) -> tuple[Promotion, Decision]:
    """Decide on a case with the surcharge that the module carries now, and write request and decision.

    A promotion of the same module and level that was merely held (insufficient, blocked and not in review) gives way;
    to a hotfix everything gives way but a deployment or rollback that is under way.

    Args:
        writer: its actor is the requester.
        case: what is asked; its surcharge is replaced by the ledger's.
        promotion: its id; None: a new one is made.

    Returns:
        the promotion, and the decision with the promotion's id.

    Raises:
        Conflict: another promotion of the module and level is not over; names it. Or the id is taken.
        InputError: as `judge`; or the case is a rollback, which is no promotion here: see `deployments.roll_back`.
    """
    if case.overruling is not None and case.overruling.kind == "rollback":
        raise InputError("a rollback belongs to the promotion that it undoes: roll that back")
    module, level = case.request.module, case.request.level
    case = dataclasses.replace(case, surcharge=writer.queries.module(module.project, module.module).surcharge)
    name = promotion or str(uuid.uuid4())
    decision = judge(case).model_copy(update={"id": name})
    give_way = frozenset(State) - UNDER_WAY if decision.kind == "hotfix" else HELD
    supersede(writer, writer.queries.open_promotion(module.project, module.module, level), name, give_way)
    writer.append(promotion_stream(name), Requested(request=case.request))
    decided = Decided(
        decision=decision,
        score=case.score,
        surcharge=case.surcharge,
        propensity=propensity(decision),
        until=None if case.overruling is None else case.overruling.warrant.until,
    )
    writer.append(promotion_stream(name), decided)
    return writer.queries.promotion(name), decision


def propensity(decision: Decision) -> float | None:
    """Return the probability with which the policy let the module through: of a rule 1 or 0, None if a person did."""
    if decision.kind != "verdict":
        return None
    return 1.0 if decision.status == "Promote" else 0.0


def supersede(writer: Writer, standing: Promotion | None, name: str, give_way: frozenset[State]) -> None:
    """Let the open promotion of a module and level give way to the one of a name.

    Raises:
        Conflict: its state is none of `give_way`.
    """
    if standing is None or standing.id == name:
        return
    if standing.state not in give_way:
        where = f"{standing.project} {standing.module} to {standing.level}"
        raise Conflict(f"{where}: promotion {standing.id} is {standing.state}; one at a time: end or withdraw it first")
    writer.append(promotion_stream(standing.id), Superseded(by=name))


def override(
    writer: Writer, promotion: str, overruling: Overruling, policy: Policy, revision: int | None = None
) -> tuple[Promotion, Decision]:
    """Promote what the gate had held, as an override or a hotfix.

    Raises:
        IllegalTransition: the promotion is not held.
        Conflict: it is at another revision.
        InputError: as `decide.overrule.override` and `hotfix`.
    """
    standing = read(writer, promotion, revision)
    next_state(standing.state, Overridden.leads_to)  # before the words of a decision that was never held
    verdict, warrant = writer.queries.decision(promotion), overruling.warrant
    if overruling.failure is not None:
        decision = overrule.hotfix(verdict, warrant, policy, overruling.failure)
    else:
        decision = overrule.override(verdict, warrant, policy)
    if warrant.until is None:
        raise InputError("an override needs an expiry")
    return apply(writer, standing, Overridden(decision=decision, until=warrant.until)), decision


def withdraw(writer: Writer, promotion: str, reason: str, revision: int | None = None) -> Promotion:
    """End a promotion that is no longer wanted. IllegalTransition once it is being deployed; Conflict as `read`."""
    return apply(writer, read(writer, promotion, revision), Withdrawn(reason=reason))


def expire(writer: Writer, promotion: str, revision: int | None = None) -> Promotion:
    """End a promotion whose review, approval or override was not used in time.

    Raises:
        Conflict: it is not yet due by the writer's clock; or as `read`.
        IllegalTransition: there is nothing that could expire.
    """
    standing = read(writer, promotion, revision)
    next_state(standing.state, Expired.leads_to)
    if not is_due(standing, writer.now):
        raise Conflict(f"promotion {promotion} is {standing.state} until {standing.due_at or 'somebody ends it'}")
    return apply(writer, standing, Expired())


def read(writer: Writer, promotion: str, revision: int | None) -> Promotion:
    """Return a promotion as it stands, provided that it is the one that the caller knows.

    Args:
        writer: the transaction.
        promotion: id.
        revision: that the caller has read; None: any will do.

    Raises:
        NotFound: there is none.
        Conflict: it was changed since.
    """
    standing = writer.queries.promotion(promotion)
    if revision is not None and revision != standing.revision:
        now = f"at revision {standing.revision} ({standing.state})"
        raise Conflict(f"promotion {promotion} is {now}, not {revision}: read it again")
    return standing


def apply(writer: Writer, standing: Promotion, payload: OfPromotion) -> Promotion:
    """Write an event of a promotion and return the promotion after it. IllegalTransition as the state machine says."""
    writer.append(promotion_stream(standing.id), payload)
    return writer.queries.promotion(standing.id)


def is_due(standing: Promotion, now: dt.datetime) -> bool:
    """Say whether a promotion's time is over."""
    return standing.due_at is not None and unstamp(standing.due_at) <= unstamp(stamp(now))
