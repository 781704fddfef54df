"""The command `promotion-gate collect coverage`: coverage reports of a revision -> a folder that `decide` reads."""

import pathlib
from typing import TYPE_CHECKING

import click

from promotion_gate.commands.group import FILE
from promotion_gate.errors import InputError

if TYPE_CHECKING:
    from promotion_gate.collect import coverage_saved

COVERAGE = pathlib.Path("coverage")


@click.command()
@click.argument("reports", metavar="REPORT...", nargs=-1, required=True)
@click.option("--suite", required=True, help="unit, integration, system, or what your policy calls it.")
@click.option("--environment", help="Where the suite ran, as py311; each environment is saved for itself.")
@click.option("--revision", required=True, metavar="SHA", help="Commit that the suite ran on; its hash, HEAD or a tag.")
@click.option("--repository", metavar="[NAME=]REPO", default=".", show_default=True, help="Its git repository.")
@click.option("--module", default="file", show_default=True, help="file, directory:DEPTH or map:FILE.")
@click.option("--out", type=FILE, default=COVERAGE, show_default=True, help="Folder of the saved reports.")
@click.option("--release", help="Also make this release's rows of the table coverage.")
@click.option("--raw", type=FILE, default=pathlib.Path("data/raw"), show_default=True, help="Folder of that table.")
@click.option("--config", type=FILE, help="YAML file with what differs from the shipped defaults.")
def coverage(
    reports: tuple[str, ...], suite: str, environment: str | None, revision: str, repository: str, module: str,
    out: pathlib.Path, release: str | None, raw: pathlib.Path, config: pathlib.Path | None,
) -> None:  # fmt: skip
    """Save what a suite covered at a commit: reports of coverage.py, Cobertura, JaCoCo, LCOV, several united."""
    from promotion_gate.collect import coverage_mapping, coverage_reports, coverage_revision, coverage_saved
    from promotion_gate.collect.git import naming, settings
    from promotion_gate.collect.git.projects import projects

    for name, told in (("--suite", suite), ("--environment", environment)):
        if told is not None and not coverage_saved.SUITE.fullmatch(told):
            raise InputError(f"{name} {told!r:.80}: 1 to 64 letters, digits, _ . - are expected")
    rules = settings.load(config).git
    [(project, path)] = projects([repository]).items()
    left_out = naming.matcher(rules.left_out, "left_out")
    at = coverage_revision.revision(project, path, revision, left_out, naming.naming(module), rules.max_bytes)
    told_of = []
    for report in reports:
        read = coverage_reports.read(report)
        if isinstance(read, coverage_reports.Table):
            raise InputError(f"{report}: a coverage table names no lines; it goes with `decide --coverage-from`")
        modules, mapped = coverage_revision.by_module(read, at, coverage_mapping.source_of(report))
        if complaint := mapped.complaint():
            click.echo(f"warning: {report}: {complaint}", err=True)
        told_of.append(modules)
    names = sorted({name for modules in told_of for name in modules})
    if not names:
        raise InputError(
            f"{', '.join(reports)}: no file of a module of {at.sha[:12]}; is it a report on this repository?"
        )
    saved = coverage_saved.Saved(
        format=coverage_saved.FORMAT,
        project=project,
        revision=at.sha,
        committed_at=at.time,
        suite=suite,
        environment=environment,
        contents={name: coverage_saved.content(blobs) for name, blobs in sorted(at.modules.items())},
        modules={name: coverage_saved.united(one[name] for one in told_of if name in one) for name in names},
    )
    file = coverage_saved.write(out, saved)
    lines = [coverage_saved.summed(files) for files in saved.modules.values()]
    covered, total = sum(one.lines_covered for one in lines), sum(one.lines_total for one in lines)
    click.echo(f"{file}: {saved.report} of {at.sha[:12]}: {len(names):,} modules, {covered:,} of {total:,} lines")
    _tell_gaps(coverage_saved.read(out), saved)
    if release is not None:
        _put(coverage_saved.read(out), saved, release, raw)


def _tell_gaps(folder: "coverage_saved.Folder", at: "coverage_saved.Saved") -> None:
    """Say of each report what of it counts at the revision, and of how many modules it is stale or silent."""
    names = sorted({saved.report for saved in folder.reports})
    counts = {name: [0, 0, 0] for name in names}
    for module in at.contents:
        standing = folder.standing(module, at, at.revision)
        for name, lines in standing.suites.items():
            counts[name][2 if lines.version != at.revision else 1 if name in standing.carried else 0] += 1
    for name, (ran, carried, stale) in counts.items():
        silent = len(at.contents) - ran - carried - stale
        click.echo(
            f"  {name}: {ran:,} modules, {carried:,} carried forward unchanged, {stale:,} stale (changed since), "
            f"{silent:,} not reported"
        )


def _put(folder: "coverage_saved.Folder", at: "coverage_saved.Saved", release: str, raw: pathlib.Path) -> None:
    from promotion_gate.collect import coverage_table

    rows = coverage_table.rows(folder, at, release)
    count = coverage_table.put(raw, rows, at.project, release)
    click.echo(f"{raw / coverage_table.TABLE}: {len(rows):,} rows of {release}, {count:,} in all")
