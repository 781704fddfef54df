"""The parts of a Failure Impact Score: from log odds by group to shares of the score that add up to it.

The score is a sum over the thresholds of severity: of the steps of the weights, times the part of the worst `1 - tail`
of the probability mass that reaches the threshold. Each summand is a monotone function of one log odds, so the log
odds' parts are carried over by the slope between base and module: the rescale rule, under which nothing is lost and no
part changes its sign. Criticality and load share what their lift adds by the Shapley value.

Sources: Shrikumar, Greenside & Kundaje, Learning important features through propagating activation differences, ICML
2017 (the rescale rule); Shapley, A value for n-person games, 1953.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

from promotion_gate.errors import InputError
from promotion_gate.rules import Impact

BASE = "base"
CRITICALITY_GAIN, LOAD_GAIN = "criticality-gain", "load-gain"
DECIMALS = 9
CLOSE = 1e-8
"""Log odds nearer than this have a slope of 0/0; the derivative takes its place."""


def attribution(
    log_odds: Mapping[str, Sequence[float]], impact: Impact, criticality: float = 0.0, load: float = 0.0
) -> dict[str, float]:
    """Return the parts of a module's Failure Impact Score.

    Args:
        log_odds: of P(severity >= low) to P(severity >= critical), four each: `base`, and what each group adds to it.
            The sums must not rise with the threshold.
        impact: weights, level of the shortfall, gains.
        criticality: share, 0 to 1.
        load: share, 0 to 1.

    Returns:
        `base`, the groups in the given order, `criticality-gain` and `load-gain`, in units of the score. Their sum is
        `failure_impact_score` of the same module before it is rounded. At tail 0 without criticality and load it is the
        expected severity weight.
    """
    weights = [float(weight) for weight in impact.weights]
    mass = 1 - float(impact.tail)
    parts = dict.fromkeys(log_odds, 0.0)
    reached = 0.0
    for threshold, (milder, worse) in enumerate(itertools.pairwise(weights)):
        start = log_odds[BASE][threshold]
        end = math.fsum(given[threshold] for given in log_odds.values())
        parts[BASE] += (worse - milder) * _part_reached(start, mass)
        slope = (worse - milder) * _slope(start, end, mass)
        for group, given in log_odds.items():
            if group != BASE:
                parts[group] += slope * given[threshold]
        if threshold == 0:
            reached = _part_reached(end, mass)
    # Full lift would give every failure the weight 1.
    room = reached - math.fsum(parts.values())
    by_criticality, by_load = float(impact.criticality_gain) * criticality, float(impact.load_gain) * load
    both = by_criticality * by_load / 2  # each alone would count it
    return parts | {CRITICALITY_GAIN: room * (by_criticality - both), LOAD_GAIN: room * (by_load - both)}


def settled(parts: Mapping[str, float], total: float, tail: float) -> dict[str, float]:
    """Return the parts rounded to 9 decimals, the base such that they add up to a total that was rounded itself.

    Args:
        parts: of a score, `base` among them.
        total: the score.
        tail: the level of the shortfall that both were made with; near 1 it magnifies rounding.

    Raises:
        InputError: more than rounding is missing: they are parts of another score.
    """
    added = math.fsum(parts.values())
    if not abs(total - added) < max(1e-4, 1e-8 / (1 - tail)):  # negated, so that NaN is refused as well
        raise InputError(f"the contributions add up to {added:.6f}, not to {total:.6f}")
    rounded = {name: round(part, DECIMALS) + 0.0 for name, part in parts.items()}  # + 0: no -0.0
    others = math.fsum(part for name, part in rounded.items() if name != BASE)
    return rounded | {BASE: round(total - others, DECIMALS) + 0.0}


def _probability(log_odds: float) -> float:
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return (odds := math.exp(log_odds)) / (1 + odds)


def _part_reached(log_odds: float, mass: float) -> float:
    """The part of the worst mass that reaches the threshold, 0 to 1."""
    return min(_probability(log_odds), mass) / mass


def _slope(start: float, end: float, mass: float) -> float:
    if abs(end - start) > CLOSE:
        return (_part_reached(end, mass) - _part_reached(start, mass)) / (end - start)
    probability = _probability(start)
    return probability * (1 - probability) / mass if probability < mass else 0.0
