"""The command `promotion-gate collect criticality`: a file of decrees -> the table criticality."""

import pathlib

import click

from promotion_gate.commands.group import FILE
from promotion_gate.errors import InputError


@click.command()
@click.argument("decrees", metavar="FILE", type=FILE)
@click.option("--project", required=True, help="Project of the modules.")
@click.option("--out", type=FILE, default=pathlib.Path("data/raw"), show_default=True, help="Folder of the raw tables.")
def criticality(decrees: pathlib.Path, project: str, out: pathlib.Path) -> None:
    """Decree how critical modules are: lines of PATTERN SHARE, a module's name or a glob and 0 to 1.

    What no line names is inferred, from the dependency graph and, where telemetry is, from usage.
    """
    from promotion_gate.collect import criticality as table
    from promotion_gate.collect import merging
    from promotion_gate.collect.git import rows

    found = table.read(decrees)
    mined = merging.present(out / "modules.csv.gz", rows.COLUMNS)
    modules = {row["module"] for row in mined if row["project"] == project}
    if mined and not modules:
        owners = ", ".join(sorted({row["project"] for row in mined}))
        raise InputError(f"--project {project}: {out / 'modules.csv.gz'} has no module of it, but of {owners}")
    for pattern in table.idle(found, modules) if mined else ():
        click.echo(f"warning: {pattern} fits no module of {project}", err=True)
    count = table.put(out, found, project)
    click.echo(f"{out / table.TABLE}: {len(found):,} decrees of {project}, {count:,} rows in all")
