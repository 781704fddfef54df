"""The commands `promotion-gate policy`: a policy file checked, shown, and compared with another."""

import json
import pathlib

import click

from promotion_gate import params as parameters
from promotion_gate.commands import policy_table
from promotion_gate.commands.group import FILE, with_gate
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


@policy.command()
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
@click.option(
    "--on", "tables", type=FILE, required=True, help="Folder of the raw tables whose newest release is decided."
)
@click.option("--level", help="Target level.  [default: the last of BEFORE]")
@click.option("--params", type=FILE, default="params.yaml", show_default=True, help="Parameter file of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def diff(
    before: pathlib.Path,
    after: pathlib.Path,
    tables: pathlib.Path,
    level: str | None,
    params: pathlib.Path,
    as_json: bool,
) -> None:
    """Say which modules' decisions change from policy BEFORE to policy AFTER, and how.

    Decided is the newest release of the tables whose coverage is known, scored by a model that is trained on what was
    known at its date; of tables without coverage the newest release's bands and required coverage are compared.
    """
    from promotion_gate.commands import history
    from promotion_gate.decide.gates import last_level, measured, with_coverage
    from promotion_gate.decide.policy_diff import changes
    from promotion_gate.learn.benchmark import newest

    rules = [parameters.load_rules(file) for file in (before, after)]
    read = parameters.load(params)
    [known] = history.folders([tables], read)
    release, modules = newest(known, read)
    modules = with_coverage(modules, known.coverage)
    found = changes(modules, rules[0], rules[1], level or last_level(rules[0].policy))
    if as_json:
        versions = [policy_version(one.impact, one.policy) for one in rules]
        told = {"before": versions[0], "after": versions[1], "release": release.release, "modules": len(modules)}
        click.echo(json.dumps({**told, "changes": json.loads(found.to_json(orient="records", double_precision=15))}))
        return
    click.echo(f"{release.project} {release.release}: {len(found)} of {len(modules)} modules change")
    for line in policy_table.changes_as_text(found, bool(measured(modules).any())):
        click.echo(line)
