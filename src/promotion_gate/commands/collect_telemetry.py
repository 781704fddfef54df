"""The command `promotion-gate collect telemetry`: a Prometheus server -> the table telemetry."""

import datetime
import os
import pathlib
import re

import click

from promotion_gate.commands.group import FILE
from promotion_gate.errors import InputError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.command()
@click.option("--url", required=True, help="Address of the Prometheus server.")
@click.option("--project", required=True, help="Project of the modules.")
@click.option("--from", "begin", required=True, metavar="TIME", help="Beginning of the first window, ISO 8601.")
@click.option("--until", required=True, metavar="TIME", help="End of the last window.")
@click.option("--window", default="1h", show_default=True, help="Length of a window: 30s, 5m, 1h, 1d.")
@click.option("--token-env", metavar="NAME", help="Environment variable that holds a token for the server.")
@click.option("--out", type=FILE, default=pathlib.Path("data/raw"), show_default=True, help="Folder of the raw tables.")
@click.option("--config", type=FILE, help="YAML file with what differs from the shipped defaults.")
def telemetry(
    url: str, project: str, begin: str, until: str, window: str, token_env: str | None, out: pathlib.Path,
    config: pathlib.Path | None,
) -> None:  # fmt: skip
    """Ask Prometheus for each module's requests, errors and latency, window by window."""
    from promotion_gate.collect import prometheus
    from promotion_gate.collect import telemetry as table
    from promotion_gate.collect.git import naming, settings

    if not naming.plain(project):
        raise InputError(f"--project {project!r:.80}: a name of printable characters is expected")
    token = os.environ.get(token_env) if token_env else None
    if token_env and not token:
        raise InputError(f"--token-env {token_env}: this environment variable is empty or not set")
    first, last, length = _time("--from", begin), _time("--until", until), _seconds(window)
    rows = table.rows(prometheus.Server(url, token), settings.load(config).prometheus, project, first, last, length)
    count = table.put(out, rows, project, first, last)
    modules = len({row["module"] for row in rows})
    click.echo(f"{out / table.TABLE}: {len(rows):,} windows of {modules:,} modules, {count:,} rows in all")
    for name in table.FIGURES:
        known = sum(row[name] is not None for row in rows)
        click.echo(f"  {name}: known in {known:,} of {len(rows):,} windows")


def _time(option: str, text: str) -> int:
    try:
        read = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text!r:.80}: a time in ISO 8601 is expected, as 2026-01-31T00:00:00Z") from None
    moment = read if read.tzinfo else read.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())


def _seconds(text: str) -> int:
    length = re.fullmatch(r"([1-9]\d{0,6})([smhd])", text)
    if length is None:
        raise InputError(f"--window {text!r:.80}: a length as 30s, 5m, 1h or 1d is expected")
    return int(length[1]) * UNITS[length[2]]
