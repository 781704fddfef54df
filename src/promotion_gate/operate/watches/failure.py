"""A watch that says `degraded` -> a failure as any monitor tells it, with its evidence."""

import sys

from promotion_gate.operate.ledger.chain import stamp
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.ledger.queries import Promotion
from promotion_gate.operate.monitoring.verdict import Verdict

SOURCE = "monitor"


def failure_of(promotion: Promotion, stable: str | None, verdict: Verdict) -> Failure:
    """Return the failure that a watch found.

    A promotion has one watch, so its id names the failure: two processes, or one after a restart, tell the same one.

    Args:
        promotion: that is watched.
        stable: the version that it is compared with; None: none ran before it.
        verdict: `degraded`.
    """
    assert verdict.window_start is not None  # noqa: S101 - what is degraded was seen
    assert verdict.window_end is not None  # noqa: S101
    told = {
        "source": SOURCE,
        "failure_id": promotion.id,
        "project": promotion.project,
        "module": promotion.module,
        "severity": verdict.severity,
        "occurred_at": verdict.window_start,
        "version": promotion.version,
        "promotion": promotion.id,
        "evidence": {
            "e_value": finite(verdict.e_value),
            "effect": verdict.effect,
            "window_start": stamp(verdict.window_start),
            "window_end": stamp(verdict.window_end),
            "stable_version": stable,
            **verdict.counts,
            **verdict.evidence,
        },
    }
    return Failure.model_validate(told)


def finite(e_value: float) -> float:
    """Return an e-value as JSON can hold it: beyond a float's range, the largest float."""
    return min(e_value, sys.float_info.max)
