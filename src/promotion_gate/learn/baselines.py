"""The honest baselines: what a model must beat to earn its place. All rank; two give the probability of failure too."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier

from promotion_gate.learn import ridge
from promotion_gate.learn.dataset import Dataset
from promotion_gate.learn.margin import equal_mass
from promotion_gate.learn.prevalence import intercepts

Scores = npt.NDArray[np.float64]


def by_metric(rows: pd.DataFrame, metric: str) -> Scores | None:
    """Rank of each module, 0 to 1, in one metric alone, such as churn, shape (n,); None where there is no such."""
    return rows[metric].to_numpy(float) + 0.5 if metric in rows.columns and rows[metric].to_numpy().any() else None


def logistic_on_ranks(data: Dataset, rows: pd.DataFrame, c: float = 0.1) -> Scores:
    """P(failure) by a ridge logistic regression on the model's own ranks, at the past's prevalence, shape (n,)."""
    names = list(data.X.columns)
    failed = data.level > 0
    coefficients = ridge.fit(data.X.to_numpy(float), failed, equal_mass(data.keys.project), c, np.zeros(len(names)))
    score = rows[names].to_numpy(float) @ coefficients
    share = np.full(4, np.clip(failed.mean(), 1e-4, 1 - 1e-4))
    return np.asarray(expit(score + intercepts(score, share)[0]), dtype=float)


def random_forest(data: Dataset, rows: pd.DataFrame, seed: int) -> Scores:
    """P(failure) by scikit-learn's default random forest, 300 trees, on the same ranks, shape (n,)."""
    names = list(data.X.columns)
    forest = RandomForestClassifier(n_estimators=300, n_jobs=2, random_state=seed)
    forest.fit(data.X.to_numpy(float), data.level > 0)
    if len(forest.classes_) == 1:
        return np.full(len(rows), float(forest.classes_[0]))
    return np.asarray(forest.predict_proba(rows[names].to_numpy(float))[:, 1], dtype=float)
