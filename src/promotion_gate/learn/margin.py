"""The linear part of the model over several projects: weights, prior, pooling, and scores that saw no label."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from promotion_gate.learn import ridge
from promotion_gate.learn.dataset import Dataset
from promotion_gate.learn.features import direction

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
EDGE = 1e-6
"""Nearest that a rank comes to its ends; mean ranks of modules never do."""

OTHERS_FAILURES = 200
"""All other projects together teach the trees as much as so many failed modules of the project's own."""


def normal_scores(X: Matrix, features: tuple[str, ...]) -> Matrix:
    """What the ridge takes for features: normal scores of the centred ranks, with the ranks' spread, shape (n, k).

    Uniform ranks crowd the extremes, and it is the few largest and most troubled modules that fail (van der Waerden
    scores; Conover, Practical Nonparametric Statistics, 3rd ed., 5.10). No figure, rank 0, stays 0; criticality is no
    rank and stays as it is. The trees take ranks: a monotone transformation is nothing to them.

    Args:
        X: features, ranks between -.5 and +.5, shape (n, k).
        features: their names.
    """
    scores = ndtri(np.clip(X + 0.5, EDGE, 1 - EDGE)) / np.sqrt(12)
    as_is = np.array([name == "criticality" for name in features])
    return np.asarray(np.where(as_is, X, scores))


def equal_mass(projects: pd.Series) -> Matrix:
    """Row weights, mean 1, at which every project has the same mass, shape (n,)."""
    size = projects.map(projects.value_counts()).to_numpy(float)
    return len(projects) / (size * projects.nunique())


def own_mass(projects: pd.Series, own: Mask, failed: Mask) -> Matrix:
    """Row weights, mean 1, for a project that others are pooled with, shape (n,).

    The more modules of its own failed, the larger its share; the others share the rest in equal parts.
    """
    weight = equal_mass(projects)
    if own.all() or not own.any():
        return weight
    count = float((own & failed).sum())
    share = count / (count + OTHERS_FAILURES)
    mass = np.where(own, share / weight[own].sum(), (1 - share) / weight[~own].sum())
    return np.asarray(weight * mass * len(projects))


def prior_coefficients(features: tuple[str, ...], slope: float) -> Matrix:
    """Coefficients before anything was learnt, shape (k,): risk moves with every feature that has a direction, alike.

    Together they raise the log odds by `slope` when a module goes from the lowest rank in all of them to the highest.
    """
    signs = np.array([direction(name) for name in features], dtype=float)
    return np.asarray(slope * signs / max(1.0, np.abs(signs).sum()), dtype=float)


def folds_of(data: Dataset) -> npt.NDArray[np.int64]:
    """A fold a release, or five folds of every fifth module where there is one release only, shape (n,)."""
    folds = np.zeros(len(data.level), np.int64)
    masks = list(data.groups())
    if len(masks) == 1:
        return np.arange(len(data.level)) % 5
    for number, mask in enumerate(masks):
        folds[mask] = number
    return folds


def coefficients(X: Matrix, failed: Mask, projects: pd.Series, own: Mask, c: float, prior: Matrix) -> Matrix:
    """The ridge's coefficients for a project, shape (k,): the other projects', and from there as far as its own tell.

    Args:
        X: features, shape (n, k).
        failed: shape (n,).
        projects: of each row, shape (n,).
        own: whether a row is the project's, shape (n,).
        c: inverse penalty of both fits.
        prior: what the fit to the other projects shrinks towards, shape (k,).
    """
    others = ~own
    if others.any():
        prior = ridge.fit(X[others], failed[others], equal_mass(projects[others]), c, prior)
    return ridge.fit(X[own], failed[own], np.ones(int(own.sum())), c, prior) if own.any() else prior


def out_of_fold(
    X: Matrix, failed: Mask, projects: pd.Series, folds: npt.NDArray[np.int64], c: float, prior: Matrix
) -> Matrix:
    """Score of every row from coefficients for its project that were fitted on the other folds, shape (n,).

    What is boosted from a margin must not have seen the row's own label in it, or the trees learn to distrust it.
    """
    score = np.zeros(len(X))
    for fold in np.unique(folds):
        inside = folds == fold
        outside = ~inside
        for project in projects[inside].unique():
            rows, own = inside & (projects == project).to_numpy(), (projects[outside] == project).to_numpy()
            found = coefficients(X[outside], failed[outside], projects[outside], own, c, prior)
            score[rows] = X[rows] @ found
    return score
