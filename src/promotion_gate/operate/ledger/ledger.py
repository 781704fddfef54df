"""The ledger: opened once, written in transactions, asked through `Queries`.

    ledger = Ledger.open("sqlite:///promotion-gate.db")
    with ledger.write("ci", now) as writer:      # on disk when the block ends, nothing of it otherwise
        promotion = promotions.request(writer, case)
    with ledger.read() as queries:               # one state of the ledger all along
        queries.promotions(Filters(state=State.WATCHING))

The commands are functions of a writer: `promotions`, `reviews`, `deployments`, `records`. Several of them in one
`write` are one transaction, as the service needs it for a promotion and the answer that an idempotency key gets.

Writers come one after the other, for each event needs the hash of the one before; those of one process who wait for
each other are committed together, see `group`. On SQLite that is BEGIN IMMEDIATE. On
PostgreSQL it is the lock on the head's row: the row is changed in the same transaction anyway, so the lock needs no
number that another program might use as well, as an advisory lock would, and nobody can write without it. It also makes
the order of the sequence that of the commits: who pages by sequence never misses an event that comes late.
"""

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Self

from sqlalchemy import URL, Connection

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import database, migrate
from promotion_gate.operate.ledger.group import Groups
from promotion_gate.operate.ledger.instance import Instance
from promotion_gate.operate.ledger.lease import Leases, Place
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.spans import span


class Ledger:
    """Events, their chain, and what follows from them. Safe to be used by several threads.

    Made by `open`, `look` or `to_migrate`.
    """

    def __init__(self, url: URL, instance: Instance | None, *, read_only: bool = False) -> None:
        self.url = url
        self._instance = instance
        self._engine = database.engine(url, read_only=read_only)
        self._groups = Groups(database.writing(self._engine), self.name, database.BUSY_S)
        self._leases = Leases(None if database.is_sqlite(url) else database.sessions(url))

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a ledger to write it; a new SQLite file is made and brought to the present revision.

        Raises:
            InputError: the URL is none, or the database is no ledger of the present revision; says what to do.
            Conflict: another service has this SQLite file open.
            LedgerUnavailable: the database cannot be reached.
        """
        parsed = database.parsed(url)
        ledger = cls(parsed, _instance(parsed))
        try:
            with ledger._reading() as connection:
                is_new = database.is_sqlite(parsed) and migrate.revision_of(connection, ledger.name) is None
            if is_new:
                ledger.migrate()
            with ledger._reading() as connection:
                migrate.refuse_unmigrated(connection, ledger.name)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def look(cls, url: str) -> Self:
        """Open a ledger to read it, beside a service that writes it; the database would refuse to write.

        Raises:
            InputError: as `open`; or there is no such SQLite file.
            LedgerUnavailable: as `open`.
        """
        parsed = database.parsed(url)
        if database.is_sqlite(parsed) and not database.file_of(parsed).is_file():
            raise InputError(f"{database.shown(parsed)}: no such file, expected a ledger")
        ledger = cls(parsed, None, read_only=True)
        try:
            with ledger._reading() as connection:
                migrate.refuse_unmigrated(connection, ledger.name)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def to_migrate(cls, url: str) -> Self:
        """Open a database of any revision, or an empty one, for `migrate`. Errors as `open`."""
        parsed = database.parsed(url)
        return cls(parsed, _instance(parsed))

    @property
    def name(self) -> str:
        """The address for people, without password."""
        return database.shown(self.url)

    def migrate(self, to: str = migrate.PRESENT) -> tuple[str | None, str]:
        """Bring the database to a revision, all or nothing; return the one before and the one after.

        Raises:
            InputError: another program's database, or a newer promotion-gate's; or no such revision.
            LedgerUnavailable: the database did not do it.
        """
        with database.translated(self.url), database.writing(self._engine).begin() as connection:
            return migrate.migrate(connection, self.name, to)

    @contextlib.contextmanager
    def write(self, actor: str, now: dt.datetime) -> Iterator[Writer]:
        """Open a transaction. When the block has ended without error, all that it wrote is on disk.

        Args:
            actor: who writes, see `Writer`.
            now: of the caller's clock, aware.

        Raises:
            LedgerUnavailable: the database did not take it; it may yet be written if the connection broke while it was
                being committed, so ask again with the same key.
            PromotionGateError: an event was refused.
        """
        with (
            span("ledger.write"),
            database.translated(self.url),
            self._groups.transaction() as connection,
        ):
            writer = Writer(connection, actor, now)
            yield writer
            writer.finish()

    @contextlib.contextmanager
    def read(self) -> Iterator[Queries]:
        """Ask the ledger as it is at one moment. LedgerUnavailable where the database does not answer."""
        with self._reading() as connection:
            yield Queries(connection)

    @contextlib.contextmanager
    def lease(self, places: Iterable[Place], wait_s: float) -> Iterator[None]:
        """Be the only one who deploys or rolls back on places, see `lease`; it keeps nobody from writing.

        Args:
            places: project, module and level of each.
            wait_s: how long to wait for others.

        Raises:
            Busy: they held one longer.
            LedgerUnavailable: the database does not answer.
        """
        with database.translated(self.url), self._leases.held(places, wait_s):
            yield

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
        if self._instance is not None:
            self._instance.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with database.translated(self.url), database.snapshot(self._engine).connect() as connection:
            yield connection


def _instance(url: URL) -> Instance | None:
    if not database.is_sqlite(url):
        return None
    file = database.file_of(url)
    if not file.parent.is_dir():
        raise InputError(f"{database.shown(url)}: no folder {file.parent}")
    return Instance(file)
