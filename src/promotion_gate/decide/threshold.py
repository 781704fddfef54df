"""The making of the required coverage: base, band, surcharge, cap, whole lines, in exact numbers, each step kept.

Floats would refuse what the rule grants: .8 * 1.1 is .8800000000000001 in them, and a module with 88 % would fail.
"""

import dataclasses
import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

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
    required: Fraction | None
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
    return Threshold(band.name, Fraction(required), tuple(steps), tuple(reasons))


def lines_required(required: Fraction, total: int) -> int:
    """Return how many of a module's lines a required share asks for: rounded down, in the module's favour.

    A module of 8 lines cannot show 93.5 % but by all of them; 7 lines, 87.5 %, do. One line at least is asked for
    wherever coverage is: no data is never a pass, and neither is nothing covered.

    Args:
        required: share, 0 to 1.
        total: lines of the module, 1 or more.
    """
    return max(math.floor(required * total), 1 if required else 0)


def in_whole_lines(limit: Threshold, total: int | None) -> Threshold:
    """Return the threshold as a share that the module's lines can show, never a larger one but for the first line.

    Args:
        limit: as `threshold` made it.
        total: lines of the module; None where they are not known, and nothing can be rounded.
    """
    if limit.required is None or total is None:
        return limit
    lines = lines_required(limit.required, total)
    rounded = Fraction(lines, total)
    if rounded == limit.required:
        return limit
    asked = f"{text(limit.required)} of {total} lines is {float(limit.required * total):.6g}"
    said = f"{asked}: {lines} of {total} are asked for"
    step = Step(name="whole-lines", detail=said, required_coverage=float(rounded))
    reason = Reason(code="whole-lines", message=said, effect=float(rounded - limit.required))
    return dataclasses.replace(limit, required=rounded, steps=(*limit.steps, step), reasons=(*limit.reasons, reason))


def text(number: Decimal | Fraction) -> str:
    """Return a number without exponent and trailing zeros: .80 and 0.8 are both 0.8; 7/9 is cut to six digits."""
    if isinstance(number, Fraction):
        return f"{float(number):.6g}"
    return f"{number.normalize():f}"


def _reason(code: str, message: str, effect: Decimal) -> Reason:
    return Reason(code=code, message=message, effect=float(effect))
