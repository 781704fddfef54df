"""The commands `promotion-gate token ...`: who may call the service, and what for."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from promotion_gate.commands.ledger import DEFAULT_URL

if TYPE_CHECKING:
    from promotion_gate.operate.ledger.writer import Writer

SCOPES = ("read", "request", "review", "operate", "ingest", "admin")
ACTOR = "token command"

C = TypeVar("C", bound=Callable[..., Any])


def _database(command: C) -> C:
    said = "The service's; else of the variable PROMOTION_GATE_DATABASE."
    return click.option(
        "--database", envvar="PROMOTION_GATE_DATABASE", default=DEFAULT_URL, show_default=True, metavar="URL", help=said
    )(command)


@contextlib.contextmanager
def _writing(url: str) -> Iterator["Writer"]:
    from promotion_gate.operate.ledger import database  # SQLAlchemy
    from promotion_gate.operate.ledger.errors import Conflict
    from promotion_gate.operate.ledger.ledger import Ledger

    try:
        ledger = Ledger.open(url)
    except Conflict:
        # The service has it. A token may be written beside it: the database puts the writers in a row, and a token
        # neither watches nor expires anything, which is what the one service's lock is for.
        Ledger.look(url).close()
        ledger = Ledger(database.parsed(url), None)
    with ledger, ledger.write(ACTOR, dt.datetime.now(dt.UTC)) as writer:
        yield writer


@click.group()
def token() -> None:
    """Say who may call the service; beside a running one, too."""


@token.command()
@_database
@click.option("--name", required=True, help="Person or program; the actor of all that is done with it.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Once for each.")
@click.option("--project", help="The only project that it sees; else all.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Until it expires.")
def create(database: str, name: str, scopes: tuple[str, ...], project: str | None, days: int) -> None:
    """Make a token and print it, this once: the ledger keeps its hash alone."""
    from promotion_gate.operate.service import tokens

    with _writing(database) as writer:
        made = tokens.issue(writer, name, scopes, project, writer.now + dt.timedelta(days=days))
    click.echo(made)


@token.command("list")
@_database
def list_(database: str) -> None:
    """List all tokens that were ever made."""
    from promotion_gate.operate.ledger.ledger import Ledger
    from promotion_gate.operate.service import tokens

    with Ledger.look(database) as ledger, ledger.read() as queries:
        found = tokens.known(queries)
    now = dt.datetime.now(dt.UTC).isoformat()
    for row in found:
        state = "revoked" if row["revoked_at"] else "expired" if (row["expires_at"] or now) < now else "in force"
        scopes = row["scopes"].replace("\t", ",")
        until = row["expires_at"] or "never"
        click.echo(f"{row['token_sha256'][:12]}  {state:<8}  {until}  {row['project'] or '*'}  {scopes}  {row['name']}")


@token.command()
@_database
@click.argument("named")
def revoke(database: str, named: str) -> None:
    """Revoke the tokens of a name, or the one whose hash begins with NAMED; within a second it counts no longer."""
    from promotion_gate.operate.service import tokens

    with _writing(database) as writer:
        found = tokens.revoke(writer, named)
    for token_sha256 in found:
        click.echo(f"{token_sha256[:12]}  revoked")
