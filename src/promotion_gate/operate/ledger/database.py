"""The databases: SQLite for one process, PostgreSQL for several; what each must be told so that a commit lasts."""

import contextlib
import importlib.util
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, exc, make_url

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.errors import Conflict, LedgerUnavailable

BUSY_S = 10
"""Seconds that a writer waits for another before it gives up."""

# FULL: a commit is on disk when it returns. WAL, which writers set, keeps readers and the writer from waiting for one
# another; a reader leaves the file as it is, a backup for instance.
SQLITE_PRAGMAS = (f"busy_timeout={BUSY_S * 1000}", "synchronous=FULL", "foreign_keys=ON")

POSTGRESQL_SETTINGS = (
    f"SET lock_timeout = '{BUSY_S}s'",
    # A process that hangs within a write must not hold up all others for ever.
    "SET idle_in_transaction_session_timeout = '60s'",
    # A server may be set to answer before the write is on disk; a ledger is not.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
READ_ONLY = ("SET default_transaction_read_only = on",)


def parsed(url: str) -> URL:
    """Return a database's address.

    Raises:
        InputError: it is none, or of a database that the ledger does not know. The text is not shown: it may hold a
            password.
    """
    expected = "expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    try:
        made = make_url(url)
        backend = made.get_backend_name()
    except (exc.ArgumentError, ValueError):
        raise InputError(f"--database is no database URL; {expected}") from None
    if backend == "postgresql" and made.drivername in ("postgresql", "postgresql+psycopg"):
        if importlib.util.find_spec("psycopg") is None:
            raise InputError("a ledger on PostgreSQL needs psycopg: pip install 'psycopg[binary]'")
        return made.set(drivername="postgresql+psycopg")
    if made.drivername in ("sqlite", "sqlite+pysqlite"):
        if not made.database or made.database == ":memory:" or made.query:
            raise InputError(f"a ledger on SQLite is a file; {expected}")
        return made
    raise InputError(f"no ledger on {made.drivername}; {expected}")


def shown(url: URL) -> str:
    """Return an address for people: without its password and without options, which may hold another."""
    return url.set(query={}).render_as_string(hide_password=True)


def is_sqlite(url: URL) -> bool:
    """Say whether the database is an SQLite file."""
    return url.get_backend_name() == "sqlite"


def file_of(url: URL) -> pathlib.Path:
    """Return the SQLite file of an address."""
    return pathlib.Path(url.database or "")


def engine(url: URL, *, read_only: bool = False) -> Engine:
    """Return connections to a database, none of them made yet; the database itself refuses writes if `read_only`."""
    if not is_sqlite(url):
        # A connection that a restart cut is noticed when it is taken, not when an event is under way.
        made = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", pool_timeout=BUSY_S)
        settings = POSTGRESQL_SETTINGS + (READ_ONLY if read_only else ())
        event.listen(made, "connect", lambda connection, _record: _prepare_postgresql(connection, settings))
        return made
    made = create_engine(url, connect_args={"timeout": BUSY_S}, pool_timeout=BUSY_S)
    pragmas = (*SQLITE_PRAGMAS, "query_only=ON") if read_only else ("journal_mode=WAL", *SQLITE_PRAGMAS)
    event.listen(made, "connect", lambda connection, _record: _prepare_sqlite(connection, pragmas))
    event.listen(made, "begin", _begin_sqlite)
    return made


def sessions(url: URL) -> Engine:
    """Return connections to PostgreSQL that end when they are closed, and their locks with them."""
    return create_engine(url, poolclass=NullPool)


def writing(made: Engine) -> Engine:
    """Return the same connections for transactions that write from their first statement on."""
    return made.execution_options(ledger_writes=True)


def snapshot(made: Engine) -> Engine:
    """Return the same connections for transactions that see one state of the database all along."""
    return made if made.dialect.name == "sqlite" else made.execution_options(isolation_level="REPEATABLE READ")


@contextlib.contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn the database's errors into ours, one line without statements, values and passwords.

    Raises:
        LedgerUnavailable: the database cannot be reached, or did not write.
        Conflict: what was to be written is there already.
    """
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict(f"the ledger at {shown(url)} refuses it: {_reason(url, error)}") from None
    except (exc.DBAPIError, exc.TimeoutError, exc.PendingRollbackError, sqlite3.Error) as error:
        raise LedgerUnavailable(f"the ledger at {shown(url)} is not available: {_reason(url, error)}") from None


def _reason(url: URL, error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    said = lines[0]
    return said.replace(str(url.password), "***") if url.password else said


def _prepare_sqlite(connection: Any, pragmas: tuple[str, ...]) -> None:
    connection.isolation_level = None  # Python's own BEGIN comes too late: see _begin_sqlite
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: the writer waits for its turn before it reads what it will base its event on.
    writes = connection.get_execution_options().get("ledger_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, settings: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for setting in settings:
            cursor.execute(setting)
    connection.commit()
