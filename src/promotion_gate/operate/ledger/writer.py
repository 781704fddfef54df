"""A transaction that writes: events are put at the chain's end and carried into the projections at once."""

import datetime as dt

from sqlalchemy import Connection, insert, select, update

from promotion_gate.errors import InputError, PromotionGateError
from promotion_gate.operate.ledger import projection, tables
from promotion_gate.operate.ledger.chain import Entry, link, stamp
from promotion_gate.operate.ledger.payload import Payload, check_key
from promotion_gate.operate.ledger.queries import Queries

# FOR UPDATE: see `ledger`; SQLite has no such words and needs none.
_HEAD = select(tables.head.c.count, tables.head.c.hash).with_for_update()
_MOVE, _APPEND = update(tables.head), insert(tables.events)


class Writer:
    """Appends events; made by `Ledger.write`, dead after its block.

    Args:
        connection: in a transaction that nobody else writes beside.
        actor: who does it: a person's or program's name, kept for ever. Never a secret.
        now: of the caller's clock, aware. It may be earlier than that of the event before.

    Attributes:
        queries: what the ledger says within this transaction.

    Raises:
        InputError: the actor has no name or one with control characters, or the time has no offset.
    """

    def __init__(self, connection: Connection, actor: str, now: dt.datetime) -> None:
        if not actor.strip() or len(actor) > 200 or not actor.isprintable():
            raise InputError("an actor is a printable name of 1 to 200 characters")
        self.actor, self.now, self.at = actor, now, stamp(now)
        self.queries = Queries(connection)
        self._connection = connection
        self._count, self._hash = connection.execute(_HEAD).one()
        self._before = self._count
        self._refused = False

    def append(self, stream: str, payload: Payload) -> Entry:
        """Write an event.

        Args:
            stream: as `payload.promotion_stream`, `module_stream`, `SYSTEM` say.
            payload: one of `kinds.KINDS`.

        Raises:
            PromotionGateError: it cannot follow what is there, see `projection.project`. The whole transaction is lost.
        """
        check_key(stream)
        entry = link(self._hash, self._count + 1, payload.kind, self.at, self.actor, stream, payload.text())
        try:
            self._connection.execute(_APPEND, vars(entry))
            projection.project(self._connection, entry, payload)
        except BaseException:
            self._refused = True
            raise
        self._count, self._hash = entry.sequence, entry.hash
        return entry

    def finish(self) -> None:
        """Write the new head.

        Raises:
            PromotionGateError: an event was refused and whoever wrote it went on all the same.
        """
        if self._refused:
            raise PromotionGateError("nothing was written: one of the transaction's events was refused")
        if self._count > self._before:
            self._connection.execute(_MOVE, {"count": self._count, "hash": self._hash})
