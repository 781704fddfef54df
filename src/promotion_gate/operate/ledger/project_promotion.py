"""Events of a promotion -> the tables promotions, reviews, stable_versions, and the module's score and surcharge.

The state machine is asked here, where every event passes, the replay's included: no illegal transition gets written.
"""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import Entry, stamp
from promotion_gate.operate.ledger.errors import Conflict, NotFound
from promotion_gate.operate.ledger.events import (
    Decided,
    Deployed,
    DeploymentStarted,
    OfPromotion,
    Overridden,
    Requested,
    Reviewed,
    ReviewOpened,
    RollbackFailed,
    RollbackStarted,
    RolledBack,
    Settled,
)
from promotion_gate.operate.ledger.payload import check_key
from promotion_gate.operate.ledger.put import put
from promotion_gate.operate.ledger.states import OPEN, Event, State, next_state

promotions = tables.promotions
_READ = select(promotions).where(promotions.c.id == bindparam("promotion"))
_CHANGE = update(promotions).where(promotions.c.id == bindparam("promotion"))


def project(connection: Connection, entry: Entry, payload: OfPromotion) -> None:
    """Carry an event of a promotion into the tables.

    Raises:
        IllegalTransition: the promotion's state does not allow it.
        NotFound: there is no such promotion.
        Conflict: a promotion is requested that is there.
    """
    kind, _, name = entry.stream.partition("\t")
    if kind != "promotion" or not name:
        raise PromotionGateError(f"{entry.kind} belongs to a promotion, not to {entry.stream!r:.80}")
    if isinstance(payload, Requested):
        _request(connection, entry, payload, name)
        return
    row = connection.execute(_READ, {"promotion": name}).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no promotion {name!r:.80}")
    state = next_state(State(row["state"]), payload.event)
    changes: dict[str, Any] = {
        "state": state.value,
        "is_open": state in OPEN,
        "revision": row["revision"] + 1,
        "updated_sequence": entry.sequence,
        "updated_at": entry.at,
        # A review under way keeps its end, every other change of state ends the waiting.
        "due_at": row["due_at"] if state is State.IN_REVIEW else None,
        **_further(connection, entry, payload, dict(row)),
    }
    connection.execute(_CHANGE, {"promotion": name, **changes})
    if isinstance(payload, RolledBack):
        _restore(connection, entry, dict(row))


def _request(connection: Connection, entry: Entry, payload: Requested, name: str) -> None:
    request = payload.request
    check_key(request.module.project, request.module.module, request.level)
    check_key(name)
    if connection.execute(_READ, {"promotion": name}).first():
        raise Conflict(f"promotion {name} is there already")
    state = next_state(None, Event.REQUESTED)
    row = {
        "id": name,
        "sequence": entry.sequence,
        "project": request.module.project,
        "module": request.module.module,
        "level": request.level,
        "version": request.module.version,
        "requester": entry.actor,
        "requested_at": entry.at,
        "state": state.value,
        "is_open": state in OPEN,
        "revision": 1,
        "updated_sequence": entry.sequence,
        "updated_at": entry.at,
    }
    connection.execute(insert(promotions), row)


def _further(connection: Connection, entry: Entry, payload: OfPromotion, row: dict[str, Any]) -> dict[str, Any]:
    """What an event changes beside the state; tables beside `promotions` are written at once."""
    match payload:
        case Decided():
            _score(connection, entry, payload, row)
            decision = payload.decision
            return {
                **decision.model_dump(include={"status", "fis", "base_coverage", "required_coverage", "coverage"}),
                **decision.model_dump(include={"kind", "model_version", "policy_version"}),
                "decided_at": entry.at,
                "decided_sequence": entry.sequence,
                "propensity": payload.propensity,
                "due_at": _text(payload.until),
            }
        case Overridden():
            return {"kind": payload.decision.kind, "propensity": None, "due_at": stamp(payload.until)}
        case ReviewOpened():
            return {"reviewers_needed": payload.reviewers_needed, "due_at": _text(payload.until)}
        case Reviewed():
            return _reviewed(connection, entry, payload, row)
    return _from_deployment_on(connection, entry, payload, row)


