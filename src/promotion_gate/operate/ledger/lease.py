"""Leases: of all threads and processes that use a ledger, one at a time deploys or rolls back on a place.

A place is a project, a module and a level; several are taken at once or not at all, so that nobody waits for one while
holding another. On PostgreSQL a lease is advisory locks of a session of its own: the server ends them with the
connection, however the process ended, so that whoever gets them knows that nobody else is at work there and that what
is under way was cut off. An SQLite ledger has one process (see `instance`), whose threads wait for each other.
"""

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Engine, text

from promotion_gate.operate.ledger.errors import Busy

Place = tuple[str, str, str]
"""Project, module, level."""

POLL_S = 0.1


class Leases:
    """See the module's text.

    Args:
        engine: of a PostgreSQL ledger, which keeps no connections; None: threads alone are to be kept apart.
    """

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._held: set[Place] = set()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def held(self, places: Iterable[Place], wait_s: float) -> Iterator[None]:
        """Hold the leases of places. Busy where others hold one for longer than one is willing to wait."""
        wanted, deadline = frozenset(places), time.monotonic() + wait_s
        busy = Busy("another deployment or rollback is under way there: ask again when it has ended")
        with self._changed:
            if not self._changed.wait_for(lambda: self._held.isdisjoint(wanted), timeout=wait_s):
                raise busy
            self._held |= wanted
        try:
            if self._engine is None:
                yield
                return
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                while not _taken(connection, wanted):
                    if time.monotonic() >= deadline:
                        raise busy
                    time.sleep(POLL_S)
                yield  # the connection is closed after it, and its locks end
        finally:
            with self._changed:
                self._held -= wanted
                self._changed.notify_all()


def _taken(connection: Connection, places: Iterable[Place]) -> bool:
    """Lock all places or none."""
    if all(_locked(connection, place) for place in sorted(places)):
        return True
    connection.execute(text("SELECT pg_advisory_unlock_all()"))
    return False


def _locked(connection: Connection, place: Place) -> bool:
    # The ledger has the database to itself; two places of one number would wait for each other without need.
    number = int.from_bytes(hashlib.sha256("\0".join(place).encode()).digest()[:8], "big", signed=True)
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar_one())
