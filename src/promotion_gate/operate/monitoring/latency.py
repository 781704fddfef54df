"""Latency as counts: how many requests were slower than a bound that the stable version's histogram sets."""

import math
from collections.abc import Mapping

from promotion_gate.operate.monitoring.window import REST

FAST = 0.95
"""Share of the stable version's requests that are no slower than the bound."""


def slow_bound(above: Mapping[float, float], requests: float) -> float | None:
    """Return the bucket's bound, in seconds, next above the 95th percentile.

    Args:
        above: requests slower than each bound.
        requests: in all.

    Returns:
        The least bound that at least 95 % of the requests kept; the largest where none did; None without a bound.
    """
    kept = [bound for bound, slow in above.items() if slow <= (1 - FAST) * requests]
    return min(kept, default=max(above, default=None))


def slower(buckets: Mapping[str, float]) -> dict[float, float]:
    """Return the requests above each finite bound of a cumulative histogram."""
    return {float(bound): buckets[REST] - count for bound, count in buckets.items() if math.isfinite(float(bound))}


def slow(buckets: Mapping[str, float], bound: float) -> float | None:
    """Return how many requests were slower than a bound.

    Where the histogram has other bounds, those above the least one that is no lower count: never too many. None
    where all its bounds are lower.
    """
    above = slower(buckets)
    usable = [other for other in above if other >= bound]
    return above[min(usable)] if usable else None
