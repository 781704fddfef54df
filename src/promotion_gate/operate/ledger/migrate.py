"""Forward and back through the ledger's revisions, by alembic, in one transaction with the projections' making.

The ledger needs a database of its own: MLflow and Optuna keep a table `alembic_version` too, and each would take the
other's for its own.
"""

import pathlib
from typing import Any

from sqlalchemy import Connection, inspect, select, text

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import projection, tables

REVISIONS = ("ledger_0001", "ledger_0002", "ledger_0003", "ledger_0004")
"""Oldest first; those in the folder `migrations`, named here so that opening a ledger need not load alembic."""

PRESENT = REVISIONS[-1]
EMPTY = "base"
"""What alembic calls the state before the first revision."""

SCRIPTS = pathlib.Path(__file__).parent / "migrations"


def revision_of(connection: Connection, where: str) -> str | None:
    """Return the revision of a ledger, None of an empty database.

    Args:
        connection: in a transaction.
        where: the database, for people.

    Raises:
        InputError: the database is another program's, or a newer promotion-gate's.
    """
    names = inspect(connection).get_table_names()
    found = []
    if "alembic_version" in names:
        found = list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
    if not found and not set(names) - {"alembic_version"}:
        return None
    own = "give the ledger a database of its own"
    if len(found) == 1 and found[0] in REVISIONS and tables.head.name in names:
        return str(found[0])
    if len(found) == 1 and found[0].startswith("ledger_"):
        raise InputError(f"{where}: made by a newer promotion-gate ({found[0]}; this one knows {PRESENT}): upgrade it")
    if found:
        raise InputError(
            f"{where}: holds another program's tables (alembic_version {found[0]:.40}), as MLflow or Optuna do; {own}"
        )
    raise InputError(f"{where}: holds another program's tables ({', '.join(sorted(names)):.80}); {own}")


def refuse_unmigrated(connection: Connection, where: str) -> None:
    """Refuse a ledger that is not at the present revision.

    Raises:
        InputError: it is older, newer, empty, or no ledger; says what to do.
    """
    found = revision_of(connection, where)
    if found == PRESENT:
        return
    what = "no ledger yet" if found is None else f"a ledger of revision {found}, this version needs {PRESENT}"
    raise InputError(f"{where}: {what}; run `promotion-gate ledger migrate --database URL` (see --help) first")


def migrate(connection: Connection, where: str, to: str = PRESENT) -> tuple[str | None, str]:
    """Bring a database to a revision, and make the projections again where it is the present one.

    Args:
        connection: in a transaction that writes; nothing is done until it is committed.
        where: the database, for people.
        to: one of `REVISIONS`.

    Returns:
        the revision before, None for an empty database, and the one after.

    Raises:
        InputError: as `revision_of`; or there is no such revision.
    """
    if to not in REVISIONS:
        raise InputError(f"no ledger revision {to!r:.40}; expected one of {', '.join(REVISIONS)}")
    before = revision_of(connection, where)
    if before == to:
        return before, to
    if before is not None:  # no event may come between the projections' making and the commit
        connection.execute(select(tables.head.c.count).with_for_update())
    from alembic import command  # only here: opening a ledger does without

    config = _config(connection)
    if before is None or REVISIONS.index(before) < REVISIONS.index(to):
        command.upgrade(config, to)
    else:
        command.downgrade(config, to)
    if to == PRESENT:
        projection.rebuild(connection)
    return before, to


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
