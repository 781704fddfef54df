"""Cases to decide on, and a ledger's way through a promotion's life, in few words."""

import datetime as dt
import pathlib
from decimal import Decimal

from promotion_gate import params
from promotion_gate.decide.case import Case, Overruling
from promotion_gate.decide.overrule import OpenFailure, Warrant
from promotion_gate.operate.ledger import deployments, promotions
from promotion_gate.operate.ledger.module_events import Failure, Telemetry, Window
from promotion_gate.schema import FISResult, ModuleData, PromotionRequest

READ = params.load(pathlib.Path(__file__).resolve().parents[3] / "params.yaml")
POLICY = READ.policy
NOW = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)

PROMOTE, INSUFFICIENT, BLOCKED = (0.1, 1.0), (0.1, 0.1), (0.95, 1.0)
"""FIS and coverage that lead there."""


def case(module="cart.py", outcome=PROMOTE, *, level="production", version="1", overruling=None, project="shop"):
    fis, coverage = outcome
    probabilities = {"negligible": 1.0, "low": 0.0, "medium": 0.0, "high": 0.0, "critical": 0.0}
    score = FISResult(
        project=project,
        module=module,
        fis=fis,
        severity="low",
        probabilities=probabilities,
        model_version="failure-impact/1",
        data_hash="d",
    )
    request = PromotionRequest(
        module=ModuleData(project=project, module=module, version=version), level=level, coverage=coverage
    )
    return Case(request, score, "", (), Decimal(0), READ.impact, POLICY, "params.yaml", overruling)


def overruling(kind="override", module="cart.py", by="ann", until=NOW + 24 * HOUR):
    failure = OpenFailure("log:1", "shop", module, "critical", None) if kind == "hotfix" else None
    return Overruling(kind, Warrant(by, "it must go out", NOW, until), failure)


def request(ledger, outcome=PROMOTE, module="cart.py", *, actor="ci", now=NOW, **more):
    with ledger.write(actor, now) as writer:
        return promotions.request(writer, case(module, outcome, **more))[0]


def do(ledger, command, promotion, *args, actor="ci", now=NOW, **more):
    with ledger.write(actor, now) as writer:
        return command(writer, promotion, *args, **more)


def deployed(ledger, module="cart.py", version="1", outcome=PROMOTE, **more):
    promotion = request(ledger, outcome, module, version=version, **more).id
    do(ledger, deployments.start, promotion)
    return do(ledger, deployments.deployed, promotion, NOW + HOUR)


def stable(ledger, module="cart.py", version="1", **more):
    return do(
        ledger, deployments.end_watch, deployed(ledger, module, version, **more).id, POLICY.surcharge, now=NOW + HOUR
    )


def failure(failure_id="1", *, module="cart.py", resolved_at=None, severity="high", source="pager", **more):
    return Failure(
        source=source,
        failure_id=failure_id,
        project="shop",
        module=module,
        severity=severity,
        occurred_at=NOW,
        resolved_at=resolved_at,
        **more,
    )


def telemetry(batch_id="b1", *, requests=10.0, start=NOW, module="cart.py", **more):
    window = Window(
        project="shop", module=module, window_start=start, window_end=start + HOUR, requests=requests, **more
    )
    return Telemetry(source="agent", batch_id=batch_id, windows=(window,))
