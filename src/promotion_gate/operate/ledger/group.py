"""Group commit: writers of one process who wait for each other share a transaction, and one wait for the disk.

A commit waits for the disk, longer than an event takes to be written. So a writer behind whom others wait leaves the
transaction open to the next one, and the last commits for all. None of them returns before that: what was acknowledged
is on disk. From the second on each writes within a savepoint, so that what is refused takes nothing of the others with
it. A lone writer commits as ever.

Source: DeWitt et al., Implementation techniques for main memory database systems, SIGMOD 1984.
"""

import contextlib
import threading
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, Transaction

from promotion_gate.operate.ledger.errors import LedgerUnavailable

MOST = 32
"""Writers of one transaction: other processes wait for it, and its first writer too."""


class _Group:
    """A transaction and those who have written in it; changed only by whoever has the turn."""

    def __init__(self, engine: Engine) -> None:
        self.members = 0
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.connection: Connection = engine.connect()
        try:
            self._transaction: Transaction = self.connection.begin()
        except BaseException:
            self.connection.close()
            raise

    def run(self, statement: str) -> None:
        """Run one of the statements on savepoints: as plain text, for SQLAlchemy would put each together anew."""
        self.connection.exec_driver_sql(f"{statement} writer")

    def end(self, error: BaseException | None = None) -> None:
        """Commit, or roll back where there is an error, and let all members know how it ended."""
        try:
            if error is None:
                self._transaction.commit()
        except BaseException as failed:
            error = failed
        self.error = error
        try:
            self._transaction.close()  # rolls back what was not committed
        except Exception:
            self.connection.invalidate()  # what is left of it ends with its connection
        finally:
            self.connection.close()
            self.ended.set()


class Groups:
    """Takes the writers of a process one after the other, in groups.

    Args:
        engine: connections whose transactions write.
        name: of the ledger, for people.
        wait_s: how long a writer waits for its turn.
    """

    def __init__(self, engine: Engine, name: str, wait_s: float) -> None:
        self._engine, self._name, self._wait_s = engine, name, wait_s
        self._changed = threading.Condition()
        self._is_taken = False
        self._waiting = 0
        self._open: _Group | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write; when the block has ended without error, all that it wrote is committed, otherwise none of it.

        Raises:
            LedgerUnavailable: other writers held the ledger too long.
            The database's own errors, those of the commit too.
        """
        group = self._enter()
        is_first = not group.members  # whose failure ends the transaction
        try:
            if not is_first:
                group.run("SAVEPOINT")
            yield group.connection
            if not is_first:
                group.run("RELEASE SAVEPOINT")
        except BaseException as error:
            self._leave(group, error if is_first else self._undone(group))
            raise
        group.members += 1
        self._leave(group, None)
        group.ended.wait()
        if group.error is not None:
            raise group.error

    def _enter(self) -> _Group:
        with self._changed:
            self._waiting += 1
            try:
                is_mine = self._changed.wait_for(lambda: not self._is_taken, self._wait_s)
            finally:
                self._waiting -= 1
            if not is_mine:
                raise LedgerUnavailable(f"the ledger at {self._name} is not available: other writers held it too long")
            self._is_taken = True
            group, self._open = self._open, None
        if group is not None:
            return group
        try:
            return _Group(self._engine)
        except BaseException:
            self._pass_on(None)
            raise

    def _undone(self, group: _Group) -> Exception | None:
        """Undo what a writer wrote; return what ends the whole group, None where the others can go on."""
        try:
            group.run("ROLLBACK TO SAVEPOINT")
        except Exception as failed:  # the database has ended the transaction by itself
            return failed
        return None

    def _leave(self, group: _Group, error: BaseException | None) -> None:
        with self._changed:
            if error is None and self._waiting and group.members < MOST:
                self._open, self._is_taken = group, False
                self._changed.notify()
                return
        try:
            group.end(error)
        finally:
            self._pass_on(None)

    def _pass_on(self, group: _Group | None) -> None:
        with self._changed:
            self._open, self._is_taken = group, False
            self._changed.notify()
