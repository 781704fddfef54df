"""Training sets: which releases may be learnt from at a moment, with features, labels and weights."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.features import KEYS
from promotion_gate.learn.labels import mature, worst_levels
from promotion_gate.learn.prevalence import DOUBT_OF_USUAL, USUAL_LATELY, Recent, exceedance
from promotion_gate.learn.tables import Release, Tables


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Modules of one or more releases.

    Attributes:
        keys: project, release, module of every row, shape (n, 3).
        X: features, float64, shape (n, k).
        level: worst severity in the window, index into `LEVELS`, shape (n,).
        age_days: how long before the moment of training the row's release came out, shape (n,).
        recent: how each project fared in the horizon before that moment.
    """

    keys: pd.DataFrame
    X: pd.DataFrame
    level: npt.NDArray[np.int64]
    age_days: npt.NDArray[np.float64]
    recent: Mapping[str, Recent]

    def groups(self) -> Iterator[npt.NDArray[np.bool_]]:
        """Masks of shape (n,), one a release, in the order of the rows."""
        names = self.keys.project.str.cat(self.keys.release, sep="\0")
        for name in names.unique():
            yield (names == name).to_numpy()


def rows_of(features: pd.DataFrame, release: Release) -> pd.DataFrame:
    """The features of one release's modules, as `featurize_all` made them as of the release's own date."""
    return features[(features.project == release.project) & (features.release == release.release)]


def failed_before(
    known: Tables, release: Release, when: pd.Timestamp, horizon: pd.Timedelta
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How many modules of a release reached each threshold in the horizon before a moment, and in its second half."""
    modules = known.modules_of(release).module
    in_all, lately = (
        exceedance(worst_levels(known, release._replace(released_at=when - length), modules, length)).sum(axis=0)
        for length in (horizon, horizon / 2)
    )
    return in_all.astype(float), lately.astype(float)


def recent_of(known: Tables, release: Release, when: pd.Timestamp, horizon: pd.Timedelta) -> Recent:
    """How the modules of a release fared in the horizon before a moment, by what was known then (`Tables.as_of`)."""
    past = [q for q in mature(known.timeline(), horizon, when) if q.project == release.project]
    then = [failed_before(known.as_of(q.released_at), q, q.released_at, horizon) for q in past]
    in_all, lately = (sum(float(counts[half][0]) for counts in then) for half in (0, 1))
    usual = (lately + USUAL_LATELY * DOUBT_OF_USUAL) / (in_all + DOUBT_OF_USUAL)
    return Recent(len(known.modules_of(release)), *failed_before(known, release, when, horizon), usual)


def training_set(
    tables: Tables, features: pd.DataFrame, when: pd.Timestamp, horizon: pd.Timedelta, past_releases: int
) -> Dataset | None:
    """All that may be learnt from at `when`: the newest mature releases of every project, labelled by what was known.

    Args:
        tables: the whole tables; cut here to what was known at `when`.
        features: rows as of each release's own date (`featurize_all`).
        when: the moment of training.
        horizon: window of the label.
        past_releases: how many mature releases of a project count, newest first.

    Returns:
        The set, oldest release first, or None where no release is mature.
    """
    known = tables.as_of(when)
    ready = mature(known.timeline(), horizon, when)
    chosen = [
        release
        for release in ready
        if release in [other for other in ready if other.project == release.project][-past_releases:]
    ]
    if not chosen:
        return None
    parts = [rows_of(features, release) for release in chosen]
    stacked = pd.concat(parts, ignore_index=True)
    return Dataset(
        keys=stacked[KEYS],
        X=stacked.drop(columns=KEYS),
        level=np.concatenate(
            [worst_levels(known, r, part.module, horizon) for r, part in zip(chosen, parts, strict=True)]
        ),
        age_days=np.concatenate(
            [np.full(len(part), (when - r.released_at).days, float) for r, part in zip(chosen, parts, strict=True)]
        ),
        recent={release.project: recent_of(known, release, when, horizon) for release in known.newest()},
    )
