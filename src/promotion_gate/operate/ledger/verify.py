"""Is the ledger what was written? The chain is followed from its first event, then all projections are made again.

Found: an event that was altered, removed, added or put elsewhere; events that are missing at the end, as long as the
head was not altered to fit; a projection that says otherwise than the events. Not found: a chain that somebody rewrote
from some event to the head. Against that the head's hash is kept elsewhere (`ledger head`) and given here.
"""

import tempfile
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, select
from sqlalchemy.exc import IntegrityError

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import GENESIS, follows
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.projection import CHUNK, entries, project

Row = tuple[Any, ...]


def verify(connection: Connection, known_head: str | None = None) -> Iterator[str]:
    """Yield what is wrong, a line each; nothing where all is as it was written. Memory does not grow with the ledger.

    Args:
        connection: in a transaction that sees one state of the database.
        known_head: a head's hash that was kept elsewhere; None: not asked.
    """
    broken = False
    for line in chain_faults(connection, known_head):
        broken = True
        yield line
    if broken:
        yield "the projections were not compared: they follow from the events"
        return
    yield from _projection_faults(connection)


def chain_faults(connection: Connection, known_head: str | None = None) -> Iterator[str]:
    """Yield what is wrong with events and head, a line each; arguments as `verify`."""
    previous, last, known = GENESIS, 0, known_head in (None, GENESIS)
    for entry in entries(connection):
        if entry.sequence <= 0:
            yield f"event {entry.sequence}: added; events count from 1"
            continue
        if entry.sequence != last + 1:
            yield f"events {last + 1} to {entry.sequence - 1}: removed"
        elif not follows(entry, previous):
            yield f"event {entry.sequence}: does not follow from event {last}: one of them is another or elsewhere"
        previous, last = entry.hash, entry.sequence
        known = known or entry.hash == known_head
    yield from _head_faults(connection, last, previous)
    if not known:
        yield f"no event has the hash {known_head}: the chain was rewritten or its end removed since that head was kept"


def _head_faults(connection: Connection, last: int, hash_of_last: str) -> Iterator[str]:
    rows = connection.execute(select(tables.head.c.count, tables.head.c.hash)).all()
    if len(rows) != 1:
        yield f"head: {len(rows)} rows, expected one"
        return
    count, said = rows[0]
    if count > last:
        yield f"events {last + 1} to {count}: removed at the end; the head counts {count}"
    elif count < last:
        yield f"events {count + 1} to {last}: added at the end; the head counts {count}"
    elif said != hash_of_last:
        yield f"head: its hash is not that of event {last}: one of them was altered"


def _projection_faults(connection: Connection) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="promotion-gate-") as folder:
        engine = _scratch(f"sqlite:///{folder}/replay.db")
        try:
            with engine.begin() as replay:
                tables.metadata.create_all(replay)
                fault = _replay(connection, replay)
                if fault is not None:
                    yield fault
                    return
                for table in tables.PROJECTIONS:
                    yield from _table_faults(table, connection, replay)
        finally:
            engine.dispose()


def _scratch(url: str) -> Engine:
    engine = create_engine(url)

    def careless(connection: Any, _record: Any) -> None:  # it is thrown away
        connection.isolation_level = None
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", careless)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _replay(connection: Connection, replay: Connection) -> str | None:
    for entry in entries(connection):
        try:
            project(replay, entry, parse(entry.kind, entry.payload))
        except (PromotionGateError, IntegrityError) as error:
            said = error.orig if isinstance(error, IntegrityError) else error
            return f"event {entry.sequence}: could never have been written: {said}"
    return None


def _table_faults(table: Table, found: Connection, replayed: Connection) -> Iterator[str]:
    """Both sides come in the order of the key, so one row of each is in memory at a time."""
    width = len(table.primary_key)
    there, expected = _rows(table, found), _rows(table, replayed)
    row, other = next(there, None), next(expected, None)
    while row is not None or other is not None:
        if other is None or (row is not None and row[:width] < other[:width]):
            yield f"{_name(table, row, width)}: in no event"
            row = next(there, None)
        elif row is None or other[:width] < row[:width]:
            yield f"{_name(table, other, width)}: missing, the events have it"
            other = next(expected, None)
        else:
            yield from _row_faults(table, row, other, width)
            row, other = next(there, None), next(expected, None)


def _row_faults(table: Table, row: Row, other: Row, width: int) -> Iterator[str]:
    names = [column.name for column in _columns(table)]
    for name, value, expected in zip(names, row, other, strict=True):
        if value != expected:
            yield f"{_name(table, row, width)}: {name} is {value!r:.60}, the events say {expected!r:.60}"


def _rows(table: Table, connection: Connection) -> Iterator[Row]:
    query = select(*_columns(table)).order_by(*table.primary_key)
    for row in connection.execute(query, execution_options={"yield_per": CHUNK}):
        yield tuple(row)


def _columns(table: Table) -> list[Any]:
    """The key first."""
    return [*table.primary_key, *(column for column in table.columns if not column.primary_key)]


def _name(table: Table, row: Row | None, width: int) -> str:
    return f"{table.name} {' '.join(map(str, (row or ())[:width]))}"
