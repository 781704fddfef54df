"""The command `promotion-gate replay`: a certified decision is made again."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from promotion_gate.commands import output
from promotion_gate.commands.group import FILE
from promotion_gate.operate.gate import DEFAULT_MODELS

DIFFERS, NO_MODEL = 1, 3


@click.command()
@click.argument("certificate", type=FILE)
@click.option("--models", type=FILE, default=DEFAULT_MODELS, show_default=True, help="Folder of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print what was compared as JSON.")
def replay(certificate: pathlib.Path, models: pathlib.Path, as_json: bool) -> int:
    """Make the decision of CERTIFICATE again: exit 0 if all is bit for bit the same, 1 if something differs.

    Exit 3: the decision follows from its inputs, but the model is not here, so the score was not computed again.
    """
    from promotion_gate.operate.replay import read, replay  # NumPy

    read_in = read(certificate)
    done = replay(read_in, models)
    if as_json:
        click.echo(json.dumps({"same": done.same, **dataclasses.asdict(done)}))
    else:
        for line in _as_text(read_in, done):
            click.echo(line, color=output.color())
    if not done.same:
        return DIFFERS
    return NO_MODEL if done.score is None and read_in["inputs"]["request"]["fis"] is None else 0


def _as_text(certificate: Mapping[str, Any], done: Any) -> Iterator[str]:
    decision = certificate["decision"]
    verdict = click.style(
        "Reproduced" if done.same else "Not reproduced", fg="green" if done.same else "red", bold=True
    )
    yield f"{verdict}: {decision['status']}, {decision['module']} to {decision['level']}, of {certificate['issued_at']}"
    yield from _row("inputs", done.altered, f"all {len(certificate['inputs'])} have their hash")
    yield from _row("decision", done.decision, "made again, bit for bit the same")
    if done.score is None:
        yield from _row("score", [], f"not computed again: {done.unscored}")
    else:
        yield from _row("score", done.score, f"computed again by {certificate['model_version']}, bit for bit the same")
    yield from _row("origin", done.origin, "the same model, data and code")


def _row(title: str, found: list[Any], nothing: str) -> Iterator[str]:
    for number, line in enumerate(found or [nothing]):
        yield f"  {'' if number else title:<10}{line}"
