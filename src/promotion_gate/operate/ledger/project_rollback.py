"""Events of rollbacks, answered failures and batches -> the tables of `rollback_tables`."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger import rollback_tables
from promotion_gate.operate.ledger.chain import Entry
from promotion_gate.operate.ledger.errors import Conflict, NotFound
from promotion_gate.operate.ledger.payload import Payload, check_key
from promotion_gate.operate.ledger.rollback_events import (
    BatchReleased,
    FailureAnswered,
    FailureLinked,
    RollbackOpened,
    RollbackStep,
)
from promotion_gate.operate.rollback.attribution import Failure as Seen
from promotion_gate.operate.rollback.ports import CLOSE, RETRY


def project(connection: Connection, entry: Entry, payload: Payload) -> None:
    """Carry an event of a rollback, a batch or a failure's answer into the tables; others are none of these.

    Raises:
        PromotionGateError: it cannot follow what is there: a promotion that is in a rollback or a batch already.
    """
    match payload:
        case RollbackOpened():
            _opened(connection, entry, payload)
        case RollbackStep():
            _step(connection, entry, payload)
        case FailureLinked():
            _link(connection, entry, payload.failure, payload.promotion, payload.rollback, payload.code)
        case FailureAnswered():
            row = payload.model_dump(mode="json", exclude={"suspects"})
            connection.execute(insert(rollback_tables.failure_answers), {**row, "sequence": entry.sequence})
        case BatchReleased():
            _batch(connection, entry, payload)


def _opened(connection: Connection, entry: Entry, payload: RollbackOpened) -> None:
    order, name = payload.order, _named(entry, "rollback")
    if order.id != name:
        raise PromotionGateError(f"{entry.kind} of {order.id:.80} stands with {name:.80}")
    for member in order.members:
        query = select(rollback_tables.rollback_members.c.rollback).filter_by(promotion=member.promotion_id)
        found = connection.execute(query).scalar_one_or_none()
        if found is not None:
            raise Conflict(f"promotion {member.promotion_id} is in rollback {found} already")
    row = {"id": name, "promotion": order.failed.promotion_id, "is_open": True, "state": None}
    connection.execute(insert(rollback_tables.rollbacks), {**row, "sequence": entry.sequence})
    rows = [
        {"promotion": member.promotion_id, "rollback": name, "number": number, "sequence": entry.sequence}
        for number, member in enumerate(order.members)
    ]
    connection.execute(insert(rollback_tables.rollback_members), rows)
    if order.failure is not None:
        _link(connection, entry, order.failure, order.failed.promotion_id, name, "rollback-opened")


def _step(connection: Connection, entry: Entry, payload: RollbackStep) -> None:
    name, table = _named(entry, "rollback"), rollback_tables.rollbacks
    changes: dict[str, Any] = {}
    if payload.phase == "done" and payload.step == CLOSE:
        changes = {"is_open": False, "state": payload.data["state"]}
    elif payload.phase == "done" and payload.step == RETRY:
        changes = {"is_open": True, "state": None}
    known = connection.execute(select(table.c.id).filter_by(id=name)).first()
    if known is None:
        raise NotFound(f"no rollback {name!r:.80}")
    if changes:
        connection.execute(update(table).where(table.c.id == name).values(**changes))


def _link(connection: Connection, entry: Entry, failure: Seen, promotion: str, rollback: str | None, code: str) -> None:
    project, module = failure.module
    check_key(project, module, failure.failure_id, promotion)
    row = {"project": project, "module": module, "failure": failure.failure_id, "promotion": promotion}
    connection.execute(
        insert(rollback_tables.failure_links), {**row, "rollback": rollback, "code": code, "sequence": entry.sequence}
    )


def _batch(connection: Connection, entry: Entry, payload: BatchReleased) -> None:
    name = _named(entry, "batch")
    rows = [
        {**place.model_dump(mode="json"), "batch": name, "position": position, "sequence": entry.sequence}
        for position, place in enumerate(payload.places)
    ]
    connection.execute(insert(rollback_tables.batches), rows)


def _named(entry: Entry, kind: str) -> str:
    found, _, name = entry.stream.partition("\t")
    if found != kind or not name:
        raise PromotionGateError(f"{entry.kind} belongs to a {kind}, not to {entry.stream!r:.80}")
    return name
