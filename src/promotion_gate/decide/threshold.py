"""The making of the required coverage: base, band, surcharge, cap, in exact decimals, each step kept.

Floats would refuse what the rule grants: .8 * 1.1 is .8800000000000001 in them, and a module with 88 % would fail.
"""

from dataclasses import dataclass
from decimal import Decimal

from promotion_gate.errors import InputError
from promotion_gate.rules import Band, Policy
from promotion_gate.schema import Reason, Step


@dataclass(frozen=True)
class Base:
    """The coverage, a share, that is required before risk is looked at, and the reason why it is this one."""

    coverage: Decimal
    reason: Reason


@dataclass(frozen=True)
class Threshold:
    """The required coverage (None: no coverage would do), the band it came from, and how it was made."""

    band: str
    required: Decimal | None
    steps: tuple[Step, ...]
    reasons: tuple[Reason, ...]


def base_for(level: str, category: str | None, policy: Policy) -> Base:
    """Return the base coverage of a level, overridden by the module's category where the policy has one for it.

    Categories are free text of the user: one without a threshold keeps the level's base, and the reason says so.

    Raises:
        InputError: the policy does not know the level.
    """
    if level not in policy.base:
        raise InputError(f"level {level!r} is not in the policy; it knows {', '.join(policy.base)}")
    base = policy.base[level]
    if category is None:
        return Base(base, Reason(code="base-by-level", message=f"{level} requires {text(base)}"))
    own = policy.categories.get(category, {}).get(level)
    if own is not None:
        return Base(own, Reason(code="base-by-category", message=f"{category} modules require {text(own)} for {level}"))
    message = f"the policy has no threshold of category {category!r} for {level}; the level's {text(base)} holds"
    return Base(base, Reason(code="category-without-threshold", message=message))


def band_of(fis: Decimal, policy: Policy) -> Band:
    """Return the band that a score lies in; a boundary belongs to the upper band."""
    return next(band for band in reversed(policy.bands) if fis >= band.start)


def threshold(base: Base, fis: Decimal | None, policy: Policy, surcharge: Decimal = Decimal(0)) -> Threshold:
    """Return the coverage that a module must show: base x the band's multiplier + surcharge, at most the cap.

    It never falls with `fis` nor with `surcharge`. Without a score (None) no coverage is enough.

    Raises:
        InputError: the surcharge is negative or no number.
    """
    if not (surcharge.is_finite() and surcharge >= 0):
        raise InputError(f"a surcharge is a share of 0 or more, not {surcharge}")
    steps = [Step(name="base", detail=base.reason.message, required_coverage=float(base.coverage))]
    if fis is None:
        steps.append(Step(name="blocked", detail="no score, so no coverage is known to do", required_coverage=None))
        return Threshold("unknown", None, tuple(steps), (base.reason,))
    band = band_of(fis, policy)
    where = f"FIS {text(fis)} lies in band {band.name}, from {text(band.start)} on"
    reasons = [Reason(code="fis-band", message=where, effect=float(fis)), base.reason]
    if band.multiplier is None:
        steps.append(Step(name="blocked", detail=f"{where}: no coverage is enough", required_coverage=None))
        return Threshold(band.name, None, tuple(steps), tuple(reasons))

    required = base.coverage * band.multiplier
    factor = f"x {text(band.multiplier)}"
    steps.append(Step(name="multiplier", detail=f"{where}: {factor}", required_coverage=float(required)))
    if band.multiplier != 1:
        reasons.append(_reason("multiplier", f"band {band.name} asks for {factor} the base", required - base.coverage))
    if surcharge:
        required += surcharge
        said = f"past rollbacks of the module add {text(surcharge)}"
        steps.append(Step(name="surcharge", detail=said, required_coverage=float(required)))
        reasons.append(_reason("surcharge", said, surcharge))
    if required > policy.cap:
        said = f"{text(required)} is over the cap of {text(policy.cap)}"
        reasons.append(_reason("cap", said, policy.cap - required))
        required = policy.cap
        steps.append(Step(name="cap", detail=said, required_coverage=float(required)))
    return Threshold(band.name, required, tuple(steps), tuple(reasons))


def text(number: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros: .80 and 0.8 are both 0.8."""
    return f"{number.normalize():f}"


def _reason(code: str, message: str, effect: Decimal) -> Reason:
    return Reason(code=code, message=message, effect=float(effect))
