"""A case: all that a verdict is made of, as one value that can be judged now and again later."""

from dataclasses import dataclass
from decimal import Decimal

from promotion_gate.decide.overrule import OpenFailure, Warrant, hotfix, override, rollback
from promotion_gate.decide.policy import decide, policy_version
from promotion_gate.rules import Impact, Policy
from promotion_gate.schema import Decision, DecisionKind, FISResult, PromotionRequest, Reason


@dataclass(frozen=True)
class Overruling:
    """A promotion that a person answers for; `failure` is what a hotfix fixes, None for the other kinds."""

    kind: DecisionKind
    warrant: Warrant
    failure: OpenFailure | None = None


@dataclass(frozen=True)
class Case:
    """What is to be decided, and by what.

    Attributes:
        request: as it came.
        score: of the module; None where none can be computed, which blocks for manual review.
        unscored: why there is no score, in a sentence; only read where `score` is None.
        notes: further reasons to carry along.
        surcharge: share that past rollbacks add to the required coverage.
        impact: what the score was made with.
        policy: thresholds.
        policy_source: file or model that both were read from.
        overruling: the person's decision against the policy's, if there is one.
    """

    request: PromotionRequest
    score: FISResult | None
    unscored: str
    notes: tuple[Reason, ...]
    surcharge: Decimal
    impact: Impact
    policy: Policy
    policy_source: str
    overruling: Overruling | None = None


def judge(case: Case) -> Decision:
    """Return the decision on a case, with the further key `policy_source`; the same for equal cases, bit for bit.

    Raises:
        InputError: as `decide`, `override`, `hotfix` and `rollback` do.
    """
    decision = decide(
        case.request.module,
        case.request.level,
        case.request.coverage,
        case.score,
        policy=case.policy,
        policy_version=policy_version(case.impact, case.policy),
        surcharge=case.surcharge,
        notes=case.notes,
        unscored=case.unscored,
    )
    decision = decision.model_copy(update={"policy_source": case.policy_source})
    if case.overruling is None:
        return decision
    return _overruled(decision, case.overruling, case.policy)


def _overruled(decision: Decision, overruling: Overruling, policy: Policy) -> Decision:
    if overruling.kind == "rollback":
        return rollback(decision, overruling.warrant)
    if overruling.failure is not None:
        return hotfix(decision, overruling.warrant, policy, overruling.failure)
    return override(decision, overruling.warrant, policy)