def _from_deployment_on(
    connection: Connection, entry: Entry, payload: OfPromotion, row: dict[str, Any]
) -> dict[str, Any]:
    match payload:
        case DeploymentStarted():
            return {"deployed_at": entry.at, "watch_until": _text(payload.watch_until)}
        case Deployed():
            until = stamp(payload.watch_until)
            return {"deployed_at": entry.at, "watch_until": until, "due_at": until}
        case Settled():
            _settle(connection, entry, payload, row)
            return {"stable_sequence": entry.sequence}
        case RollbackStarted():
            return {"restores": payload.restores}
        case RollbackFailed() if payload.surcharge is not None:
            _surcharge(connection, entry, row, str(payload.surcharge))
        case RolledBack():
            _surcharge(connection, entry, row, str(payload.surcharge))
            return {"stable_sequence": None}
    return {}


def _text(when: dt.datetime | None) -> str | None:
    return None if when is None else stamp(when)


def _score(connection: Connection, entry: Entry, payload: Decided, row: dict[str, Any]) -> None:
    if payload.decision.fis is not None:
        score = {name: row[name] for name in ("project", "module", "version")}
        told = {"sequence": entry.sequence, "at": entry.at, "fis": payload.decision.fis}
        model = {"model_version": payload.decision.model_version}
        connection.execute(insert(tables.scores), {**score, **told, **model})


def _reviewed(connection: Connection, entry: Entry, payload: Reviewed, row: dict[str, Any]) -> dict[str, Any]:
    review = {"promotion": row["id"], "reviewer": entry.actor, "verdict": payload.verdict, "sequence": entry.sequence}
    connection.execute(insert(tables.reviews), review)
    if payload.outcome == "counted":
        return {}
    # From here on persons decided: the policy's own probability is unknown.
    return {"kind": "review", "propensity": None, "due_at": _text(payload.until)}


def _settle(connection: Connection, entry: Entry, payload: Settled, row: dict[str, Any]) -> None:
    key = {name: row[name] for name in ("project", "module", "level")}
    values = {"promotion": row["id"], "version": row["version"], "sequence": entry.sequence}
    put(connection, tables.stable_versions, key, values)
    _surcharge(connection, entry, row, str(payload.surcharge))


def _surcharge(connection: Connection, entry: Entry, row: dict[str, Any], surcharge: str) -> None:
    key = {"project": row["project"], "module": row["module"]}
    put(connection, tables.modules, key, {"surcharge": surcharge, "sequence": entry.sequence})


def _restore(connection: Connection, entry: Entry, row: dict[str, Any]) -> None:
    """Where the stable version itself was rolled back, the one before it is the stable one again."""
    stable = tables.stable_versions
    key = {name: row[name] for name in ("project", "module", "level")}
    present = connection.execute(select(stable.c.promotion).filter_by(**key)).scalar_one_or_none()
    if present != row["id"]:
        return
    before = last_stable(connection, **key)
    if before is None:
        connection.execute(stable.delete().filter_by(**key))
    else:
        values = {"promotion": before["id"], "version": before["version"], "sequence": entry.sequence}
        put(connection, stable, key, values)


def last_stable(
    connection: Connection, project: str, module: str, level: str, before: int | None = None
) -> dict[str, Any] | None:
    """Return id and version of the last promotion that is stable on a level, None where there is none.

    Args:
        connection: in a transaction.
        project: of the module.
        module: its name.
        level: where it runs.
        before: of those that became stable before this sequence number; None: of all.
    """
    query = (
        select(promotions.c.id, promotions.c.version)
        .filter_by(project=project, module=module, level=level, state=State.STABLE.value)
        .where(promotions.c.stable_sequence.is_not(None))
        .order_by(promotions.c.stable_sequence.desc())
        .limit(1)
    )
    if before is not None:
        query = query.where(promotions.c.stable_sequence < before)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)
