"""The command `promotion-gate serve`: scores, decisions and promotions over HTTP."""

import pathlib

import click

from promotion_gate.commands.group import FILE, with_gate
from promotion_gate.commands.ledger import DEFAULT_URL


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port to listen on.")
@click.option(
    "--database",
    envvar="PROMOTION_GATE_DATABASE",
    default=DEFAULT_URL,
    show_default=True,
    metavar="URL",
    help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE; else of the variable PROMOTION_GATE_DATABASE.",
)
@click.option("--no-auth", is_flag=True, help="Ask for no tokens; on the loopback alone.")
@click.option("--deployers", type=FILE, help="File of the deployers; without, the pipeline deploys and tells.")
@click.option("--rate", type=click.FloatRange(1), default=500, show_default=True, help="Requests a second of a token.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; PostgreSQL only.")
@click.option("--tls-cert", type=FILE, help="Certificate and its chain, PEM.")
@click.option("--tls-key", type=FILE, help="Its key, PEM.")
@with_gate
def serve(
    host: str,
    port: int,
    database: str,
    no_auth: bool,
    deployers: pathlib.Path | None,
    rate: float,
    workers: int,
    tls_cert: pathlib.Path | None,
    tls_key: pathlib.Path | None,
    params: pathlib.Path | None,
    models: pathlib.Path,
) -> None:
    """Serve scores, decisions and promotions over HTTP until a signal ends it; see docs/operate.md."""
    from promotion_gate.operate.service import server  # FastAPI, SQLAlchemy
    from promotion_gate.operate.service.settings import Settings

    settings = Settings(database, no_auth, models, params, deployers, rate)
    server.serve(settings, server.Address(host, port, tls_cert, tls_key), workers)
