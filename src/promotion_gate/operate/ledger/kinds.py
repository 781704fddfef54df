"""Every kind of event by its name in the ledger, and how a stored payload is read."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger.events import (
    Decided,
    Deployed,
    DeploymentStarted,
    Expired,
    Failed,
    Overridden,
    Requested,
    Reviewed,
    ReviewOpened,
    RollbackFailed,
    RollbackStarted,
    RolledBack,
    Settled,
    Superseded,
    Withdrawn,
)
from promotion_gate.operate.ledger.module_events import Failure, FailureResolved, Scored, Telemetry
from promotion_gate.operate.ledger.payload import Payload
from promotion_gate.operate.ledger.rollback_events import (
    AlarmRaised,
    BatchReleased,
    FailureAnswered,
    FailureLinked,
    RollbackOpened,
    RollbackStep,
)
from promotion_gate.operate.ledger.system_events import Answered, CallRefused, TokenIssued, TokenRevoked

OF_PROMOTION = (
    Requested,
    Decided,
    Overridden,
    ReviewOpened,
    Reviewed,
    Expired,
    Withdrawn,
    Superseded,
    DeploymentStarted,
    Deployed,
    Settled,
    Failed,
    RollbackStarted,
    RolledBack,
    RollbackFailed,
)
OF_MODULE = (Failure, FailureResolved, Scored, Telemetry)
OF_ROLLBACK = (RollbackOpened, RollbackStep, FailureLinked, FailureAnswered, AlarmRaised, BatchReleased)
OF_SYSTEM = (Answered, TokenIssued, TokenRevoked, CallRefused)

KINDS: Mapping[str, type[Payload]] = {
    model.kind: model for model in (*OF_PROMOTION, *OF_MODULE, *OF_ROLLBACK, *OF_SYSTEM)
}


def parse(kind: str, payload: str) -> Payload:
    """Return a stored payload.

    Raises:
        PromotionGateError: the kind is unknown or the payload is none of it: a newer program wrote it, or a hand did.
    """
    model = KINDS.get(kind)
    if model is None:
        raise PromotionGateError(f"event kind {kind!r:.60} is unknown to this version")
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PromotionGateError(f"no {kind}: {where}: {first['msg']}") from None
