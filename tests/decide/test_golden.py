"""The golden table of decisions: one row a rule."""

import csv
import pathlib
from decimal import Decimal

import pytest

from promotion_gate import params
from promotion_gate.decide.policy import decide
from promotion_gate.schema import LEVELS, FISResult, ModuleData, SuiteCoverage

TABLE = pathlib.Path(__file__).parents[1] / "golden" / "decisions.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
POLICY = params.load(pathlib.Path(__file__).parents[2] / "params.yaml").policy.model_copy(
    update={
        "categories": {"critical": {"production": Decimal("0.9")}, "legacy": {"production": Decimal("0.7")}},
        "required_suites": {"staging": ("unit", "integration")},
    }
)


def coverage(text):
    """A share, or suites written as unit=50/100@version."""
    if not text:
        return None
    if text != "{}" and "=" not in text:
        return float(text)
    found = {}
    for part in text.removeprefix("{}").split():
        suite, _, rest = part.partition("=")
        lines, _, version = rest.partition("@")
        covered, total = map(int, lines.split("/"))
        found[suite] = SuiteCoverage(lines_covered=covered, lines_total=total, version=version or None)
    return found


def unblock(text):
    found = {}
    for part in text.split():
        key, _, value = part.partition("=")
        found[key] = value.split("+") if key.endswith("suites") else float(value)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["rule"])
def test_rule(row):
    module = ModuleData(
        project="shop", module="cart.py", version=row["version"] or None, category=row["category"] or None
    )
    score = row["fis"] and FISResult(
        project="shop",
        module="cart.py",
        fis=float(row["fis"]),
        severity="low",
        probabilities=dict.fromkeys(LEVELS, 0.2),
        model_version="failure-impact/1",
        data_hash="d",
    )
    decision = decide(
        module,
        row["level"],
        coverage(row["coverage"]),
        score or None,
        policy=POLICY,
        policy_version="p",
        surcharge=Decimal(row["surcharge"] or 0),
    )
    assert decision.status == row["status"]
    assert decision.base_coverage == float(row["base"])
    assert decision.required_coverage == (float(row["required"]) if row["required"] else None)
    assert decision.coverage == (float(row["counted"]) if row["counted"] else None)
    assert [reason.code for reason in decision.reasons] == row["codes"].split()
    asked = {key: value for key, value in decision.unblock.items() if key != "review"}
    assert asked == unblock(row["unblock"])
    assert ("review" in decision.unblock) == (decision.required_coverage is None)
