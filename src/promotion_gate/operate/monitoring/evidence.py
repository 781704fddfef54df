r"""E-variables for counts: how much a window speaks for the new version being worse than is tolerated.

Tolerated is a rate p of bad requests that the stable version's rate q makes allowable: p <= g(q) = (1 + relative) q +
absolute. The pairs (q, p) that are allowable form a convex set. An e-variable is a number >= 0 whose mean is at most 1
whatever allowable pair is true; products of those of later windows are test supermartingales, that exceed 1 / alpha
with a probability of at most alpha at any time whatsoever (Ville 1939).

Both kinds here tilt the odds of a bad request by rho > 1, of n requests with k bad ones:

    bounded   rho^k / (1 - b + rho b)^n                     for p <= b.  Its mean is ((1 - p + rho p) / (..b..))^n.
    paired    rho^k sigma^l / max_q (1 - g(q) + rho g(q))^n (1 - q + sigma q)^m       beside m of which l were bad.
              The denominator is the largest mean over all allowable pairs, so no pair's mean exceeds 1. Its logarithm
              is concave in q, the maximum a linear equation's root. sigma < 1 is set near the optimum for growth.

The mean rates of a window count: a rate that changes within it only lowers the mean (logarithms are concave).
Requests are taken to be independent given the rates; `dispersion` in baseline.py is the guard against bursts.

Sources: Turner, Ly & Grünwald, Generic e-variables for exact sequential k-sample tests that allow for optional
stopping, Journal of Statistical Planning and Inference 230, 2024; Turner & Grünwald, Exact anytime-valid confidence
intervals for contingency tables and beyond, Statistics & Probability Letters 198, 2023 (convex nulls); Ramdas,
Grünwald, Vovk & Shafer, Game-theoretic statistics and safe anytime-valid inference, Statistical Science 38, 2023.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

TILTS = np.array([1.15, 1.35, 1.7, 2.5, 5.0, 15.0, 60.0, 300.0])
"""Odds ratios that are bet on at once: from just above what is tolerated to nearly all requests of a rare error."""

ODDS_MOST = 1e12


@dataclass(frozen=True)
class Allowed:
    """How much worse than the stable version's rate q is tolerated: (1 + relative) q + absolute."""

    relative: float
    absolute: float

    def __call__(self, rate: ArrayLike) -> Floats:
        """Return the largest rate that is tolerated, at most 1."""
        return np.asarray(np.minimum(1.0, (1 + self.relative) * np.asarray(rate, np.float64) + self.absolute))


def bounded(requests: ArrayLike, bad: ArrayLike, bound: ArrayLike) -> Floats:
    """Return the log e-values against a rate of at most `bound`.

    Args:
        requests: n >= 0, any shape (..).
        bad: of them, 0 to n.
        bound: b, 0 to 1, known before the window.

    Returns:
        One for each tilt, shape (.., len(TILTS)). They rise with `bad` and fall with `requests` and `bound`.
    """
    n, k, b = (np.asarray(value, np.float64)[..., None] for value in (requests, bad, bound))
    return np.asarray(k * np.log(TILTS) - n * np.log1p((TILTS - 1) * b))


def paired(
    requests: ArrayLike, bad: ArrayLike, beside: ArrayLike, bad_beside: ArrayLike, usual: ArrayLike, allowed: Allowed
) -> Floats:
    """Return the log e-values against a rate that the stable version's in the same window makes allowable.

    Args:
        requests: n >= 0 of the new version, any shape (..).
        bad: of them.
        beside: m >= 0 of the stable version.
        bad_beside: of them.
        usual: rate of the stable version as it was known before the window, above 0 and below 1. It sets what is bet
            on, not what holds: a wrong one costs power, never validity.
        allowed: g.

    Returns:
        One for each tilt, shape (.., len(TILTS)). They rise with `bad` and fall with `bad_beside`.
    """
    n, k, m, bad_m, q = (np.asarray(v, np.float64)[..., None] for v in (requests, bad, beside, bad_beside, usual))
    slope, start = 1 + allowed.relative, allowed.absolute
    highest = (1 - start) / slope
    q = np.minimum(q, 0.999 * highest)
    rho, sigma = _tilts(n, m, q, slope, start, highest)
    up, down = rho - 1, 1 - sigma
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (n * up * slope - m * down * (1 + up * start)) / (up * down * slope * (n + m))
    # Without a tilt of one side the mean rises, or falls, all the way.
    root = np.where(down * m <= 0, highest, np.where(up * n <= 0, 0.0, root))
    root = np.clip(root, 0.0, highest)
    most = n * np.log1p(up * (slope * root + start)) + m * np.log1p(-down * root)
    return np.asarray(k * np.log(rho) + bad_m * np.log(sigma) - most)


def _tilts(n: Floats, m: Floats, q: Floats, slope: float, start: float, highest: float) -> tuple[Floats, Floats]:
    """The odds ratios, new and stable, between what is bet on, (q, p), and the allowable pair nearest to it.

    Nearest by Kullback-Leibler divergence, as if counts were Poisson: then it is a quadratic equation's root.
    """
    limit = slope * q + start
    p = TILTS * limit / (1 - limit + TILTS * limit)
    square = n * slope**2 + m * slope
    linear = m * start - m * q * slope - n * slope * (p - start)
    with np.errstate(divide="ignore", invalid="ignore"):
        nearest = (np.sqrt(linear**2 + 4 * square * m * q * start) - linear) / (2 * square)
    nearest = np.where(square > 0, np.clip(nearest, q, 0.9999 * highest), q)
    rho = np.clip(_odds(p) / _odds(slope * nearest + start), 1.0, ODDS_MOST)
    return rho, np.clip(_odds(q) / _odds(nearest), 1 / ODDS_MOST, 1.0)


def _odds(rate: Floats) -> Floats:
    return np.asarray(rate / (1 - rate))
