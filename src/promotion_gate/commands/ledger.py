"""The commands `promotion-gate ledger ...`: what the service wrote is moved, checked, exported, backed up."""

import itertools
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

import click

from promotion_gate.commands.group import FILE

DEFAULT_URL = "sqlite:///promotion-gate.db"
WRONG = 1
"""Exit code of `verify` where something is wrong, as that of `replay`."""

MAX_LINES = 20

C = TypeVar("C", bound=Callable[..., Any])


def _database(command: C) -> C:
    # The variable keeps a password out of the list of processes.
    said = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE; else of the variable PROMOTION_GATE_DATABASE."
    return click.option(
        "--database", envvar="PROMOTION_GATE_DATABASE", default=DEFAULT_URL, show_default=True, metavar="URL", help=said
    )(command)


@click.group()
def ledger() -> None:
    """Look after the ledger: every promotion and all that happened to it."""


@ledger.command()
@_database
@click.option("--to", "revision", help="Revision to go to, forward or back; else the present one.")
def migrate(database: str, revision: str | None) -> None:
    """Make a ledger, or bring it to the revision that this version needs; stop the service before."""
    from promotion_gate.operate.ledger import migrate as revisions  # SQLAlchemy
    from promotion_gate.operate.ledger.ledger import Ledger

    with Ledger.to_migrate(database) as opened:
        before, after = opened.migrate(revision or revisions.PRESENT)
        click.echo(f"{opened.name}: {before or 'empty'} -> {after}" if before != after else f"{opened.name}: {after}")


@ledger.command()
@_database
@click.option("--head", "known", metavar="HASH", help="A head that was kept elsewhere: the chain must pass through it.")
def verify(database: str, known: str | None) -> int:
    """Find any event that was altered, removed or put elsewhere: exit 0 if there is none, 1 if there is."""
    from promotion_gate.operate.ledger.ledger import Ledger
    from promotion_gate.operate.ledger.verify import verify

    with Ledger.look(database) as opened, opened.read() as queries:
        count, last = queries.head()
        found = list(itertools.islice(verify(queries.connection, known), MAX_LINES + 1))
    for line in found[:MAX_LINES]:
        click.echo(f"wrong: {line}")
    if len(found) > MAX_LINES:
        click.echo("wrong: and more")
    if not found:
        click.echo(f"{opened.name}: {count:,} events, none altered, removed or out of place; head {last}")
    return WRONG if found else 0


@ledger.command()
@_database
def head(database: str) -> None:
    """Print the hash of the last event and how many there are: kept elsewhere, it proves the chain up to there."""
    from promotion_gate.operate.ledger.ledger import Ledger

    with Ledger.look(database) as opened, opened.read() as queries:
        count, last = queries.head()
    click.echo(f"{last} {count}")


@ledger.command()
@_database
@click.option("--to", "folder", type=FILE, default=pathlib.Path("data/raw"), show_default=True, help="Raw tables.")
def export(database: str, folder: pathlib.Path) -> None:
    """Merge failures, telemetry and decisions into the raw tables that the next `dvc repro` reads."""
    from promotion_gate.operate.ledger.export import export
    from promotion_gate.operate.ledger.ledger import Ledger

    with Ledger.look(database) as opened, opened.read() as queries:
        done = export(queries, folder)
    for one in done:
        click.echo(f"{one.file}: {one.from_ledger:,} rows of the ledger, {one.rows:,} in all")
    if not done:
        click.echo("the ledger has neither failures nor telemetry nor decisions: nothing was written")


@ledger.command()
@_database
@click.option("--to", "target", type=FILE, required=True, help="File to write, not there yet.")
def backup(database: str, target: pathlib.Path) -> None:
    """Copy an SQLite ledger, in use or not, to one file; for PostgreSQL say which command does it."""
    from promotion_gate.operate.ledger.backup import backup
    from promotion_gate.operate.ledger.ledger import Ledger

    backup(database, target)
    with Ledger.look(f"sqlite:///{target}") as opened, opened.read() as queries:
        count, last = queries.head()
    click.echo(f"{target}: {count:,} events, head {last}")
