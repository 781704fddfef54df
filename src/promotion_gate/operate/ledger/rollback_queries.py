"""What the ledger is asked about rollbacks, failures and batches, within one transaction."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from promotion_gate.operate.ledger import rollback_tables, tables
from promotion_gate.operate.ledger.chain import Entry, stamp
from promotion_gate.operate.ledger.errors import NotFound
from promotion_gate.operate.ledger.events import Requested
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.ledger.rollback_events import FailureLinked, RollbackOpened, rollback_stream
from promotion_gate.operate.ledger.states import UNDEPLOYED, State
from promotion_gate.operate.rollback.attribution import Failure as Seen
from promotion_gate.operate.rollback.ports import Order
from promotion_gate.schema import PromotionRequest

EVERY = 1_000_000
"""More steps than a rollback has."""


def rollback_of(queries: Queries, promotion: str) -> str | None:
    """Return the rollback that a promotion is or was in, None where there is none."""
    query = select(rollback_tables.rollback_members.c.rollback).filter_by(promotion=promotion)
    found = queries.connection.execute(query).scalar_one_or_none()
    return None if found is None else str(found)


def order_of(queries: Queries, rollback: str) -> Order:
    """Return the order that opened a rollback. NotFound where there is none."""
    found = queries.events(stream=rollback_stream(rollback), kinds=(RollbackOpened.kind,), limit=1)
    if not found:
        raise NotFound(f"no rollback {rollback!r:.80}")
    payload = parse(found[0].kind, found[0].payload)
    assert isinstance(payload, RollbackOpened)  # noqa: S101 - the kind asked for
    return payload.order


def steps_of(queries: Queries, rollback: str, kind: str) -> list[Entry]:
    """Return the events of a kind of a rollback, oldest first."""
    return queries.events(stream=rollback_stream(rollback), kinds=(kind,), limit=EVERY)


def open_rollbacks(queries: Queries) -> list[str]:
    """Return the rollbacks that are under way or were cut off, oldest first."""
    table = rollback_tables.rollbacks
    query = select(table.c.id).where(table.c.is_open).order_by(table.c.sequence)
    return [str(name) for name in queries.connection.execute(query).scalars()]


def is_linked(queries: Queries, failure: Seen, promotion: str) -> bool:
    """Say whether a failure of a promotion is there."""
    project, module = failure.module
    key = {"project": project, "module": module, "failure": failure.failure_id, "promotion": promotion}
    query = select(rollback_tables.failure_links.c.sequence).filter_by(**key)
    return queries.connection.execute(query).first() is not None


def attached(queries: Queries, rollback: str) -> list[Seen]:
    """Return the failures of a rollback, the one that opened it first."""
    links = rollback_tables.failure_links
    query = select(links.c.sequence).filter_by(rollback=rollback).order_by(links.c.sequence)
    found = []
    for sequence in queries.connection.execute(query).scalars():
        [entry] = queries.events(after=sequence - 1, limit=1)
        payload = parse(entry.kind, entry.payload)
        failure = payload.failure if isinstance(payload, FailureLinked) else None
        failure = payload.order.failure if isinstance(payload, RollbackOpened) else failure
        found += [] if failure is None else [failure]
    return found


def answer_of(queries: Queries, key: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return how a failure was answered: answer, rollback, code, message; None where it is new.

    Args:
        queries: of the transaction.
        key: `projection.FAILURE_KEY`.
    """
    row = queries.connection.execute(select(rollback_tables.failure_answers).filter_by(**key)).mappings().one_or_none()
    return None if row is None else dict(row)


def request_of(queries: Queries, promotion: str) -> PromotionRequest:
    """Return what was asked for. NotFound where there is no such promotion."""
    found = queries.events(stream=promotion_stream(promotion), kinds=(Requested.kind,), limit=1)
    if not found:
        raise NotFound(f"no promotion {promotion!r:.80}")
    payload = parse(found[0].kind, found[0].payload)
    assert isinstance(payload, Requested)  # noqa: S101 - the kind asked for
    return payload.request


def watched(queries: Queries, level: str, at: dt.datetime) -> list[Promotion]:
    """Return what was in its watch window on a level at a time: of a module the last promotion, whatever became of it.

    The last is the one that was asked for last. By its time another may seem to be: clocks are set back.
    """
    table = tables.promotions
    when = stamp(at)
    query = select(table.c.id).where(table.c.level == level, table.c.deployed_at <= when, table.c.watch_until >= when)
    names = queries.connection.execute(query.order_by(table.c.sequence)).scalars()
    found = [queries.promotion(name) for name in names]
    return list({(one.project, one.module): one for one in found}.values())


def stable_on(queries: Queries, project: str, level: str) -> list[Promotion]:
    """Return the stable promotion of each of a project's modules on a level."""
    query = select(tables.stable_versions.c.promotion).filter_by(project=project, level=level)
    names = queries.connection.execute(query.order_by(tables.stable_versions.c.module)).scalars()
    return [queries.promotion(name) for name in names]


def batch_of(queries: Queries, promotion: str) -> list[Promotion]:
    """Return what was released together with a promotion and may go, in the order of promotion; itself included."""
    table = rollback_tables.batches
    mine = select(table.c.batch).filter_by(promotion=promotion).scalar_subquery()
    query = select(table.c.promotion).where(table.c.batch == mine, table.c.promoted).order_by(table.c.position)
    return [queries.promotion(name) for name in queries.connection.execute(query).scalars()]


def in_state(queries: Queries, state: State) -> list[Promotion]:
    """Return all promotions of a state, the oldest first."""
    table = tables.promotions
    query = select(table.c.id).where(table.c.state == state.value).order_by(table.c.sequence)
    return [queries.promotion(name) for name in queries.connection.execute(query).scalars()]


def is_what_runs(queries: Queries, promotion: Promotion) -> bool:
    """Say whether nothing newer than a promotion was, or is being, put on its level."""
    if promotion.state is not State.STABLE:
        return promotion.is_open and promotion.state not in UNDEPLOYED
    stable = queries.module(promotion.project, promotion.module).stable.get(promotion.level)
    newer = queries.open_promotion(promotion.project, promotion.module, promotion.level)
    return stable is not None and stable[0] == promotion.id and (newer is None or newer.state in UNDEPLOYED)
