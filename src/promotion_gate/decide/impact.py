"""The Failure Impact Score: probabilities of the severity levels -> one number, 0 (harmless) to 1.

The score is the expected shortfall (conditional value at risk) of the severity weight: the mean weight over the worst
`1 - tail` of the probability mass. The plain expectation, `tail` 0, hides a rare disaster behind many quiet outcomes.

Sources: Rockafellar & Uryasev, Optimization of conditional value-at-risk, Journal of Risk 2 (2000); Acerbi & Tasche, On
the coherence of expected shortfall, Journal of Banking & Finance 26 (2002), whose form holds for discrete outcomes too.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promotion_gate.errors import InputError
from promotion_gate.rules import Impact
from promotion_gate.schema import LEVELS

DECIMALS = 6
"""Places of a score. Sums of floats that are exactly .2 on paper must reach the band that starts at .2."""


def failure_impact_score(
    probabilities: ArrayLike, impact: Impact, criticality: ArrayLike = 0.0, load: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return the Failure Impact Score of n modules.

    Criticality c and load l lift the weight w of every level above negligible to w + e (1 - w), with
    e = 1 - (1 - g c)(1 - d l) and the gains g and d of `impact`. The score never falls when probability mass moves to a
    worse level, nor when criticality or load rise.

    Args:
        probabilities: of the levels in the order of `schema.LEVELS`, shape (n, 5), or (5,) for one module; rows sum
            to 1 within .001 and are scaled to do so exactly.
        impact: weights, level of the shortfall, gains.
        criticality: share, 0 to 1, of all modules or of each, shape () or (n,).
        load: share, 0 to 1, likewise.

    Returns:
        Scores in [0, 1], rounded to six decimals, shape (n,).

    Raises:
        InputError: a probability or share is out of range or no number, or a row does not sum to 1.
    """
    rows = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] != len(LEVELS):
        raise InputError(f"probabilities have shape {rows.shape}; a row of {len(LEVELS)} levels a module is expected")
    totals = rows.sum(axis=1, keepdims=True)
    # Negated comparisons, so that NaN is refused as well.
    if not ((rows >= 0).all() and (np.abs(totals - 1) <= 1e-3).all()):
        raise InputError("probabilities must be 0 or more and sum to 1 in every row")
    weights = np.array(impact.weights, dtype=np.float64)
    lift = 1 - (1 - float(impact.criticality_gain) * _shares("criticality", criticality, len(rows))) * (
        1 - float(impact.load_gain) * _shares("load", load, len(rows))
    )
    lifted = weights + lift[:, None] * (1 - weights)
    lifted[:, 0] = 0.0  # negligible means that nothing failed: there is nothing to lift
    mass = float(1 - impact.tail)
    worst_first = (rows / totals)[:, ::-1]
    reached = np.minimum(np.cumsum(worst_first, axis=1), mass)
    taken = np.diff(reached, axis=1, prepend=0.0)
    score = (taken * lifted[:, ::-1]).sum(axis=1) / mass
    return np.asarray(np.round(np.clip(score, 0.0, 1.0), DECIMALS), dtype=np.float64)


def _shares(name: str, values: ArrayLike, n: int) -> NDArray[np.float64]:
    shares = np.asarray(values, dtype=np.float64)
    if shares.shape not in ((), (n,)):
        raise InputError(f"{name} has shape {shares.shape}; one share or {n} are expected")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise InputError(f"{name} must be a share between 0 and 1")
    return np.broadcast_to(shares, (n,))
