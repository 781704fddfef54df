"""Promotions against the verdict: each has its own kind, its conditions, and leaves the verdict to be read."""

import datetime as dt
import pathlib

import pytest

from promotion_gate import params
from promotion_gate.decide.overrule import OpenFailure, Warrant, hotfix, override, rollback
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, decide
from promotion_gate.errors import InputError
from promotion_gate.schema import LEVELS, Decision, FISResult, ModuleData

POLICY = params.load(pathlib.Path(__file__).parents[2] / "params.yaml").policy
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
WARRANT = Warrant("Ada", "the shop is shut without it", NOW, NOW + DAY)
OPEN = OpenFailure("F-7", "shop", "cart.py", "critical", None)


def verdict(fis=0.9, coverage=0.5):
    score = FISResult(
        project="shop",
        module="cart.py",
        fis=fis,
        severity="high",
        probabilities=dict.fromkeys(LEVELS, 0.2),
        model_version="m/1",
        data_hash="d",
    )
    module = ModuleData(project="shop", module="cart.py")
    return decide(module, "production", coverage, score, policy=POLICY, policy_version="p")


@pytest.mark.parametrize(("fis", "was"), [(0.9, BLOCKED), (0.3, INSUFFICIENT)])
def test_an_override_promotes_and_keeps_the_verdict(fis, was):
    before = verdict(fis)
    made = override(before, WARRANT, POLICY)
    assert (made.kind, made.status) == ("override", "Promote")
    assert made.model_extra["overruled"] == {
        "by": "Ada",
        "reason": "the shop is shut without it",
        "at": "2026-11-24T12:00:00Z",
        "until": "2026-11-25T12:00:00Z",
        "verdict": was,
    }
    assert made.reasons[0].code == "override"
    assert (made.reasons[1:], made.unblock, made.required_coverage, made.steps) == (
        before.reasons,
        before.unblock,
        before.required_coverage,
        before.steps,
    )
    assert Decision.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"by": " "}, "a name is needed"),
        ({"reason": ""}, "a reason is needed"),
        ({"until": None}, "an expiry is needed"),
        ({"until": NOW}, "the expiry 2026-11-24T12:00:00Z is not after 2026-11-24T12:00:00Z"),
        ({"until": NOW + 15 * DAY}, "the expiry 2026-12-09T12:00:00Z is after 2026-12-08T12:00:00Z: 14 days at most"),
    ],
)
def test_an_override_needs_a_name_a_reason_and_an_expiry(change, line):
    warrant = Warrant(**{**vars(WARRANT), **change})
    for path in (lambda: override(verdict(), warrant, POLICY), lambda: hotfix(verdict(), warrant, POLICY, OPEN)):
        with pytest.raises(InputError, match=line):
            path()


def test_a_verdict_of_promote_leaves_nothing_to_override():
    with pytest.raises(InputError, match="nothing to override"):
        override(verdict(0.1, 0.9), WARRANT, POLICY)


def test_a_hotfix_names_the_open_critical_failure():
    made = hotfix(verdict(), WARRANT, POLICY, OPEN)
    assert (made.kind, made.status, made.model_extra["overruled"]["failure_id"]) == ("hotfix", "Promote", "F-7")
    later = OpenFailure("F-7", "shop", "cart.py", "critical", NOW + DAY)
    assert hotfix(verdict(), WARRANT, POLICY, later).kind == "hotfix"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"module": "pay.py"}, "failure F-7 is of shop pay.py, not of shop cart.py"),
        ({"severity": "high"}, "failure F-7 is high: the hotfix path is for critical ones"),
        ({"resolved_at": NOW}, "failure F-7 was resolved at 2026-11-24T12:00:00Z"),
    ],
)
def test_a_hotfix_of_another_milder_or_resolved_failure_is_none(change, line):
    with pytest.raises(InputError, match=line):
        hotfix(verdict(), WARRANT, POLICY, OpenFailure(**{**vars(OPEN), **change}))


def test_a_rollback_is_never_gated():
    for fis, coverage in ((0.9, None), (0.3, 0.1), (0.1, 0.9)):
        made = rollback(verdict(fis, coverage), Warrant("gate", "failure F-7", NOW))
        assert (made.kind, made.status) == ("rollback", "Promote")
    with pytest.raises(InputError, match="a reason is needed"):
        rollback(verdict(), Warrant("gate", "", NOW))
