"""The policies that tuning may suggest: which figures may move, within which bounds, in which steps."""

from collections.abc import Callable
from decimal import Decimal

from promotion_gate.rules import Band, Policy, RulesFile

STEP = Decimal("0.01")
"""Figures are rounded to it: nobody can give a reason for a finer one."""

GAP = Decimal("0.05")
"""Least distance of two bounds of bands."""

TAIL = Decimal("0.95")
"""Largest level of the expected shortfall: beyond it the score looks at a twentieth of the probability."""

LOW = (Decimal("0.05"), Decimal("0.50"))
"""Bounds of the weight of the mildest failure; each further weight lies between the one before and the worst's own."""

MULTIPLIER = Decimal("1.5")
"""Largest multiplier."""

Place = Callable[[str, Decimal, Decimal, Decimal], Decimal]
"""Of a figure's name, its least and largest value and the default's: its value."""


def candidate(place: Place, default: RulesFile, covered: bool) -> RulesFile:
    """Return the default with the figures that may move put where `place` says.

    With coverage these are the tail and the weights of the score, the bounds of all bands, rising by `GAP` or more, and
    the multipliers, never falling. Without coverage nothing tells what bands that ask for it would do: tail, weights
    and the bound of the blocked band move, and the other bounds with it, in proportion.
    """
    impact = default.impact
    tail = place("tail", Decimal(0), TAIL, impact.tail)
    low = place("weight low", *LOW, impact.weights[1])
    medium = place("weight medium", low, impact.weights[4], impact.weights[2])
    high = place("weight high", medium, impact.weights[4], impact.weights[3])
    weights = (impact.weights[0], low, medium, high, impact.weights[4])
    bands = _bands(place, default.policy) if covered else _blocked(place, default.policy)
    return RulesFile(
        impact=impact.model_copy(update={"tail": tail, "weights": weights}),
        policy=default.policy.model_copy(update={"bands": bands}),
    )


def drawn(draw: Callable[[str], float]) -> Place:
    """A place for every figure by a draw from 0 (least) to 1 (largest)."""

    def place(name: str, least: Decimal, most: Decimal, own: Decimal) -> Decimal:
        share = Decimal(draw(name))
        return min(most, max(least, (least + (most - least) * share).quantize(STEP)))

    return place


def positions(default: RulesFile, covered: bool) -> dict[str, float]:
    """The draws that lead to the default itself, or as near to it as the bounds allow."""
    found: dict[str, float] = {}

    def place(name: str, least: Decimal, most: Decimal, own: Decimal) -> Decimal:
        inside = min(most, max(least, own))
        found[name] = float((inside - least) / (most - least)) if most > least else 0.0
        return inside

    candidate(place, default, covered)
    return found


def _bands(place: Place, policy: Policy) -> tuple[Band, ...]:
    found = [policy.bands[0]]
    for after, band in enumerate(policy.bands[1:], start=2):
        most = 1 - GAP * (len(policy.bands) - after)
        start = place(f"from {band.name}", min(most, found[-1].start + GAP), most, band.start)
        least, multiplier = found[-1].multiplier, band.multiplier
        if multiplier is not None and least is not None:
            multiplier = place(f"multiplier {band.name}", least, max(least, MULTIPLIER), multiplier)
        found.append(band.model_copy(update={"start": start, "multiplier": multiplier}))
    return tuple(found)


def _blocked(place: Place, policy: Policy) -> tuple[Band, ...]:
    first = next(number for number, band in enumerate(policy.bands) if band.multiplier is None)
    own = policy.bands[first].start
    start = place(f"from {policy.bands[first].name}", GAP * first, Decimal(1), own)
    return tuple(
        band.model_copy(update={"start": start if number == first else (band.start * start / own).quantize(STEP)})
        for number, band in enumerate(policy.bands)
    )
