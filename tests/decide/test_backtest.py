from decimal import Decimal

import pytest

from promotion_gate.decide import backtest
from promotion_gate.params import load
from promotion_gate.schema import SuiteCoverage

PARAMS = load()
WEIGHTS = PARAMS.impact.weights


def past(name: str, fis: float, level: int, covered: int | None) -> backtest.PastModule:
    lines = None if covered is None else {"aggregate": SuiteCoverage(lines_covered=covered, lines_total=100)}
    return backtest.PastModule("p", "1.0", name, fis, level, lines)


MODULES = [
    past("safe", 0.1, 0, 85),
    past("short", 0.1, 1, 70),
    past("risky", 0.3, 3, 86),  # asks for .88
    past("worse", 0.6, 0, 97),  # asks for .96
    past("blocked", 0.9, 4, 99),
    past("comfort", 0.1, 4, 95),
    past("unmeasured", 0.1, 4, None),
]


def outcomes() -> dict[str, backtest.Outcome]:
    made = backtest.decisions(MODULES, backtest.policies(PARAMS.policy, Decimal("0.90")))
    return {name: backtest.outcome(rows, WEIGHTS) for name, rows in made.groupby("policy")}


def test_each_policy_holds_what_its_rules_say() -> None:
    found = outcomes()
    weight = 0.25 + 0.75 + 1 + 1
    assert found["base"] == backtest.Outcome(6, 4, pytest.approx(0.25 / weight), pytest.approx(1 / 6), 0.0, 2, 2)
    assert found["fixed higher"].held_back == pytest.approx(1 / weight)
    assert found["fixed higher"].delayed == pytest.approx(3 / 6)
    assert found[backtest.RISK].held_back == pytest.approx(2 / weight)
    assert (found[backtest.RISK].delayed, found[backtest.RISK].blocked) == (pytest.approx(3 / 6), pytest.approx(1 / 6))
    assert found[backtest.RISK].false_comfort == 1


def test_modules_that_nobody_measured_are_left_out() -> None:
    made = backtest.decisions(MODULES, backtest.policies(PARAMS.policy, Decimal("0.90")))
    assert "unmeasured" not in set(made.module)
    assert backtest.decisions([MODULES[-1]], backtest.policies(PARAMS.policy, Decimal("0.90"))).empty


def test_at_equal_delay_what_has_nothing_to_cover_is_held_first() -> None:
    empty = {"aggregate": SuiteCoverage(lines_covered=0, lines_total=0)}
    modules = [*MODULES, backtest.PastModule("p", "1.0", "empty", 0.1, 0, empty)]
    made = backtest.decisions(modules, backtest.policies(PARAMS.policy, Decimal("0.90")))
    same = backtest.at_equal_delay(made[made.policy == backtest.RISK])
    assert "empty" in set(same[same.status != "Promote"].module)


def test_at_equal_delay_the_least_covered_are_held() -> None:
    made = backtest.decisions(MODULES, backtest.policies(PARAMS.policy, Decimal("0.90")))
    same = backtest.at_equal_delay(made[made.policy == backtest.RISK])
    assert set(same[same.status != "Promote"].module) == {"short", "safe", "risky"}
