"""The test releases of the benchmark projects and of the default data, with what may be learnt at their dates."""

import functools
import pathlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from ideas import all_figures

from promotion_gate import params as parameters
from promotion_gate.learn import tables as store
from promotion_gate.learn.benchmark import pooled
from promotion_gate.learn.dataset import Dataset, rows_of, training_set
from promotion_gate.learn.features import KEYS, featurize_all
from promotion_gate.learn.ingest import read_raw
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.splits import test_releases, with_past
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Params

SLACK = pd.Timedelta(days=31)
"""The referee's: a year counts whose window ends up to a month after the last failure of the log."""


class Case(NamedTuple):
    """One release to predict: what was known at its date, what may be learnt from, its rows, and what happened.

    The columns of `data` and `rows` are the model's features and the figures of `ideas`.
    """

    release: Release
    known: Tables
    data: Dataset
    rows: pd.DataFrame
    level: npt.NDArray[np.int64]
    params: Params


@functools.cache
def source(folder: str, params_file: str) -> tuple[Tables, pd.DataFrame, Params, bool]:
    """Tables of a project, its features with the figures that were tried, its parameters, and if it is a benchmark."""
    params, interim = parameters.load(params_file), pathlib.Path(folder)
    benchmark = not (interim / "modules.parquet").exists()
    if benchmark:
        params = params.model_copy(update={"labels": params.labels.model_copy(update={"horizon_days": 365})})
    tables = Tables(**read_raw(interim).tables) if benchmark else store.read(interim)
    features = featurize_all(tables, params.featurize)
    return tables, features.merge(all_figures(tables, params), on=KEYS, how="left"), params, benchmark


@functools.cache
def cases(folder: str, others: tuple[str, ...], params_file: str) -> list[Case]:
    """The test releases of one project with what may be learnt at their dates, other projects' past pooled."""
    own, features, params, benchmark = source(folder, params_file)
    more = [source(other, params_file) for other in others]
    tables = pooled(own, [other[0] for other in more])
    stacked = pd.concat([features, *(other[1] for other in more)], ignore_index=True)
    stacked = stacked.fillna({name: 0.0 for name in stacked.columns if name not in KEYS})
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    tested = (
        with_past(own, horizon, own.failures.occurred_at.max() + SLACK)
        if benchmark
        else test_releases(own, horizon, params.evaluate.test_releases)
    )
    found = []
    for release in tested:
        rows = rows_of(stacked, release).reset_index(drop=True)
        level = worst_levels(own, release, rows.module, horizon)
        data = training_set(tables, stacked, release.released_at, horizon, params.train.past_releases)
        if data is not None and 0 < (level > 0).sum() < len(level):
            found.append(Case(release, own.as_of(release.released_at), data, rows, level, params))
    return found
