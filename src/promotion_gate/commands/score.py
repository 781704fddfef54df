"""The command `promotion-gate score`: Failure Impact Scores of modules."""

import pathlib

import click

from promotion_gate.commands import output
from promotion_gate.commands.group import SHARE, with_gate
from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import ModuleData


@click.command()
@click.option("--module", "modules", multiple=True, help="Module to score; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Score every module that the data set knows.")
@click.option("--project", help="Project of the modules; needed where the model knows several.")
@click.option("--criticality", type=SHARE, help="Criticality, 0 to 1, instead of the data set's.")
@click.option("--load", type=SHARE, help="Present load, 0 to 1, instead of the data set's.")
@click.option("--json", "as_json", is_flag=True, help="Print FISResults: an object for one --module, else an array.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@with_gate
def score(
    modules: tuple[str, ...],
    everything: bool,
    project: str | None,
    criticality: float | None,
    load: float | None,
    as_json: bool,
    as_csv: bool,
    params: pathlib.Path | None,
    models: pathlib.Path,
) -> int:
    """Print the Failure Impact Score of modules, highest first."""
    if everything == bool(modules):
        raise InputError("give --module M, once or more, or --all")
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    gate = Gate(params, models)
    owner = gate.calculator.project(project)
    wanted = gate.calculator.modules(owner) if everything else modules
    if not wanted:
        raise InputError(f"the data set knows no module of project {owner}")
    results = [
        gate.calculator.score(ModuleData(project=owner, module=name, criticality=criticality), load) for name in wanted
    ]
    results.sort(key=lambda result: (-result.fis, result.module))
    if as_json:
        click.echo(output.results_as_json(results, single=len(modules) == 1))
    elif as_csv:
        click.echo(output.results_as_csv(results, gate.rules.policy), nl=False)
    else:
        for line in output.results_as_text(results, gate.rules, output.width()):
            click.echo(line, color=output.color())
    return 0
