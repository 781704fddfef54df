"""The commands `promotion-gate policy`: a policy file checked, shown, and compared with another."""

import json
import pathlib

import click

from promotion_gate import params as parameters
from promotion_gate import policy_table
from promotion_gate.cli_group import FILE, with_gate
from promotion_gate.decide.policy import policy_document, policy_version
from promotion_gate.operate.gate import Gate


@click.group()
def policy() -> None:
    """Check, show and compare policy files: the sections `impact` and `policy`, alone or in a params.yaml."""


@policy.command()
@click.argument("file", type=FILE)
def check(file: pathlib.Path) -> int:
    """Say what is wrong in FILE, a line each: exit 0 if it can be used, 2 if not."""
    found = parameters.check_rules(file)
    if isinstance(found, list):
        for line in found:
            click.echo(f"error: {file}: {line}", err=True)
        return 2
    for warning in policy_table.warnings(found.policy):
        click.echo(f"warning: {file}: {warning}", err=True)
    click.echo(f"{file}: policy {policy_version(found.impact, found.policy)} can be used")
    return 0


@policy.command()
@click.argument("file", type=FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the policy as JSON, with its version.")
@with_gate
def show(file: pathlib.Path | None, as_json: bool, params: pathlib.Path | None, models: pathlib.Path) -> None:
    """Print the required coverage by level, category and band: of FILE, else of the rules in force."""
    rules = Gate(file or params, models).rules
    if as_json:
        told = {"policy_version": rules.version, "source": rules.source}
        click.echo(json.dumps({**told, **policy_document(rules.impact, rules.policy)}))
        return
    click.echo(f"policy {rules.version} ({rules.source})")
    for line in policy_table.lines(rules.impact, rules.policy):
        click.echo(line)
