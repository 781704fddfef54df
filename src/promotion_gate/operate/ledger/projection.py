"""The events carried into the tables that are asked: one by one as they are written, or all again from the first."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from promotion_gate.decide.digest import digest
from promotion_gate.operate.ledger import project_promotion, project_rollback, tables
from promotion_gate.operate.ledger.chain import Entry, canonical, stamp
from promotion_gate.operate.ledger.errors import Conflict, NotFound
from promotion_gate.operate.ledger.events import OfPromotion
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.module_events import Failure, FailureResolved, Scored, Telemetry, Window
from promotion_gate.operate.ledger.payload import Payload, check_key
from promotion_gate.operate.ledger.system_events import Answered, TokenIssued, TokenRevoked

CHUNK = 500
"""Events that are held in memory at once."""

FAILURE_KEY = ("project", "source", "failure_id", "module")
WINDOW_KEY = ("project", "module", "window_end", "window_start", "version", "source")
_FORGET = delete(tables.telemetry).where(*(tables.telemetry.c[name] == bindparam(f"key_{name}") for name in WINDOW_KEY))


def project(connection: Connection, entry: Entry, payload: Payload) -> None:
    """Carry an event into the tables.

    Raises:
        PromotionGateError: it cannot follow what is there: an illegal transition, a second failure of the same id.
    """
    match payload:
        case OfPromotion():
            project_promotion.project(connection, entry, payload)
        case Failure():
            _failure(connection, entry, payload)
        case FailureResolved():
            _resolved(connection, payload)
        case Scored():
            _scored(connection, entry, payload)
        case Telemetry():
            _telemetry(connection, entry, payload)
        case Answered():
            told = payload.model_dump(mode="json", exclude={"answer"})
            answer = {"answer": canonical(payload.answer), "sequence": entry.sequence}
            connection.execute(insert(tables.answers), {**told, **answer})
        case TokenIssued():
            _token(connection, entry, payload)
        case TokenRevoked():
            _revoked(connection, entry, payload)
        case _:
            project_rollback.project(connection, entry, payload)


def entries(connection: Connection) -> Iterator[Entry]:
    """Yield the events in the order of their sequence numbers, whatever these are; memory holds `CHUNK` of them."""
    table, after = tables.events, -(2**63)
    while True:
        query = select(table).where(table.c.sequence > after).order_by(table.c.sequence).limit(CHUNK)
        rows = connection.execute(query).all()
        for row in rows:
            yield Entry(*row)
        if len(rows) < CHUNK:
            return
        after = rows[-1].sequence


def rebuild(connection: Connection) -> None:
    """Make every projection again from the events, in the running transaction."""
    for table in reversed(tables.PROJECTIONS):
        connection.execute(delete(table))
    for entry in entries(connection):
        project(connection, entry, parse(entry.kind, entry.payload))


def failure_row(failure: Failure) -> dict[str, str | None]:
    """Return a failure as it stands in the table `failures`, but for the event's number."""
    told = failure.model_dump(mode="json")
    evidence = told.pop("evidence", None)
    return {**told, "evidence": None if evidence is None else canonical(evidence)}


def _window_row(window: Window) -> dict[str, Any]:
    told = window.model_dump(mode="json")
    buckets = told.get("latency_buckets")
    return {**told, "version": window.version or "", "latency_buckets": None if buckets is None else canonical(buckets)}


def _failure(connection: Connection, entry: Entry, payload: Failure) -> None:
    check_key(payload.project, payload.source, payload.failure_id, payload.module)
    row = {**failure_row(payload), "sequence": entry.sequence}
    table = tables.failures
    if connection.execute(select(table.c.sequence).filter_by(**{name: row[name] for name in FAILURE_KEY})).first():
        raise Conflict(f"failure {payload.failure_id} of {payload.source} is there already")
    connection.execute(insert(table), row)


def _resolved(connection: Connection, payload: FailureResolved) -> None:
    table = tables.failures
    conditions = [table.c[name] == getattr(payload, name) for name in FAILURE_KEY]
    done = connection.execute(update(table).where(*conditions).values(resolved_at=stamp(payload.resolved_at)))
    if done.rowcount == 0:
        raise NotFound(f"no failure {payload.failure_id} of {payload.source} in {payload.module}")


def _scored(connection: Connection, entry: Entry, payload: Scored) -> None:
    score = payload.result
    check_key(score.project, score.module)
    row = {"project": score.project, "module": score.module, "version": payload.version, "fis": score.fis}
    told = {"sequence": entry.sequence, "at": entry.at, "model_version": score.model_version}
    connection.execute(insert(tables.scores), {**row, **told})


def _telemetry(connection: Connection, entry: Entry, payload: Telemetry) -> None:
    batch = {"source": payload.source, "batch_id": payload.batch_id}
    if connection.execute(select(tables.telemetry_batches.c.sequence).filter_by(**batch)).first():
        raise Conflict(f"telemetry batch {payload.batch_id} of {payload.source} is there already")
    known = {**batch, "body_sha256": digest(payload.model_dump(mode="json")), "sequence": entry.sequence}
    connection.execute(insert(tables.telemetry_batches), known)
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for window in payload.windows:
        row = {**_window_row(window), "source": payload.source, "sequence": entry.sequence}
        check_key(row["project"], row["module"], row["version"], row["source"])
        rows[tuple(row[name] for name in WINDOW_KEY)] = row
    # Two statements for the whole batch, however many windows it has.
    connection.execute(_FORGET, [{f"key_{name}": row[name] for name in WINDOW_KEY} for row in rows.values()])
    connection.execute(insert(tables.telemetry), list(rows.values()))


def _token(connection: Connection, entry: Entry, payload: TokenIssued) -> None:
    row = payload.model_dump(mode="json", exclude={"scopes"})
    if connection.execute(select(tables.tokens.c.name).filter_by(token_sha256=payload.token_sha256)).first():
        raise Conflict("the token is there already")
    told = {"scopes": "\t".join(payload.scopes), "sequence": entry.sequence}
    connection.execute(insert(tables.tokens), {**row, **told})


def _revoked(connection: Connection, entry: Entry, payload: TokenRevoked) -> None:
    table = tables.tokens
    known = table.c.token_sha256 == payload.token_sha256
    if connection.execute(update(table).where(known).values(revoked_at=entry.at)).rowcount == 0:
        raise NotFound("no such token")
