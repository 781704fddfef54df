"""Commands that write what other programs tell, once however often they tell it; and answers that are given again."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from promotion_gate.decide.digest import digest
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import canonical, stamp
from promotion_gate.operate.ledger.errors import Conflict
from promotion_gate.operate.ledger.module_events import Failure, FailureResolved, Telemetry
from promotion_gate.operate.ledger.payload import SYSTEM, module_stream
from promotion_gate.operate.ledger.projection import FAILURE_KEY, failure_row
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.operate.ledger.system_events import Answered
from promotion_gate.operate.ledger.writer import Writer


@dataclass(frozen=True)
class Answer:
    """What was answered to a request with an idempotency key: HTTP status and the body's canonical JSON."""

    status: int
    answer: str


_ANSWER = select(tables.answers).filter_by(caller=bindparam("caller"), key=bindparam("key"))


def record_failure(writer: Writer, failure: Failure) -> bool:
    """Write a failure, or that one is resolved which is known; return whether anything was new.

    Raises:
        Conflict: the source has told otherwise of the same failure before, its evidence included.
    """
    told = failure_row(failure)
    known = writer.queries.connection.execute(
        select(tables.failures).filter_by(**{name: told[name] for name in FAILURE_KEY})
    ).mappings()
    row = known.one_or_none()
    stream = module_stream(failure.project, failure.module)
    if row is None:
        writer.append(stream, failure)
        return True
    differs = [name for name in told if name != "resolved_at" and row[name] != told[name]]
    if differs:
        said = f"{differs[0]} was {row[differs[0]]!s:.200}, not {told[differs[0]]!s:.200}"
        raise Conflict(f"failure {failure.failure_id} of {failure.source} is there with other words: {said}")
    if failure.resolved_at is None or row["resolved_at"] == stamp(failure.resolved_at):
        return False
    resolved = {name: getattr(failure, name) for name in FAILURE_KEY}
    writer.append(stream, FailureResolved(**resolved, resolved_at=failure.resolved_at))
    return True


def record_telemetry(writer: Writer, batch: Telemetry) -> bool:
    """Write a batch of telemetry; return whether it was new.

    Raises:
        Conflict: the source has sent other windows under the same batch id before.
    """
    table = tables.telemetry_batches
    query = select(table.c.body_sha256).filter_by(source=batch.source, batch_id=batch.batch_id)
    known = writer.queries.connection.execute(query).scalar_one_or_none()
    if known is None:
        writer.append(SYSTEM, batch)
        return True
    if known != digest(batch.model_dump(mode="json")):
        raise Conflict(f"telemetry batch {batch.batch_id} of {batch.source} is there with other windows")
    return False


def answered(queries: Queries, caller: str, key: str, body_sha256: str) -> Answer | None:
    """Return the answer that a caller got for an idempotency key; None where the key is new.

    Args:
        queries: of the transaction that will write, or of any before it.
        caller: whose key it is.
        key: as the caller gave it.
        body_sha256: of the request's body, 64 hex digits.

    Raises:
        Conflict: the key came with another body before.
    """
    row = queries.connection.execute(_ANSWER, {"caller": caller, "key": key}).mappings().one_or_none()
    if row is None:
        return None
    if row["body_sha256"] != body_sha256:
        raise Conflict(f"idempotency key {key!r:.80} came with another body before")
    return Answer(row["status"], row["answer"])


def store_answer(writer: Writer, caller: str, key: str, body_sha256: str, status: int, answer: Any) -> Answer:
    """Write the answer for a key in the transaction that it answers for; `answer` is plain JSON values."""
    told = Answered(caller=caller, key=key, body_sha256=body_sha256, status=status, answer=answer)
    writer.append(SYSTEM, told)
    return Answer(status, canonical(told.answer))
