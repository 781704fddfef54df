"""The surcharge: more coverage asked of a module that was rolled back, less again after each clean promotion."""

from decimal import ROUND_DOWN, Decimal

from promotion_gate.rules import Surcharge

PLACES = Decimal("0.0001")
"""A surcharge is cut to hundredths of a percent: halved again and again it would never be gone."""


def after_rollback(surcharge: Decimal, rules: Surcharge) -> Decimal:
    """Return the surcharge, a share, that a module carries after one more rollback: a step more, at most the cap."""
    return max(surcharge, min(surcharge + rules.step, rules.cap))


def after_clean_promotion(surcharge: Decimal, rules: Surcharge) -> Decimal:
    """Return what is left of a surcharge after a promotion that did not fail in its watch window."""
    return (surcharge * rules.decay).quantize(PLACES, ROUND_DOWN)
