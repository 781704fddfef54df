"""The verdict: a module's score, its coverage and the policy -> a decision with all that a reader needs to check it.

Pure functions, under a millisecond each. A decision's first reasons are those of its verdict, then those of the
threshold's making, then notes, last the factors that the model gives for the score.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from promotion_gate.decide.digest import digest
from promotion_gate.decide.evidence import Coverage, Evidence, weigh
from promotion_gate.decide.threshold import (
    Base,
    Threshold,
    band_of,
    base_for,
    in_whole_lines,
    text,
    threshold,
)
from promotion_gate.decide.unblock import unblock
from promotion_gate.errors import InputError
from promotion_gate.rules import Impact, Policy
from promotion_gate.schema import Decision, FISResult, ModuleData, Reason, Status

PROMOTE: Status = "Promote"
INSUFFICIENT: Status = "Insufficient Coverage"
BLOCKED: Status = "Promotion Blocked - Manual Review Required"

UNSCORED = "no data set knows this module and no metrics were given"


def decide(
    module: ModuleData,
    level: str,
    coverage: Coverage,
    score: FISResult | None,
    *,
    policy: Policy,
    policy_version: str,
    surcharge: Decimal = Decimal(0),
    notes: Sequence[Reason] = (),
    unscored: str = UNSCORED,
) -> Decision:
    """Return the verdict on promoting a module to a level.

    Args:
        module: the module; its `version` is compared with that of the reports, its `category` chooses the base.
        level: the target level, one of the policy's.
        coverage: share of lines (0 to 1), or lines by suite, or None.
        score: the module's Failure Impact Score; None where none can be computed, which blocks for manual review.
        policy: thresholds.
        policy_version: of `policy`, see `policy_version`.
        surcharge: share that past rollbacks add to the required coverage.
        notes: further reasons to carry along.
        unscored: why there is no score, in a sentence; only read where `score` is None.

    Raises:
        InputError: the level is unknown, a share is out of range, or the score is another module's.
    """
    if score is not None and (score.project, score.module) != (module.project, module.module):
        raise InputError(
            f"the score is that of {score.project} {score.module}, not of {module.project} {module.module}"
        )
    fis = None if score is None else _decimal(score.fis)
    evidence = weigh(coverage, module.version, level, policy.required_suites.get(level, ()))
    limit = threshold(base := base_for(level, module.category, policy), fis, policy, surcharge)
    limit = in_whole_lines(limit, evidence.counted.total if evidence.counted else None)
    status, verdict = _verdict(limit, evidence)
    if score is None:
        verdict = (Reason(code="unknown-module", message=unscored), *verdict)
    return Decision(
        project=module.project,
        module=module.module,
        level=level,
        status=status,
        fis=None if score is None else score.fis,
        base_coverage=float(base.coverage),
        required_coverage=None if limit.required is None else float(limit.required),
        coverage=None if evidence.share is None else float(evidence.share),
        band=limit.band,
        steps=limit.steps,
        reasons=(*verdict, *limit.reasons, *evidence.notes, *notes, *_of_score(score, policy)),
        unblock={} if status == PROMOTE else unblock(limit, evidence, policy, score),
        model_version=None if score is None else score.model_version,
        policy_version=policy_version,
        data_hash=None if score is None else score.data_hash,
    )


def what_if(fis: float, base: float, coverage: float, *, level: str, policy: Policy, policy_version: str) -> Decision:
    """Return the verdict for a given score, base and coverage (shares) under the policy's bands and cap.

    No module and no model are behind it: the decision carries the reason `what-if`, and is not to be recorded.

    Raises:
        InputError: a share is not between 0 and 1.
    """
    for name, share in (("fis", fis), ("base", base)):
        if not 0 <= share <= 1:
            raise InputError(f"{name} is a share between 0 and 1, not {share}")
    given = Base(_decimal(base), Reason(code="base-given", message=f"the given base is {text(_decimal(base))}"))
    limit = threshold(given, _decimal(fis), policy)
    evidence = weigh(coverage, None, level, ())
    status, verdict = _verdict(limit, evidence)
    note = Reason(code="what-if", message="score and base were given by hand; this decides nothing and is not recorded")
    decision = Decision(
        level=level,
        status=status,
        fis=fis,
        base_coverage=base,
        required_coverage=None if limit.required is None else float(limit.required),
        coverage=coverage,
        band=limit.band,
        steps=limit.steps,
        reasons=(note, *verdict, *limit.reasons),
        unblock={} if status == PROMOTE else unblock(limit, evidence, policy, None),
        model_version=None,
        policy_version=policy_version,
        data_hash=None,
    )
    return decision.model_copy(update={"what_if": True})


def policy_document(impact: Impact, policy: Policy) -> dict[str, Any]:
    """Return both sections as plain JSON values, the same for equal content however it was written."""
    return {"impact": _plain(impact.model_dump(by_alias=True)), "policy": _plain(policy.model_dump(by_alias=True))}


def policy_version(impact: Impact, policy: Policy) -> str:
    """Return the content hash of the sections that decide: 12 hex digits of the SHA-256 of their canonical JSON."""
    document = policy_document(impact, policy)
    # Which suites are required matters, not in which order they are listed.
    suites = document["policy"]["required_suites"]
    document["policy"]["required_suites"] = {level: sorted(set(names)) for level, names in suites.items()}
    return digest(document)[:12]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def _decimal(share: float) -> Decimal:
    """Return the decimal that a person would write for the float."""
    return Decimal(str(float(share)))


def _verdict(limit: Threshold, evidence: Evidence) -> tuple[Status, tuple[Reason, ...]]:
    if limit.required is None:
        blocked = (
            () if limit.band == "unknown" else (_reason("blocked-band", f"band {limit.band} needs a manual review"),)
        )
        return BLOCKED, (*blocked, *evidence.gaps)
    if evidence.share is None:
        return INSUFFICIENT, evidence.gaps
    # Fractions: 7 of 9 lines have no exact decimal.
    margin = evidence.share - limit.required
    shown = f"coverage {float(evidence.share)}"
    if evidence.counted:
        shown = f"{evidence.counted.covered} of {evidence.counted.total} lines"
    if margin < 0:
        short = _reason("coverage-short", f"{shown}: the required {text(limit.required)} is not met", float(margin))
        return INSUFFICIENT, (short, *evidence.gaps)
    met = _reason("coverage-met", f"{shown}: the required {text(limit.required)} is met", float(margin))
    return (INSUFFICIENT, (*evidence.gaps, met)) if evidence.gaps else (PROMOTE, (met,))


def _reason(code: str, message: str, effect: float | None = None) -> Reason:
    return Reason(code=code, message=message, effect=effect)


def _of_score(score: FISResult | None, policy: Policy) -> tuple[Reason, ...]:
    """The reasons of the score itself, after one that says where the score cannot tell between bands."""
    if score is None:
        return ()
    if score.interval is None:
        return score.reasons
    low, high = score.interval
    lowest, highest = band_of(_decimal(low), policy), band_of(_decimal(high), policy)
    if lowest is highest:
        return score.reasons
    said = f"the score may lie between {low:.3g} and {high:.3g}: bands {lowest.name} to {highest.name}"
    return (Reason(code="score-uncertain", message=said), *score.reasons)
