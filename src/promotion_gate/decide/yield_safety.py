"""What a gate holds back for what it delays: one curve over all strictness, with bootstrap intervals.

Every gate is an order: a key by module, and the gate holds those of low keys first as it gets stricter. Nothing else of
a gate counts here. Modules of equal key are held at random among themselves, by expectation, so a gate with one key for
all is the random one, and its curve the diagonal. `delayed` is the share of modules held, `held_back` the share of the
failures' severity weight in them.

Source of the intervals: Efron & Tibshirani, An introduction to the bootstrap (1993); modules are resampled within their
release, so that the releases and their sizes stay as they are.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Interval = tuple[float, float, float]
"""Value, lower and upper end of its 95 % interval."""

CELLS = 2_000_000
"""Weights that are held at a time: draws of many modules come in batches."""

HELD_FIRST = -np.inf
"""Key of a module that a gate holds however lenient it is."""


def inclusion(key: Array, delayed: float) -> Array:
    """Return the probability that each module is held where a share of them is, shape (n,).

    Args:
        key: order in which modules are held, lowest first, shape (n,).
        delayed: share of the modules that is held, 0 to 1.
    """
    wanted = delayed * len(key)
    _, group, sizes = np.unique(key, return_inverse=True, return_counts=True)
    before = np.cumsum(sizes) - sizes
    return np.asarray(np.clip((wanted - before) / sizes, 0.0, 1.0)[group])


def curves(key: Array, severity: Array, weights: Array) -> tuple[Array, Array]:
    """Return the yield-safety curves of a gate, from (0, 0) to (1, 1), straight between modules of equal key.

    Args:
        key: shape (n,).
        severity: severity weight of what happened to each module, 0 where nothing failed, shape (n,).
        weights: how often each module was drawn, one row a draw, shape (draws, n).

    Returns:
        Shares delayed and held back, each (draws, distinct keys + 1). Held back is NaN in draws without any failure.
    """
    order = np.argsort(key, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(_ranks(key[order]))), len(key) - 1)
    drawn = weights[:, order]
    across = np.pad(np.cumsum(drawn, axis=1)[:, ends], ((0, 0), (1, 0)))
    up = np.pad(np.cumsum(drawn * severity[order], axis=1)[:, ends], ((0, 0), (1, 0)))
    with np.errstate(invalid="ignore"):
        return across / across[:, -1:], up / up[:, -1:]


def _ranks(ordered: Array) -> Ints:
    """Numbers of the distinct values of a rising array; infinities have no differences, these have."""
    return np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])


def held_back_at(key: Array, severity: Array, weights: Array, delayed: Array) -> Array:
    """Return what a gate holds back at given delays, by draw.

    Args:
        key: shape (n,).
        severity: shape (n,).
        weights: shape (draws, n).
        delayed: shares, the same for every draw (k,), or each draw's own (draws, k).

    Returns:
        Shares of the severity weight, shape (draws, k); NaN in draws without any failure.
    """
    across, up = curves(key, severity, weights)
    at = np.broadcast_to(delayed, (len(weights), np.shape(delayed)[-1]))
    return np.array([np.interp(*one) for one in zip(at, across, up, strict=True)])


def area(key: Array, severity: Array, weights: Array) -> Array:
    """Return the area under the curve by draw, shape (draws,): 1 at best nearly, .5 for the random gate."""
    across, up = curves(key, severity, weights)
    return np.asarray((np.diff(across, axis=1) * (up[:, 1:] + up[:, :-1]) / 2).sum(axis=1))


def resampled(group: Ints, resamples: int, seed: int) -> Iterator[Array]:
    """Yield bootstrap weights, modules redrawn within their group, in batches of shape (some draws, n).

    Args:
        group: number of each module's release, shape (n,).
        resamples: draws in all.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(group == number) for number in np.unique(group)]
    batch = max(1, CELLS // max(1, len(group)))
    for start in range(0, resamples, batch):
        weights = np.zeros((min(batch, resamples - start), len(group)))
        for rows in members:
            weights[:, rows] = random.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=len(weights))
        yield weights


def interval(value: float, drawn: npt.ArrayLike) -> Interval:
    """Return a value with the 95 % percentile interval of its draws; those that are undefined do not count."""
    defined = np.asarray(drawn, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    if not len(defined):
        return value, float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return value, float(low), float(high)
