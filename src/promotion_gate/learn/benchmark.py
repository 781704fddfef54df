"""A project's whole history predicted release by release, each with what was known at its date."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn import model
from promotion_gate.learn.dataset import rows_of, training_set
from promotion_gate.learn.features import KEYS, featurize_all
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Params
from promotion_gate.schema import CONTRACTS, LEVELS


def pooled(own: Tables, others: Sequence[Tables]) -> Tables:
    """The tables of several projects as one.

    Raises:
        InputError: a project is in two of them.
    """
    parts = [own, *others]
    projects = [name for part in parts for name in part.releases.project.unique()]
    twice = sorted({name for name in projects if projects.count(name) > 1})
    if twice:
        raise InputError(f"project {twice[0]} is in two of the folders; give each project once")
    stacked = {
        name: pd.concat([getattr(part, name) for part in parts if len(getattr(part, name))], ignore_index=True)
        if any(len(getattr(part, name)) for part in parts)
        else getattr(own, name)
        for name in CONTRACTS
    }
    return Tables(**stacked)


def predictable(own: Tables, horizon: pd.Timedelta) -> list[Release]:
    """The releases of a project's history that have a mature past of their own, oldest first."""
    releases = own.timeline()
    return [
        release
        for release in releases
        if any(q.project == release.project and q.released_at + horizon <= release.released_at for q in releases)
    ]


def predictions(own: Tables, others: Sequence[Tables], params: Params) -> Iterator[tuple[Release, pd.DataFrame]]:
    """Train as of each release's date with the pipeline's own functions, and predict all its modules.

    Args:
        own: the projects that are predicted.
        others: further projects, whose past as known at the date is pooled.
        params: horizon, half-lives, number of past releases, hyperparameters.

    Yields:
        The release, and one row a module: project, release, module, p_negligible to p_critical, severity, criticality,
        and spread, the standard deviation of the log odds.
    """
    tables = pooled(own, others)
    features = featurize_all(tables, params.featurize)
    for release in predictable(own, pd.Timedelta(days=params.labels.horizon_days)):
        found = _predicted(tables, features, release, params)
        if found is not None:
            yield release, found


def newest(own: Tables, params: Params) -> tuple[Release, pd.DataFrame]:
    """Predict a project's newest release whose coverage is known, else its newest, from what was known at its date.

    Returns:
        The release and its rows, as `predictions` yields them.

    Raises:
        InputError: there are several projects, or the release has no past to learn from.
    """
    project = own.project()
    releases = [release for release in own.timeline() if release.project == project]
    measured = set(own.coverage.release)
    release = next((one for one in reversed(releases) if one.release in measured), releases[-1])
    found = _predicted(own, featurize_all(own, params.featurize), release, params)
    if found is None:
        raise InputError(f"{project} {release.release}: nothing to learn from at its date")
    return release, found


def _predicted(tables: Tables, features: pd.DataFrame, release: Release, params: Params) -> pd.DataFrame | None:
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    data = training_set(tables, features, release.released_at, horizon, params.train.past_releases)
    if data is None:
        return None
    fitted = model.fit(data, release.project, params, params.train.model)
    rows = rows_of(features, release).reset_index(drop=True)
    probabilities = fitted.predict(rows)
    found = rows[KEYS].join(pd.DataFrame(probabilities, columns=[f"p_{level}" for level in LEVELS]))
    severity = np.array(LEVELS)[fitted.severity(probabilities)]
    return found.assign(severity=severity, criticality=rows.criticality, spread=fitted.spread(fitted.values(rows)))
