"""What the golden table cannot hold: refusals, what a review must see, carried notes, speed."""

import pathlib
import time
from decimal import Decimal

import pytest

from promotion_gate import params
from promotion_gate.decide.policy import decide
from promotion_gate.errors import InputError
from promotion_gate.schema import LEVELS, FISResult, ModuleData, Reason, SuiteCoverage

POLICY = params.load(pathlib.Path(__file__).parents[2] / "params.yaml").policy
MODULE = ModuleData(project="shop", module="cart.py", version="2")
SCORE = FISResult(
    project="shop",
    module="cart.py",
    fis=0.9,
    severity="high",
    probabilities=dict(zip(LEVELS, (0.5, 0.1, 0.1, 0.2, 0.1), strict=True)),
    reasons=(
        Reason(code="churn", message="changed much", effect=0.2),
        Reason(code="age", message="is old", effect=-0.1),
        Reason(code="unlike-training", message="unlike any module that was learnt from"),
    ),
    model_version="failure-impact/1",
    data_hash="d",
)


def made(coverage=1.0, score=SCORE, module=MODULE, level="production", **more):
    return decide(module, level, coverage, score, policy=POLICY, policy_version="p", **more)


def test_a_review_sees_severities_factors_and_coverage():
    review = made().unblock["review"]
    assert review == [
        "the chance of each severity: critical 0.100, high 0.200, medium 0.100, low 0.100",
        "what raised the score: changed much",
        "test coverage: 1; no share of it lifts the block",
    ]
    assert "metrics" in made(score=None).unblock["review"][0]


def test_the_model_s_factors_and_given_notes_are_carried_last():
    note = Reason(code="fis-supplied", message="given")
    codes = [reason.code for reason in made(notes=[note]).reasons]
    assert codes == ["blocked-band", "fis-band", "base-by-level", "fis-supplied", "churn", "age", "unlike-training"]


def test_says_why_there_is_no_score():
    decision = made(score=None, unscored="never heard of it")
    assert decision.reasons[0] == Reason(code="unknown-module", message="never heard of it")
    assert (decision.fis, decision.band, decision.model_version) == (None, "unknown", None)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"level": "prod"}, "level 'prod' is not in the policy; it knows development, staging, production"),
        ({"coverage": 85}, "coverage is a share between 0 and 1, for instance 0.85, not 85"),
        ({"coverage": float("nan")}, "coverage is a share between 0 and 1, for instance 0.85, not nan"),
        ({"surcharge": Decimal("-0.1")}, "a surcharge is a share of 0 or more, not -0.1"),
        ({"surcharge": Decimal("NaN")}, "a surcharge is a share of 0 or more, not NaN"),
        (
            {"module": ModuleData(project="shop", module="b.py")},
            "the score is that of shop cart.py, not of shop b.py",
        ),
    ],
)
def test_refuses(change, line):
    with pytest.raises(InputError) as caught:
        made(**change)
    assert str(caught.value) == line


def test_takes_less_than_a_millisecond():
    suites = {name: SuiteCoverage(lines_covered=9, lines_total=10) for name in ("unit", "system", "aggregate")}
    times = []
    for _ in range(50):
        start = time.perf_counter()
        made(suites)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3
