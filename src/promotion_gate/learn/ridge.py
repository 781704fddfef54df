"""Ridge logistic regression on ranks: the linear part of the model, and the baseline that is hardest to beat."""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

Matrix = npt.NDArray[np.float64]


def fit(X: Matrix, failed: npt.NDArray[np.bool_], weight: Matrix, c: float) -> Matrix:
    """Coefficients of the penalised logistic regression of failure on centred ranks, shape (k,).

    Args:
        X: centred ranks, shape (n, k).
        failed: whether each module failed, shape (n,).
        weight: of each row, mean 1, shape (n,).
        c: inverse strength of the penalty (scikit-learn's C).

    Returns:
        Coefficients; zeros where all rows failed or none did, as there is nothing to tell apart.
    """
    if failed.all() or not failed.any():
        return np.zeros(X.shape[1])
    # One thread: the matrices are small, and sums in one order give the same bits on every machine.
    with threadpool_limits(1):
        fitted = LogisticRegression(C=c, max_iter=2000, tol=1e-6).fit(X, failed, sample_weight=weight)
    return np.asarray(fitted.coef_[0], dtype=float)


def out_of_fold(
    X: Matrix, failed: npt.NDArray[np.bool_], weight: Matrix, c: float, folds: npt.NDArray[np.int64]
) -> Matrix:
    """Score of every row from coefficients fitted on the other folds, shape (n,).

    What is boosted from a margin must not have seen the row's own label in it, or the trees learn to distrust it.
    """
    score = np.zeros(len(X))
    for fold in np.unique(folds):
        inside = folds == fold
        score[inside] = X[inside] @ fit(X[~inside], failed[~inside], weight[~inside], c)
    return score
