"""One service to an SQLite ledger: the second is refused, in one line, before it does anything.

Two processes could write the same file without harm to it, but each would watch, expire and roll back on its own.
The lock is an exclusive transaction on a small file beside the ledger: the operating system ends it with the process,
however that ends, so that nothing is left to be cleaned up. (A row in the ledger would outlive a kill.) The file stays.
"""

import pathlib
import sqlite3

from promotion_gate.operate.ledger.errors import Conflict, LedgerUnavailable


class Instance:
    """Holds an SQLite ledger for this process until `release`.

    Args:
        file: of the ledger.

    Raises:
        Conflict: another service holds it.
        LedgerUnavailable: the lock cannot be written beside it.
    """

    def __init__(self, file: pathlib.Path) -> None:
        itself = file.resolve()  # a link to it is no other ledger
        lock = itself.with_name(f"{itself.name}.lock")
        try:
            self._connection = sqlite3.connect(lock, timeout=0, isolation_level=None, check_same_thread=False)
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                self._connection.close()
                raise Conflict(
                    f"{file}: another service has this ledger open; stop it first, or use PostgreSQL for several"
                ) from None
            raise LedgerUnavailable(f"{lock}: {error}") from None

    def release(self) -> None:
        """Let others have the ledger."""
        self._connection.close()
