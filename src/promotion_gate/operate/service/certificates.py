"""The certificate of a promotion's decision, made from what the ledger keeps of it, and proven before it is given.

The ledger holds request, score, surcharge and decision, not the rules' text and the code. So a certificate can be made
while a model and rules of that version have been live since the service started; the case is judged again, and only a
case that leads to the very same decision is certified.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from promotion_gate.decide.case import Case, Overruling, judge
from promotion_gate.decide.certificate import certify
from promotion_gate.decide.digest import digest
from promotion_gate.decide.overrule import WORST, OpenFailure, Warrant
from promotion_gate.decide.policy import UNSCORED
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.events import Decided, Overridden, Requested
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.operate.service.problems import Problem
from promotion_gate.schema import Decision, Reason

NOTES = ("fis-supplied", "load-observed", "metrics-ignored", "policy-not-registered")
"""Codes of the reasons that gate and management add to a case."""


def certificate(queries: Queries, promotion: str, gate: Gate) -> dict[str, Any]:
    """Return the certificate of the last decision on a promotion.

    Raises:
        Problem: 409 its rules or its model are not those in force, or it comes out otherwise.
    """
    kinds = (Requested.kind, Decided.kind, Overridden.kind)
    entries = queries.events(stream=promotion_stream(promotion), kinds=kinds)
    told = {entry.kind: (parse(entry.kind, entry.payload), entry.at) for entry in entries}
    (requested, _), (decided, at) = told[Requested.kind], told.get(Decided.kind, (None, ""))
    if not isinstance(requested, Requested) or not isinstance(decided, Decided):
        raise Problem(409, "not-decided", f"promotion {promotion} is not decided yet")
    decision = decided.decision
    if Overridden.kind in told and isinstance(told[Overridden.kind][0], Overridden):
        overridden, at = told[Overridden.kind]
        decision = overridden.decision  # type: ignore[attr-defined]
    _check_versions(decision, gate)
    case = Case(
        request=requested.request,
        score=decided.score,
        unscored=next(_messages(decision, "unknown-module"), UNSCORED),
        notes=tuple(_notes(decided, decision)),
        surcharge=Decimal(decided.surcharge),
        impact=gate.rules.impact,
        policy=gate.rules.policy,
        policy_source=gate.rules.source,
        overruling=_overruling(decision),
    )
    again = judge(case)
    if digest(again.model_dump(mode="json")) != digest(_without_keys(decision, again)):
        raise Problem(409, "not-certifiable", "the decision cannot be made again from what the ledger keeps of it")
    return certify(case, again, gate.origin(case), unstamp(at))


def _check_versions(decision: Decision, gate: Gate) -> None:
    live = gate.manifest.model_version or gate.manifest.model_name
    for what, then, now in (
        ("policy", decision.policy_version, gate.rules.version),
        ("model", decision.model_version or live, live),
    ):
        if then != now:
            said = f"it was decided by {what} {then}, and {now} is in force"
            raise Problem(409, "not-certifiable", said, expected=f"the {what} of the decision; see `replay`")


def _without_keys(decision: Decision, again: Decision) -> dict[str, Any]:
    """The decision as `judge` gives it: what the ledger and the release added is left out, as is the rules' place."""
    mine = {key: value for key, value in decision.model_dump(mode="json").items() if key in again.model_dump()}
    return {**mine, "id": None, "policy_source": again.model_dump(mode="json").get("policy_source")}


def _notes(decided: Decided, decision: Decision) -> Iterator[Reason]:
    of_score = () if decided.score is None else decided.score.reasons
    for reason in decision.reasons:
        if reason.code in NOTES and reason not in of_score:
            yield reason


def _messages(decision: Decision, code: str) -> Iterator[str]:
    return (reason.message for reason in decision.reasons if reason.code == code)


def _overruling(decision: Decision) -> Overruling | None:
    told = (decision.model_extra or {}).get("overruled")
    if decision.kind == "verdict" or not isinstance(told, dict):
        return None
    until = told.get("until")
    at = dt.datetime.fromisoformat(told["at"])
    warrant = Warrant(told["by"], told["reason"], at, until and dt.datetime.fromisoformat(until))
    failure = None
    if "failure_id" in told:
        failure = OpenFailure(told["failure_id"], str(decision.project), str(decision.module), WORST, None)
    return Overruling(decision.kind, warrant, failure)
