"""The interval of the Failure Impact Score: how far the score moves when the model's log odds are off by chance.

The model knows a module's log odds up to a normal error, its spread: the Laplace approximation of the posterior of its
coefficients, and the error of the forecast prevalence, which all modules of the release share. All four cumulative log
odds move together by z standard deviations, and the score moves with them, as it never falls with them.

Sources: MacKay, The evidence framework applied to classification networks, Neural Computation 4 (1992); Higgins,
Thompson & Spiegelhalter, A re-evaluation of random-effects meta-analysis, JRSS A 172 (2009): the interval that holds
for a new member of the population, here the next release, counts the spread between members.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.errors import InputError
from promotion_gate.rules import Impact


def fis_interval(
    probabilities: ArrayLike,
    spread: ArrayLike,
    impact: Impact,
    criticality: ArrayLike = 0.0,
    load: ArrayLike = 0.0,
    coverage: float = 0.9,
) -> NDArray[np.float64]:
    """Return the interval of the Failure Impact Score of n modules.

    It contains the score, is the score itself where the spread is 0, and is never narrower for more coverage or spread.

    Args:
        probabilities: of the levels, shape (n, 5), or (5,) for one module, as `failure_impact_score` takes them.
        spread: standard deviation of the log odds, 0 or more, of all modules or of each, shape () or (n,).
        impact: weights, level of the shortfall, gains.
        criticality: share, 0 to 1, of all modules or of each, shape () or (n,).
        load: share, 0 to 1, likewise.
        coverage: share of the log odds' distribution between the two ends, from 0 to below 1.

    Returns:
        Lower and upper end in [0, 1], rounded to six decimals, shape (n, 2).

    Raises:
        InputError: a probability, share, spread or the coverage is out of range, no number, or of another shape.
    """
    score = failure_impact_score(probabilities, impact, criticality, load)
    deviation = np.asarray(spread, dtype=np.float64)
    if deviation.shape not in ((), score.shape):
        raise InputError(f"spread has shape {deviation.shape}; one deviation or {len(score)} are expected")
    if not (np.isfinite(deviation) & (deviation >= 0)).all():
        raise InputError("spread must be a standard deviation, 0 or more")
    if not 0 <= coverage < 1:
        raise InputError(f"coverage must be a share from 0 to below 1, not {coverage}")
    rows = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    # Level or worse, from low on; sums of floats may end a hair above 1, where there are no log odds.
    reached = np.minimum(np.cumsum((rows / rows.sum(axis=1, keepdims=True))[:, :0:-1], axis=1), 1.0)
    shift = np.broadcast_to(NormalDist().inv_cdf((1 + coverage) / 2) * deviation, score.shape)
    low, high = (failure_impact_score(_shifted(reached, moved), impact, criticality, load) for moved in (-shift, shift))
    # Rounding may put an end one unit past the score that it belongs to.
    return np.column_stack([np.minimum(low, score), np.maximum(high, score)])


def _shifted(reached: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level probabilities (n, 5) after the log odds of `reached`, critical first, (n, 4), moved by `shift` (n,)."""
    lifted = reached * np.exp(shift)[:, None]
    moved = np.maximum.accumulate(lifted / (1 - reached + lifted), axis=1)
    return np.diff(moved, axis=1, prepend=0.0, append=1.0)[:, ::-1]
