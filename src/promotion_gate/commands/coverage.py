"""Coverage reports named on the command line -> the lines of one module by suite."""

import pathlib
from collections.abc import Sequence

import click

from promotion_gate.collect import coverage_mapping, coverage_reports
from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import AGGREGATE, ModuleData, SuiteCoverage


def of_module(gate: Gate, module: ModuleData, reports: Sequence[str], release: str | None) -> dict[str, SuiteCoverage]:
    """Return what reports say of a module, by suite; files that belong to no module are warned of on stderr.

    Args:
        gate: knows the names of the data set's modules.
        module: whose lines.
        reports: each `FILE`, `SUITE=FILE` or `SUITE@ENVIRONMENT=FILE`.
        release: of a coverage table; None: the module's version, the model's, or the only one.

    Raises:
        InputError: a report cannot be read or is none, or two are of the same suite.
    """
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
            raise InputError(
                f"{file}: a second report of suite {twice[0]}; name each as SUITE=FILE or SUITE@ENVIRONMENT=FILE"
            )
        suites |= new
    return suites
