"""The lease: of all threads and processes that use a ledger, one at a time deploys or rolls back.

On PostgreSQL it is an advisory lock of a session of its own: the server ends it with the connection, however the
process ended, so that whoever gets it knows that nobody else is at work and that what is under way was cut off.
An SQLite ledger has one process (see `instance`), whose threads wait for each other.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

from promotion_gate.operate.ledger.errors import Busy

NUMBER = 0x70726F6D6F7465
"""Of the advisory lock: any will do, for the ledger has the database to itself."""

POLL_S = 0.1


class Lease:
    """See the module's text.

    Args:
        engine: of a PostgreSQL ledger; None: threads alone are to be kept apart.
    """

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """Hold the lease. Busy where others hold it for longer than one is willing to wait."""
        deadline = time.monotonic() + wait_s
        busy = Busy("another deployment or rollback is under way: ask again when it has ended")
        if not self._turn.acquire(timeout=wait_s):
            raise busy
        try:
            if self._engine is None:
                yield
                return
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                while not _tried(connection):
                    if time.monotonic() >= deadline:
                        raise busy
                    time.sleep(POLL_S)
                try:
                    yield
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": NUMBER})
        finally:
            self._turn.release()


def _tried(connection: Connection) -> bool:
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": NUMBER}).scalar_one())
