"""Coverage reports named on the command line -> the lines of one module by suite."""

import pathlib
from collections.abc import Iterable, Sequence

import click

from promotion_gate.collect import coverage_mapping, coverage_reports, coverage_saved
from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import AGGREGATE, ModuleData, SuiteCoverage


def of_module(gate: Gate, module: ModuleData, reports: Sequence[str], release: str | None) -> dict[str, SuiteCoverage]:
    """Return what reports say of a module, by suite; files that belong to no module are warned of on stderr.

    Args:
        gate: knows the names of the data set's modules.
        module: whose lines.
        reports: each `FILE`, `SUITE=FILE`, `SUITE@ENVIRONMENT=FILE`, or the folder of `collect coverage`, from which
            reports of the module's version count, with what is carried forward to it.
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
        if pathlib.Path(file).is_dir():
            new = _saved(pathlib.Path(file), suite, module)
        else:
            found = coverage_reports.read(file)
            if isinstance(found, coverage_reports.Table):
                preferred = (module.version, gate.calculator.scored_release(module))
                new = _of_table(found, suite, module, release, preferred)
            else:
                new = _mapped(found, file, suite or AGGREGATE, module.module, names)
        if not new:
            click.echo(f"warning: {file}: says nothing of {module.module}", err=True)
        if twice := sorted(set(new) & set(suites)):
            raise InputError(
                f"{file}: a second report of suite {twice[0]}; name each as SUITE=FILE or SUITE@ENVIRONMENT=FILE"
            )
        suites |= new
    return suites


def _of_table(
    table: coverage_reports.Table, suite: str, module: ModuleData, release: str | None, preferred: Iterable[str | None]
) -> dict[str, SuiteCoverage]:
    if suite:
        raise InputError(f"{table.path}: a coverage table names its suites itself; give it without {suite}=")
    return dict(table.of(module.project, release, preferred).get(module.module, {}))


def _mapped(
    found: coverage_reports.FileCoverage, file: str, suite: str, module: str, names: Iterable[str]
) -> dict[str, SuiteCoverage]:
    """A run of its own is a bound of the union, and the union itself where it combines all suites."""
    mapped = coverage_mapping.map_to_modules(found, names, coverage_mapping.source_of(file))
    if complaint := mapped.complaint():
        click.echo(f"warning: {file}: {complaint}", err=True)
    return {suite: mapped.modules[module]} if module in mapped.modules else {}


def _saved(folder: pathlib.Path, suite: str, module: ModuleData) -> dict[str, SuiteCoverage]:
    if suite:
        raise InputError(f"{folder}: saved reports name their suites themselves; give it without {suite}=")
    saved = coverage_saved.read(folder)
    at = saved.revision(module.version)
    if at.project != module.project:
        raise InputError(f"{folder}: has coverage of project {at.project}, not of {module.project}")
    standing = saved.standing(module.module, at, str(module.version))
    for name, revision in sorted(standing.carried.items()):
        click.echo(f"note: {name}: as reported on {revision[:12]}; the module is the same since", err=True)
    return dict(standing.suites)
