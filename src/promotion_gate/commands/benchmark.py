"""The command `promotion-gate benchmark`: a history predicted release by release, for a referee to score."""

import pathlib

import click

from promotion_gate import params as parameters
from promotion_gate.commands import history
from promotion_gate.commands.group import FILE


@click.command()
@history.TABLES
@history.POOL
@click.option("--out", required=True, type=FILE, help="CSV file of the predictions.")
@history.PARAMS
@click.option(
    "--horizon-days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Window of failures."
)
def benchmark(
    tables: pathlib.Path, pool: tuple[pathlib.Path, ...], out: pathlib.Path, params: pathlib.Path, horizon_days: int
) -> None:
    """Predict each release in the raw tables of folder TABLES that has a past, from what was known at its date."""
    from promotion_gate.decide.impact import failure_impact_score
    from promotion_gate.decide.interval import fis_interval
    from promotion_gate.schema import LEVELS

    read = history.with_horizon(parameters.load(params), horizon_days)
    own, *others = history.folders((tables, *pool), read)
    rows = history.predicted(own, others, read, str(tables))
    probabilities = rows[[f"p_{level}" for level in LEVELS]].to_numpy(float)
    fis = failure_impact_score(probabilities, read.impact, rows.criticality)
    low, high = fis_interval(probabilities, rows.spread, read.impact, rows.criticality).T
    found = rows.drop(columns=["criticality", "spread"]).assign(fis=fis, fis_low=low, fis_high=high, spread=rows.spread)
    part = out.with_name(out.name + ".part")
    found.to_csv(part, index=False, lineterminator="\n", float_format="%.9g")
    part.replace(out)
