"""A history predicted release by release, as commands need it: folders read, one project's past learnt, a bar shown."""

import pathlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from promotion_gate.commands.group import FILE
from promotion_gate.errors import InputError
from promotion_gate.params import Params

if TYPE_CHECKING:
    import pandas as pd

    from promotion_gate.learn.tables import Tables


TABLES = click.argument("tables", type=FILE)
POOL = click.option("--pool", multiple=True, type=FILE, help="Folder of another project, whose past is learnt as well.")
PARAMS = click.option("--params", type=FILE, default="params.yaml", show_default=True, help="Parameter file.")
HORIZON_DAYS = click.option(
    "--horizon-days", type=click.IntRange(1, 3650), help="Window of failures.  [default: the parameter file's]"
)


def with_horizon(read: Params, horizon_days: int | None) -> Params:
    """The parameters with another window of failures, where one is given."""
    if horizon_days is None:
        return read
    return read.model_copy(update={"labels": read.labels.model_copy(update={"horizon_days": horizon_days})})


def folders(paths: Sequence[pathlib.Path], read: Params) -> "list[Tables]":
    """The raw tables of each folder; rows that were set aside are told on stderr.

    Raises:
        InputError: a folder breaks the contract, or too many of its rows do.
    """
    from promotion_gate.learn.ingest import read_raw, refuse_mostly_rejected
    from promotion_gate.learn.tables import Tables

    known = []
    for folder in paths:
        ingested = read_raw(folder)
        refuse_mostly_rejected(ingested, read.ingest.max_rejected)
        if len(ingested.rejects):
            click.echo(f"warning: {folder}: {len(ingested.rejects)} rows rejected", err=True)
        known.append(Tables(**ingested.tables))
    return known


def predicted(own: "Tables", others: "Sequence[Tables]", read: Params, name: str) -> "pd.DataFrame":
    """Every release of a history that has a past, predicted from what was known at its date; progress is on stderr.

    Args:
        own: the projects that are predicted.
        others: further projects, whose past is learnt from as well.
        read: horizon, half-lives, number of past releases, hyperparameters.
        name: of the history, for messages.

    Returns:
        As `learn.benchmark.predictions` yields it, all releases in one.

    Raises:
        InputError: no release has a past to learn from.
    """
    import pandas as pd
    from tqdm import tqdm

    from promotion_gate.learn.benchmark import predictable, predictions

    days = read.labels.horizon_days
    releases = predictable(own, pd.Timedelta(days=days))
    if not releases:
        raise InputError(f"{name}: no release has another {days} days or more before it: nothing to learn from")
    parts, begun = [], time.monotonic()
    with tqdm(total=len(releases), desc="releases", unit="release") as bar:
        for release, rows in predictions(own, others, read):
            parts.append(rows)
            said = f"{release.project} {release.release}: {len(rows)} modules, {time.monotonic() - begun:.1f} s"
            bar.write(said, file=sys.stderr)
            bar.update()
            begun = time.monotonic()
    return pd.concat(parts, ignore_index=True)
