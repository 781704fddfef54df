"""What is kept -> what is shown: promotions and failures as wire types."""

import json
from collections.abc import Mapping
from typing import Any

from promotion_gate.operate.ledger.queries import Promotion
from promotion_gate.operate.service.caller import Caller
from promotion_gate.operate.service.endpoint import Call
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.wire import PromotionState


def state(promotion: Promotion) -> PromotionState:
    """Return a promotion as it is shown."""
    return PromotionState(**{name: getattr(promotion, name) for name in PromotionState.model_fields})


def found(call: Call) -> Promotion:
    """Return the promotion of the address.

    Raises:
        NotFound: there is none.
        Problem: 404 it is another project's: in the same words, so that nobody learns which ids there are.
    """
    name = call.path["promotion"]
    with call.service.ledger.read() as queries:
        promotion = queries.promotion(name)
    check_seen(call.caller, promotion)
    return promotion


def check_seen(caller: Caller, promotion: Promotion) -> None:
    """Refuse another project's promotion as one that is not there; it is audited."""
    if not caller.sees(promotion.project):
        raise Problem(404, "not-found", f"no promotion {promotion.id!r:.80}", is_refusal=True)


def failure(row: Mapping[str, Any], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a row of the table `failures` as it is shown, with what was done about it."""
    names = ("source", "failure_id", "severity", "occurred_at", "resolved_at", "version")
    evidence = row["evidence"]
    return {
        **{name: row[name] for name in names},
        "evidence": None if evidence is None else json.loads(evidence),
        **{name: None if answer is None else answer[name] for name in ("answer", "rollback", "code", "message")},
    }
