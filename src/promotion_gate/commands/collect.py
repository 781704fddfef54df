"""The commands `promotion-gate collect ...`: the world -> raw tables."""

import json
import os
import pathlib

import click

from promotion_gate.commands.collect_coverage import coverage
from promotion_gate.commands.collect_criticality import criticality
from promotion_gate.commands.collect_telemetry import telemetry
from promotion_gate.commands.group import FILE


@click.group()
def collect() -> None:
    """Make raw tables of your own repositories, trackers, coverage reports and monitoring."""


for command in (coverage, criticality, telemetry):
    collect.add_command(command)


def cache_folder() -> pathlib.Path:
    """Return the folder of caches that belong to a user."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "promotion-gate"


@collect.command()
@click.argument("repositories", metavar="[NAME=]REPO...", nargs=-1, required=True)
@click.option("--releases", "plan", required=True, metavar="PLAN", help="tags:'v*', yearly:2012:2019 or every:90d.")
@click.option("--module", default="file", show_default=True, help="file, directory:DEPTH or map:FILE.")
@click.option(
    "--tracker", "exports", multiple=True, metavar="[NAME=]EXPORT", help="Issues: Jira, GitHub, Bugzilla, incidents."
)
@click.option("--out", type=FILE, default=pathlib.Path("data/raw"), show_default=True, help="Folder of the raw tables.")
@click.option("--config", type=FILE, help="YAML file with what differs from the shipped defaults.")
@click.option("--cache", type=FILE, help="Folder of what was measured of each file; else your cache folder.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; else one a core.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def git(
    repositories: tuple[str, ...],
    plan: str,
    module: str,
    exports: tuple[str, ...],
    out: pathlib.Path,
    config: pathlib.Path | None,
    cache: pathlib.Path | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Mine git repositories: releases, modules with size, complexity and history, and who imports whom.

    A project is called as its folder, or NAME. Nothing in a repository is run, and nothing is fetched.
    """
    from promotion_gate.collect.git import cache as caches
    from promotion_gate.collect.git import mining, naming, releases, settings, writing
    from promotion_gate.collect.git.history import Authors
    from promotion_gate.collect.git.projects import projects
    from promotion_gate.collect.trackers import linking
    from promotion_gate.collect.trackers import writing as failures
    from promotion_gate.collect.trackers.exports import read_all

    named = projects(repositories)
    read = settings.load(config)
    rules = read.git
    how = mining.How(
        releases.plan(plan), naming.naming(module), rules, Authors.salted(rules.bots), workers or os.cpu_count() or 1
    )
    writing.check(out, (*writing.COLUMNS, *([failures.FAILURES] if exports else ())))
    issues = read_all(exports, read, list(named))  # before the long work, which a bad export would spoil
    with caches.opened(cache or cache_folder()) as opened:
        mined = [mining.mine(project, path, how, opened) for project, path in named.items()]
    written = writing.write(out, mined)
    linked = [(export, linking.link(export, mined)) for export in issues]
    if issues:
        written[failures.FAILURES] = failures.write(out, linked)
    if as_json:
        told = [one.report for one in mined] + [failures.report(*one) for one in linked]
        click.echo(json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True))
        return
    for one in mined:
        for line in writing.lines(one.report):
            click.echo(line)
    for export, failed in linked:
        for line in failures.lines(failures.report(export, failed)):
            click.echo(line)
    for name, count in written.items():
        click.echo(f"{out / name}: {count:,} rows")
