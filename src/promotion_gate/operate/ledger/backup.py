"""A copy of an SQLite ledger while it is in use; for PostgreSQL the command that makes one."""

import contextlib
import os
import pathlib
import shlex
import sqlite3

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import database
from promotion_gate.operate.ledger.errors import LedgerUnavailable

PAGES = 1_000
"""Pages that are copied at once; writers go on in between."""


def backup(url: str, target: pathlib.Path) -> None:
    """Copy an SQLite ledger as it is at one moment; the service may go on writing.

    Args:
        url: of the ledger.
        target: a file that is not there yet.

    Raises:
        InputError: the target exists, there is no such ledger, or it is on PostgreSQL: the line has its command.
        LedgerUnavailable: the ledger cannot be read, or the copy not be written.
    """
    parsed = database.parsed(url)
    if not database.is_sqlite(parsed):
        raise InputError(f"a ledger on PostgreSQL is backed up by its own tools: {pg_dump(url, target)}")
    file = database.file_of(parsed)
    if not file.is_file():
        raise InputError(f"{file}: no such file, expected a ledger")
    if target.exists():
        raise InputError(f"{target}: is there already; a backup replaces nothing")
    part = target.with_name(f".{target.name}.part")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            source.backup(copy, pages=PAGES)
            # One file, no log beside it: it can be moved as it is. Opened as a ledger it gets its log again.
            copy.execute("PRAGMA journal_mode=DELETE")
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise LedgerUnavailable(f"{target}: no backup: {error}") from None


def pg_dump(url: str, target: pathlib.Path) -> str:
    """Return the command that backs up a ledger on PostgreSQL, without password (PGPASSFILE has it)."""
    parsed = database.parsed(url)
    kept = {name: value for name, value in parsed.query.items() if name in ("host", "port")}
    address = parsed.set(drivername="postgresql", query=kept)._replace(password=None)
    plain = address.render_as_string(hide_password=True)
    return shlex.join(["pg_dump", "--format=custom", "--no-owner", f"--file={target}", f"--dbname={plain}"])
