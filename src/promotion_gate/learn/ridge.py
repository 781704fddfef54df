"""Ridge logistic regression on ranks, shrunk towards a prior: the linear part of the model.

A Gaussian prior with a mean other than zero (Gelman et al., Annals of Applied Statistics 2008, without their scaling)
carries a young project: before its own failures say otherwise, size, churn, coupling and past failures count as risky,
each alike. scikit-learn's logistic regression shrinks towards zero only, hence Newton's method here; with a prior of
zeros both give the same coefficients, which a test holds.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

Matrix = npt.NDArray[np.float64]
STEPS = 200
TOLERANCE = 1e-8
INTERCEPT_PRECISION = 1e-3
"""Keeps the intercept finite where all rows failed or none did; too weak to matter elsewhere."""


def fit(X: Matrix, failed: npt.NDArray[np.bool_], weight: Matrix, c: float, prior: Matrix) -> Matrix:
    """Coefficients of the penalised logistic regression of failure on centred ranks, shape (k,).

    Args:
        X: centred ranks, shape (n, k).
        failed: whether each module failed, shape (n,).
        weight: of each row, mean 1, shape (n,).
        c: inverse strength of the penalty (scikit-learn's C).
        prior: coefficients that the penalty shrinks towards, shape (k,).

    Returns:
        The coefficients that minimise weighted log loss + |coefficients - prior|^2 / (2 c).

    Raises:
        ArithmeticError: Newton's method did not converge; finite inputs do not do that.
    """
    inputs = np.column_stack([X, np.ones(len(X))])
    precision = np.append(np.full(X.shape[1], 1 / c), INTERCEPT_PRECISION)
    mean = np.append(prior, logit((failed.sum() + 0.5) / (len(failed) + 1)))
    found = mean.copy()

    def objective(at: Matrix) -> float:
        score = inputs @ at
        return float(weight @ (np.logaddexp(0, score) - failed * score) + precision @ (at - mean) ** 2 / 2)

    # One thread: the matrices are small, and sums in one order give the same bits on every machine.
    with threadpool_limits(1):
        for _ in range(STEPS):
            p = expit(inputs @ found)
            gradient = inputs.T @ (weight * (p - failed)) + precision * (found - mean)
            curvature = (inputs * (weight * p * (1 - p))[:, None]).T @ inputs + np.diag(precision)
            step = np.linalg.solve(curvature, gradient)
            # Far from the minimum a full step can overshoot; the objective is convex, so some part of it never does.
            while np.abs(step).max() > TOLERANCE and objective(found - step) > objective(found):
                step = step / 2
            found = found - step
            if np.abs(step).max() < TOLERANCE:
                return np.asarray(found[:-1])
    raise ArithmeticError(f"the ridge regression did not converge in {STEPS} steps on {X.shape} rows and features")


def covariance(X: Matrix, probability: Matrix, c: float) -> Matrix:
    """Covariance of the coefficients by Laplace's approximation of their posterior, shape (k, k).

    MacKay, The evidence framework applied to classification networks (Neural Computation 1992). The intercept is left
    out: how many will fail is the forecast's to know.

    Args:
        X: the rows of the fit, shape (n, k).
        probability: of failure of each row, shape (n,).
        c: inverse strength of the penalty.
    """
    information = probability * (1 - probability)
    centred = X - np.average(X, axis=0, weights=information)
    with threadpool_limits(1):
        precision = (centred * information[:, None]).T @ centred + np.eye(X.shape[1]) / c
        return np.asarray(np.linalg.inv(precision))
