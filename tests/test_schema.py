"""The public types: JSON both ways, unknown keys carried, nothing converted in silence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_gate.schema import (
    CONTRACTS,
    LEVELS,
    Decision,
    FISResult,
    ModuleData,
    PromotionRequest,
    Reason,
    Step,
    SuiteCoverage,
)

MODULE = {"project": "shop", "module": "cart.py"}
SCORE = {
    **MODULE,
    "fis": 0.25,
    "severity": "low",
    "probabilities": dict.fromkeys(LEVELS, 0.2),
    "interval": [0.1, 0.4],
    "reasons": [{"code": "churn", "message": "changed much", "effect": 0.1}],
    "model_version": "failure-impact/1",
    "data_hash": "abc",
}
EXAMPLES = [
    (ModuleData, MODULE),
    (
        ModuleData,
        {
            **MODULE,
            "version": "1",
            "category": "shared",
            "dependencies": ["a"],
            "criticality": 1,
            "metrics": {"loc": 5},
        },
    ),
    (Reason, {"code": "churn", "message": "changed much"}),
    (Step, {"name": "base", "detail": "production", "required_coverage": None}),
    (SuiteCoverage, {"lines_covered": 1, "lines_total": 2, "version": "1"}),
    (FISResult, SCORE),
    (FISResult, {**SCORE, "interval": None}),
    (
        FISResult,
        {
            **SCORE,
            "explanation": {
                "fis": {"base": 0.2, "churn": 0.05},
                "expected_severity": {"value": 0.1, "base": 0.12, "churn": -0.02},
            },
            "counterfactuals": [{"code": "split-in-two", "message": "split", "fis": 0.2}],
        },
    ),
    (PromotionRequest, {"module": MODULE, "level": "staging", "coverage": 0.5, "fis": SCORE}),
    (PromotionRequest, {"module": MODULE, "coverage": {"unit": {"lines_covered": 1, "lines_total": 2}}}),
    (PromotionRequest, {"module": MODULE}),
    (
        Decision,
        {
            "level": "production",
            "status": "Promote",
            "fis": 0.1,
            "base_coverage": 0.8,
            "required_coverage": 0.8,
            "coverage": 0.9,
            "band": "negligible",
            "steps": [],
            "reasons": [],
            "unblock": {"lines": [1, 2]},
            "model_version": None,
            "policy_version": "p",
            "data_hash": None,
        },
    ),
]


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_json_round_trip_with_unknown_keys(kind, example):
    given = {**example, "x_team": {"name": "payments", "size": [1, None]}}
    read = kind.model_validate_json(json.dumps(given))
    again = kind.model_validate_json(read.model_dump_json())
    assert again == read
    written = json.loads(read.model_dump_json())
    assert written["x_team"] == given["x_team"]
    assert {key: written[key] for key in example if key not in ("module", "fis", "coverage", "reasons")} == {
        key: value for key, value in example.items() if key not in ("module", "fis", "coverage", "reasons")
    }


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_is_immutable(kind, example):
    read = kind.model_validate(example)
    with pytest.raises(ValidationError):
        setattr(read, next(iter(example)), None)


def test_mappings_are_immutable():
    with pytest.raises(TypeError):
        FISResult.model_validate(SCORE).probabilities["low"] = 1


shares = st.floats(0, 1)


@given(st.lists(st.integers(0, 100), min_size=5, max_size=5).filter(any), shares, shares)
def test_any_score_survives_json_bit_for_bit(masses, fis, criticality):
    probabilities = {level: mass / sum(masses) for level, mass in zip(LEVELS, masses, strict=True)}
    score = FISResult.model_validate({**SCORE, "fis": fis, "probabilities": probabilities})
    request = PromotionRequest(module=ModuleData(**MODULE, criticality=criticality), coverage=fis, fis=score)
    assert PromotionRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize("coverage", [True, "0.9", "85%", 85, -0.1, float("nan"), float("inf"), [0.9], {"unit": 1}])
def test_coverage_is_a_share_or_suites_and_nothing_that_looks_like_one(coverage):
    with pytest.raises(ValidationError):
        PromotionRequest.model_validate({"module": MODULE, "coverage": coverage})


@pytest.mark.parametrize(
    "lines", [(2, 1), (-1, 2), (1.5, 2), ("1", 2), (True, 2), (1, None), (float("nan"), 1), (0, float("inf"))]
)
def test_lines_are_whole_and_covered_at_most_all(lines):
    with pytest.raises(ValidationError):
        SuiteCoverage.model_validate({"lines_covered": lines[0], "lines_total": lines[1]})


@pytest.mark.parametrize(
    "change",
    [
        {"fis": 1.01},
        {"fis": float("nan")},
        {"severity": "catastrophic"},
        {"probabilities": {"low": 1.0}},
        {"probabilities": dict.fromkeys(LEVELS, 0.3)},
        {"probabilities": {**dict.fromkeys(LEVELS, 0.25), "low": 0.0, "worst": 0.0}},
        {"interval": [0.1]},
        {"interval": [0.1, 2]},
        {"module": ""},
        {"module": "a\x00b"},
        {"module": "a\nb"},
        {"module": "x" * 1025},
    ],
)
def test_a_score_that_breaks_its_form_is_refused(change):
    with pytest.raises(ValidationError):
        FISResult.model_validate({**SCORE, **change})


def test_keys_and_nullable_columns_are_columns():
    assert len(CONTRACTS) == 7
    for contract in CONTRACTS.values():
        assert set(contract.key) <= set(contract.columns)
        assert set(contract.nullable) <= set(contract.columns)
