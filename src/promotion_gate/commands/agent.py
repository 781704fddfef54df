"""The command `promotion-gate agent`: tells the service what a host, Prometheus and logs show of modules."""

import pathlib

import click

from promotion_gate.commands.group import FILE


@click.command()
@click.option("--config", type=FILE, required=True, help="YAML file; docs/agent.md has the reference.")
@click.option("--check", is_flag=True, help="Only read the configuration, and the token where it says.")
def agent(config: pathlib.Path, check: bool) -> None:
    """Collect and deliver until a signal ends it: exit code 0; 2 where the configuration or the spool is no use."""
    from promotion_gate.agent import run, settings  # urllib3

    read = settings.load(config)
    if check:
        run.check(read)
        click.echo(f"{config}: windows of {read.window_seconds} s, {len(list(run.sources(read)))} collectors")
        return
    run.run(read)
