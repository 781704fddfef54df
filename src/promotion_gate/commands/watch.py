"""The command `promotion-gate watch`: what is under watch, now or all the time."""

import contextlib
import datetime as dt
import json
import os
import sys
import time
import urllib.parse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from promotion_gate.commands import watch_table
from promotion_gate.errors import InputError, PromotionGateError

if TYPE_CHECKING:
    from promotion_gate.agent.fetching import Client

SECONDS = 10.0
LARGEST = 16 << 20
CODES = {"healthy": 0, "degraded": 20}
"""Exit codes of a look, as of the gate's decisions; 10 for what is undecided."""

Watches = list[dict[str, Any]]


class UnansweredError(PromotionGateError):
    """The service does not answer."""

    exit_code = 4


@click.command()
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Address of the service.")
@click.option(
    "--token-env", default="PROMOTION_GATE_TOKEN", show_default=True, help="Variable with a token of scope read."
)
@click.option("--project", help="This project's alone.")
@click.option("--every", type=click.FloatRange(0.2), default=3, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once.")
@click.option("--json", "as_json", is_flag=True, help="JSON, a line a look.")
def watch(url: str, token_env: str, project: str | None, every: float, once: bool, as_json: bool) -> int:
    """Show how promoted versions do beside the stable ones, until Ctrl-C.

    Exit codes: 0; with --once 20 where a version is degraded, else 10 where one is undecided; 2 where the service
    refuses, 4 where it does not answer at the first look.
    """
    service = _Service(url, os.environ.get(token_env, ""), project)
    found = service.look()
    if once:
        _print(found, as_json)
        return max((CODES.get(one["state"], 10) for one in found), default=0)
    with contextlib.suppress(KeyboardInterrupt):  # the way in which it ends
        if sys.stdout.isatty() and not as_json:
            _live(service, found, every)
        else:
            _stream(service, found, every, as_json)
    return 0


class _Service:
    def __init__(self, url: str, token: str, project: str | None) -> None:
        from promotion_gate.agent import fetching  # urllib3

        try:
            self._url = fetching.checked(url.rstrip("/"), is_secret=bool(token)) + "/v1/watch"
        except ValueError as error:
            raise InputError(f"--url: {error}") from None
        if project is not None:
            self._url += f"?{urllib.parse.urlencode({'project': project})}"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client: Client = fetching.Client(SECONDS, LARGEST)

    def look(self) -> Watches:
        from promotion_gate.agent.fetching import FetchError, line

        try:
            answer = self._client.ask("GET", self._url, headers=self._headers)
        except FetchError as error:
            raise UnansweredError(f"{self._url}: {error}; is it running, and the address right?") from None
        try:
            told = json.loads(answer.body)
            if answer.code == 200:
                return list(told["watches"])
            said = told["detail"]
        except (ValueError, LookupError, TypeError):
            raise UnansweredError(f"{self._url}: answers {answer.code}, no promotion-gate does so") from None
        if answer.code >= 500 or answer.code == 429:
            raise UnansweredError(f"{self._url}: {line(said)}")
        raise InputError(f"{self._url}: {line(said)}; a token of scope read is expected in the variable of --token-env")


def _print(found: Watches, as_json: bool) -> None:
    now = dt.datetime.now(dt.UTC)
    if as_json:
        click.echo(json.dumps({"watches": found}))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(watch_table.table(found, now, f"{now:%H:%M:%S} UTC"))
    else:
        for line in watch_table.lines(found, now):
            click.echo(line)
        if not found:
            click.echo("nothing is watched")


def _live(service: _Service, found: Watches, every: float) -> None:
    from rich.live import Live

    note = ""
    with Live(auto_refresh=False) as shown:
        while True:
            now = dt.datetime.now(dt.UTC)
            shown.update(watch_table.table(found, now, note or f"{now:%H:%M:%S} UTC, Ctrl-C ends"), refresh=True)
            time.sleep(every)
            try:
                found, note = service.look(), ""
            except UnansweredError as error:  # it may come back
                note = note or f"as of {now:%H:%M:%S} UTC: {error}"


def _stream(service: _Service, found: Watches, every: float, as_json: bool) -> None:
    """Print each look as JSON, or a line for each watch whose state has changed."""
    states: dict[str, str] = {}
    while True:
        if as_json:
            _print(found, as_json)
        else:
            _print_changes(found, states)
        sys.stdout.flush()
        time.sleep(every)
        try:
            found = service.look()
        except UnansweredError as error:
            click.echo(f"error: {error}", err=True)


def _print_changes(found: Sequence[dict[str, Any]], states: dict[str, str]) -> None:
    now = dt.datetime.now(dt.UTC)
    for line in watch_table.lines([one for one in found if states.get(one["promotion"]) != one["state"]], now):
        click.echo(line)
    present = {one["promotion"]: one["state"] for one in found}
    for promotion in states.keys() - present.keys():
        click.echo(f"{now:%H:%M:%S}  {'over':<12}  promotion {promotion}")
    states.clear()
    states.update(present)
