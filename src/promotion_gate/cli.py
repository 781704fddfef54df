"""The command `promotion-gate`: parses options, calls the rooms below, prints. Errors are one line and an exit code.

Imports are light on purpose: a pipeline starts this command for every promotion.
"""

import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import click

from promotion_gate import cli_output
from promotion_gate.cli_benchmark import benchmark
from promotion_gate.cli_group import Group, Share, with_gate
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE, what_if
from promotion_gate.errors import InputError, PromotionGateError
from promotion_gate.operate import requests
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import AGGREGATE, ModuleData, PromotionRequest, SuiteCoverage

EXIT_CODES = {PROMOTE: 0, INSUFFICIENT: 10, BLOCKED: 20}
WORST_LAST = (0, 10, 20, 3, 2)
"""Exit codes, fixed: of many decisions the worst is given."""

SHARE = Share()
KINDS: dict[str, requests.Kind] = {".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="promotion-gate", message="promotion-gate %(version)s")
def main() -> None:
    """Promote software modules by the risk of their failure."""


main.add_command(benchmark)


@main.command()
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
        click.echo(cli_output.results_as_json(results, single=len(modules) == 1))
    elif as_csv:
        click.echo(cli_output.results_as_csv(results, gate.rules.policy), nl=False)
    else:
        for line in cli_output.results_as_text(results, gate.rules, cli_output.width()):
            click.echo(line, color=cli_output.color())
    return 0


@main.command()
@click.option("--module", help="Module to promote.")
@click.option("--coverage", type=SHARE, help="Share of the module's lines that the tests covered, 0 to 1.")
@click.option(
    "--coverage-from",
    "reports",
    multiple=True,
    metavar="[SUITE=]FILE",
    help="coverage.py JSON, Cobertura XML or a coverage table; once for each suite.",
)
@click.option("--release", help="Release of a coverage table; else --version's, the model's, or the only one.")
@click.option("--level", help="Target level.  [default: production]")
@click.option("--category", help="Category of the module: front-end, shared, legacy, critical or the policy's own.")
@click.option("--version", "module_version", help="Version of the module; reports on another one do not count.")
@click.option("--project", help="Project of the module; needed where the model knows several.")
@click.option("--criticality", type=SHARE, help="Criticality, 0 to 1, instead of the data set's.")
@click.option("--requests", "requests_file", metavar="FILE", help="JSON lines or CSV of many requests; - for stdin.")
@click.option("--fis", type=SHARE, help="What if: this score, with --base and --coverage.")
@click.option("--base", type=SHARE, help="What if: this base coverage.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON; --requests always does.")
@with_gate
def decide(params: pathlib.Path | None, models: pathlib.Path, as_json: bool, **given: Any) -> int:
    """Decide whether a module may be promoted: exit 0 Promote, 10 Insufficient Coverage, 20 Blocked."""
    gate = Gate(params, models)
    given = {name: value for name, value in given.items() if value not in (None, ())}
    if "requests_file" in given:
        _refuse(given, "--requests", allowed=("requests_file", "project"))
        return _decide_many(gate, given["requests_file"], given.get("project"))
    if "fis" in given or "base" in given:
        _refuse(given, "the what-if", allowed=("fis", "base", "coverage", "level"))
        if not {"fis", "base", "coverage"} <= set(given):
            raise InputError("the what-if takes --fis, --base and --coverage together")
        given.setdefault("level", "production")
        rules = gate.rules
        decision = what_if(**given, policy=rules.policy, policy_version=rules.version)
        decision = decision.model_copy(update={"policy_source": rules.source})
    else:
        decision = gate.answer(_request(gate, given))
    if as_json:
        click.echo(decision.model_dump_json())
    else:
        for line in cli_output.decision_as_text(decision):
            click.echo(line, color=cli_output.color())
    return EXIT_CODES[decision.status]


def _refuse(given: dict[str, Any], mode: str, allowed: Iterable[str]) -> None:
    options = {"requests_file": "requests", "reports": "coverage-from", "module_version": "version"}
    over = sorted(options.get(name, name).replace("_", "-") for name in set(given) - set(allowed))
    if over:
        raise InputError(f"{mode} does not go with --{over[0]}")


def _request(gate: Gate, given: dict[str, Any]) -> PromotionRequest:
    if "module" not in given:
        raise InputError("give --module M with --coverage X or --coverage-from FILE, or --requests FILE, or --fis X")
    if ("coverage" in given) == ("reports" in given):
        raise InputError("give either --coverage X or --coverage-from FILE: no data is never a pass")
    if "release" in given and "reports" not in given:
        raise InputError("--release goes with --coverage-from")
    module = ModuleData(
        project=gate.calculator.project(given.get("project")),
        module=given["module"],
        version=given.get("module_version"),
        category=given.get("category"),
        criticality=given.get("criticality"),
    )
    coverage: Any = given.get("coverage")
    if coverage is None:
        coverage = _from_reports(gate, module, given["reports"], given.get("release"))
        scored, ran = gate.calculator.scored_release(module), {suite.version for suite in coverage.values()}
        if "release" not in given and module.version is None and ran - {None, scored}:
            # Nobody asked for the other release that a table holds: as reports on this one they are stale.
            module = module.model_copy(update={"version": scored})
    return PromotionRequest(module=module, level=given.get("level", "production"), coverage=coverage)


def _from_reports(
    gate: Gate, module: ModuleData, reports: Sequence[str], release: str | None
) -> dict[str, SuiteCoverage]:
    from promotion_gate.collect import coverage_mapping, coverage_reports

    suites: dict[str, SuiteCoverage] = {}
    names = {*gate.calculator.modules(module.project), module.module}
    for report in reports:
        suite, named, file = report.partition("=")
        if not named or pathlib.Path(report).exists():
            suite, file = "", report
        found = coverage_reports.read(file)
        if isinstance(found, coverage_reports.Table):
            if suite:
                raise InputError(f"{file}: a coverage table names its suites itself; give it without {suite}=")
            table = found.of(module.project, release, (module.version, gate.calculator.scored_release(module)))
            new = dict(table.get(module.module, {}))
        else:
            mapped = coverage_mapping.map_to_modules(found, names, coverage_mapping.source_of(file))
            if complaint := mapped.complaint():
                click.echo(f"warning: {file}: {complaint}", err=True)
            # A run of its own is a bound of the union, and the union itself where it combines all suites.
            new = {suite or AGGREGATE: mapped.modules[module.module]} if module.module in mapped.modules else {}
        if not new:
            click.echo(f"warning: {file}: says nothing of {module.module}", err=True)
        if twice := sorted(set(new) & set(suites)):
            raise InputError(f"{file}: a second report of suite {twice[0]}; name each as SUITE=FILE or SUITE@ENVIRONMENT=FILE")
        suites |= new
    return suites


def _decide_many(gate: Gate, file: str, project: str | None) -> int:
    gate.rules  # noqa: B018 - wrong rules stop the run; a wrong line does not
    if file == "-":
        return _stream(gate, sys.stdin.buffer, "stdin", None, project)
    path = pathlib.Path(file)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    with stream:
        return _stream(gate, stream, file, KINDS.get(path.suffix), project)


def _stream(gate: Gate, stream: BinaryIO, name: str, kind: requests.Kind | None, project: str | None) -> int:
    worst = None
    for number, request in requests.read(stream, name, lambda: gate.calculator.project(project), kind):
        try:
            if isinstance(request, PromotionGateError):
                raise request
            decision = gate.answer(request)
            click.echo(decision.model_dump_json())
            code = EXIT_CODES[decision.status]
        except PromotionGateError as error:
            click.echo(f"{name}:{number}: {error}", err=True)
            click.echo(cli_output.error_as_json(str(error), number))
            code = error.exit_code
        worst = max(code, code if worst is None else worst, key=WORST_LAST.index)
    if worst is None:
        raise InputError(f"{name}: no request")
    return worst
