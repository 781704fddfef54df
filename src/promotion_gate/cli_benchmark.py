"""The command `promotion-gate benchmark`: a history predicted release by release, for a referee to score."""

import pathlib
import time

import click

from promotion_gate import params as parameters
from promotion_gate.cli_group import FILE
from promotion_gate.errors import InputError


@click.command()
@click.argument("tables", type=FILE)
@click.option("--pool", multiple=True, type=FILE, help="Folder of another project, whose past is learnt from as well.")
@click.option("--out", required=True, type=FILE, help="CSV file of the predictions.")
@click.option("--params", type=FILE, default="params.yaml", show_default=True, help="Parameter file.")
@click.option(
    "--horizon-days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Window of failures."
)
def benchmark(
    tables: pathlib.Path, pool: tuple[pathlib.Path, ...], out: pathlib.Path, params: pathlib.Path, horizon_days: int
) -> None:
    """Predict each release in the raw tables of folder TABLES that has a past, from what was known at its date."""
    import pandas as pd
    from tqdm import tqdm

    from promotion_gate.decide.impact import failure_impact_score
    from promotion_gate.decide.interval import fis_interval
    from promotion_gate.learn.benchmark import predictable, predictions
    from promotion_gate.learn.ingest import read_raw, refuse_mostly_rejected
    from promotion_gate.learn.tables import Tables
    from promotion_gate.schema import LEVELS

    read = parameters.load(params)
    read = read.model_copy(update={"labels": read.labels.model_copy(update={"horizon_days": horizon_days})})
    known = []
    for folder in (tables, *pool):
        ingested = read_raw(folder)
        refuse_mostly_rejected(ingested, read.ingest.max_rejected)
        if len(ingested.rejects):
            click.echo(f"warning: {folder}: {len(ingested.rejects)} rows rejected", err=True)
        known.append(Tables(**ingested.tables))
    releases = predictable(known[0], pd.Timedelta(days=horizon_days))
    if not releases:
        raise InputError(
            f"{tables}: no release has another {horizon_days} days or more before it: nothing to learn from"
        )
    parts, begun = [], time.monotonic()
    with tqdm(total=len(releases), desc="releases", unit="release") as bar:
        for release, rows in predictions(known[0], known[1:], read):
            probabilities = rows[[f"p_{level}" for level in LEVELS]].to_numpy(float)
            fis = failure_impact_score(probabilities, read.impact, rows.criticality)
            low, high = fis_interval(probabilities, rows.spread, read.impact, rows.criticality).T
            found = rows.drop(columns=["criticality", "spread"])
            parts.append(found.assign(fis=fis, fis_low=low, fis_high=high, spread=rows.spread))
            bar.write(f"{release.project} {release.release}: {len(rows)} modules, {time.monotonic() - begun:.1f} s")
            bar.update()
            begun = time.monotonic()
    part = out.with_name(out.name + ".part")
    pd.concat(parts, ignore_index=True).to_csv(part, index=False, lineterminator="\n", float_format="%.9g")
    part.replace(out)
