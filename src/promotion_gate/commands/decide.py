"""The command `promotion-gate decide`: the verdict on one request, on many, or on a what-if."""

import datetime as dt
import json
import pathlib
from collections.abc import Iterable
from typing import Any

import click

from promotion_gate.commands import output, overrule
from promotion_gate.commands.group import EXIT_CODES, FILE, SHARE, with_gate
from promotion_gate.decide.case import judge
from promotion_gate.decide.certificate import certify
from promotion_gate.decide.policy import what_if
from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import Decision, ModuleData, PromotionRequest


@click.command()
@click.option("--module", help="Module to promote.")
@click.option("--coverage", type=SHARE, help="Share of the module's lines that the tests covered, 0 to 1.")
@click.option(
    "--coverage-from",
    "reports",
    multiple=True,
    metavar="[SUITE[@ENVIRONMENT]=]FILE",
    help="A coverage report or table, once for each suite; or the folder of `collect coverage`, with --version.",
)
@click.option("--release", help="Release of a coverage table; else --version's, the model's, or the only one.")
@click.option("--level", help="Target level.  [default: production]")
@click.option("--category", help="Category of the module: front-end, shared, legacy, critical or the policy's own.")
@click.option("--version", "module_version", help="Version of the module; reports on another one do not count.")
@click.option("--project", help="Project of the module; needed where the model knows several.")
@click.option("--criticality", type=SHARE, help="Criticality, 0 to 1, instead of the data set's.")
@click.option("--requests", "requests_file", metavar="FILE", help="JSON lines or CSV of many requests; - for stdin.")
@click.option("--out", type=FILE, help="Parquet file of the verdicts; --requests is one of requests then.")
@click.option("--fis", type=SHARE, help="What if: this score, with --base and --coverage.")
@click.option("--base", type=SHARE, help="What if: this base coverage.")
@overrule.options
@click.option("--certificate", type=FILE, help="Write the decision's certificate there; see `replay`.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON; --requests always does.")
@with_gate
def decide(params: pathlib.Path | None, models: pathlib.Path, as_json: bool, **given: Any) -> int:
    """Decide whether a module may be promoted: exit 0 Promote, 10 Insufficient Coverage, 20 Blocked."""
    gate = Gate(params, models)
    given = {name: value for name, value in given.items() if value is not None and value is not False and value != ()}
    if "requests_file" in given:
        return _decide_many(gate, given)
    if "out" in given:
        raise InputError("--out goes with --requests FILE.parquet")
    asked = _what_if if "fis" in given or "base" in given else _decide_one
    decision = asked(gate, given)
    if as_json:
        click.echo(decision.model_dump_json())
    else:
        for line in output.decision_as_text(decision):
            click.echo(line, color=output.color())
    return EXIT_CODES[decision.status]


def _decide_many(gate: Gate, given: dict[str, Any]) -> int:
    from promotion_gate.commands import stream

    if given["requests_file"].endswith(".parquet"):
        _refuse(given, "--requests FILE.parquet", allowed=("requests_file", "out"))
        if "out" not in given:
            raise InputError("--requests FILE.parquet takes --out FILE.parquet: a table is answered by a table")
        return stream.decide_table(gate, given["requests_file"], given["out"])
    _refuse(given, "--requests", allowed=("requests_file", "project"))
    return stream.decide_many(gate, given["requests_file"], given.get("project"))


def _what_if(gate: Gate, given: dict[str, Any]) -> Decision:
    _refuse(given, "the what-if", allowed=("fis", "base", "coverage", "level"))
    if not {"fis", "base", "coverage"} <= set(given):
        raise InputError("the what-if takes --fis, --base and --coverage together")
    given.setdefault("level", "production")
    rules = gate.rules
    decision = what_if(**given, policy=rules.policy, policy_version=rules.version)
    return decision.model_copy(update={"policy_source": rules.source})


def _decide_one(gate: Gate, given: dict[str, Any]) -> Decision:
    now = dt.datetime.now(dt.UTC)
    overruling = overrule.overruling(given, now)
    case = gate.case(_request(gate, given), overruling)
    decision = judge(case)
    if target := given.get("certificate"):
        content = certify(case, decision, gate.origin(case), now)
        part = target.with_name(target.name + ".part")
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(target)
    return decision


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
        from promotion_gate.commands import coverage as reports  # readers that a bare share does without

        coverage = reports.of_module(gate, module, given["reports"], given.get("release"))
        scored, ran = gate.calculator.scored_release(module), {suite.version for suite in coverage.values()}
        if "release" not in given and module.version is None and ran - {None, scored}:
            # Nobody asked for the other release that a table holds: as reports on this one they are stale.
            module = module.model_copy(update={"version": scored})
    return PromotionRequest(module=module, level=given.get("level", "production"), coverage=coverage)
