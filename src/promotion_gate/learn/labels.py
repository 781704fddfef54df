"""Labels: the worst severity of a module's failures within the horizon after its release."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.tables import Release, Tables
from promotion_gate.schema import LEVELS

LEVEL_NUMBER = {name: number for number, name in enumerate(LEVELS)}


def mature(releases: list[Release], horizon: pd.Timedelta, when: pd.Timestamp) -> list[Release]:
    """The releases whose window (released_at, released_at + horizon] was over by `when`, in the order given."""
    return [release for release in releases if release.released_at + horizon <= when]


def worst_levels(known: Tables, release: Release, modules: pd.Series, horizon: pd.Timedelta) -> npt.NDArray[np.int64]:
    """Worst severity of each module's failures in (released_at, released_at + horizon], 0 where there was none.

    Args:
        known: what was known at the time for which the labels are wanted (`Tables.as_of`).
        release: the release whose window counts.
        modules: names of the release's modules, shape (n,).
        horizon: length of the window.

    Returns:
        Indices into `LEVELS`, shape (n,).
    """
    failures = known.failures
    inside = failures[
        (failures.project == release.project)
        & (failures.occurred_at > release.released_at)
        & (failures.occurred_at <= release.released_at + horizon)
    ]
    worst = inside.severity.map(LEVEL_NUMBER).groupby(inside.module).max()
    return np.asarray(modules.map(worst).fillna(0), dtype=np.int64)
