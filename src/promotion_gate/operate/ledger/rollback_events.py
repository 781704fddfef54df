"""What happens to rollbacks and batches, and how failures were answered. One closed model for each kind of event."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from promotion_gate.operate.ledger.payload import Key, Payload, Time, Words
from promotion_gate.operate.rollback.attribution import Failure as Seen
from promotion_gate.operate.rollback.ports import Order
from promotion_gate.schema import Name, Reason


class RollbackOpened(Payload):
    """A rollback is to be done; its order, whose failure, if there is one, is attached to it."""

    kind: ClassVar[str] = "rollback-opened"
    order: Order


class RollbackStep(Payload):
    """What happened in a rollback: a step begins, an attempt at it fails, or it is done."""

    kind: ClassVar[str] = "rollback-step"
    step: Words
    phase: Literal["begin", "attempt-failed", "done"]
    at: Time
    data: dict[str, JsonValue]


class FailureLinked(Payload):
    """A failure of a promotion, attached to a rollback or to none; `code` says how it was answered."""

    kind: ClassVar[str] = "failure-linked"
    failure: Seen
    promotion: Key
    rollback: Key | None
    code: Key


class Suspected(Payload):
    """A promotion that may be to blame, and why; no event, a part of one."""

    kind: ClassVar[str] = "suspect"
    promotion: Key
    score: Annotated[float, Field(ge=0, le=1)]
    evidence: tuple[Reason, ...]


class FailureAnswered(Payload):
    """Who was suspected of a failure on a level, and what was done; told again, it is answered the same."""

    kind: ClassVar[str] = "failure-answered"
    source: Key
    failure_id: Key
    project: Name
    module: Name
    level: Name
    suspects: tuple[Suspected, ...]
    answer: Literal["opened", "attached", "recorded"]
    rollback: Key | None
    code: Key
    message: Words


class AlarmRaised(Payload):
    """A person must act, now: `message` says what happened and what to do."""

    kind: ClassVar[str] = "alarm-raised"
    rollback: Key | None
    message: Words


class BatchPlace(Payload):
    """A promotion's place in a batch, see `decide.batch.Place`; no event, a part of one."""

    kind: ClassVar[str] = "batch-place"
    promotion: Key
    step: Annotated[int, Field(ge=0)]
    promoted: bool


class BatchReleased(Payload):
    """Modules that were requested together, in the order in which they are to be promoted."""

    kind: ClassVar[str] = "batch-released"
    atomic: bool
    places: Annotated[tuple[BatchPlace, ...], Field(min_length=1)]


def rollback_stream(rollback: str) -> str:
    """Return the stream of a rollback."""
    return f"rollback\t{rollback}"


def batch_stream(batch: str) -> str:
    """Return the stream of a batch."""
    return f"batch\t{batch}"
