"""The back-test on a handful of modules that can be counted by hand."""

import pathlib
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from promotion_gate import params
from promotion_gate.decide import backtest, gates
from promotion_gate.schema import LEVELS

READ = params.load(pathlib.Path(__file__).resolve().parents[2] / "params.yaml")
SETTINGS = READ.backtest.model_copy(update={"bootstrap": 50, "averted": Decimal("0.3")})
WEIGHTS = READ.impact.weights

MODULES = pd.DataFrame(
    [
        ("safe", 0.1, 0, 50, 85),
        ("short", 0.1, 1, 20, 70),
        ("risky", 0.3, 3, 400, 86),  # asks for .88
        ("worse", 0.6, 0, 300, 97),  # asks for .96
        ("blocked", 0.9, 4, 900, 99),
        ("comfort", 0.1, 4, 10, 95),
        ("unmeasured", 0.1, 4, 30, np.nan),
    ],
    columns=["module", "fis", "level", "loc", "covered_aggregate"],
).assign(project="p", release="1.0", total_aggregate=lambda rows: rows.covered_aggregate.notna().map({True: 100.0}))


def report(past=MODULES, policy=READ.policy):
    return backtest.report(past, policy, WEIGHTS, SETTINGS)


def by_gate(found):
    return {row["gate"]: row for row in found["gates"]}


def test_each_gate_holds_what_its_rules_say():
    found, weight = by_gate(report()), 0.25 + 0.75 + 1 + 1
    expected = {
        # held back, delayed, critical escapes, lines asked
        "risk-driven": (2 / weight, 3 / 6, 1, 10 + 2),
        "base": (0.25 / weight, 1 / 6, 2, 10),
        "fixed higher": (1 / weight, 3 / 6, 2, 20 + 4 + 5),
        "static at equal delay": (1 / weight, 3 / 6, 2, (95 - 70) + (95 - 86) + (95 - 85)),
        "lines of code at equal delay": (1.75 / weight, 3 / 6, 1, None),
        "random at equal delay": (1 / 2, 3 / 6, 1, None),
        "FIS alone at equal delay": (1.75 / weight, 3 / 6, 1, None),
        "block nothing": (0, 0, 2, 0),
    }
    assert list(found) == list(expected)
    for name, (held_back, delayed, escapes, lines) in expected.items():
        row = found[name]
        assert row["held_back"][0] == pytest.approx(held_back), name
        assert row["delayed"][0] == pytest.approx(delayed), name
        assert (row["critical_escapes"], row["critical"], row["lines_asked"]) == (escapes, 2, lines), name
        assert row["averted"] == pytest.approx((0.3 * held_back, held_back)), name
        assert row["less"][0] == pytest.approx(2 / weight - held_back), name
    assert found["risk-driven"]["blocked"] == pytest.approx(1 / 6)
    assert found["risk-driven"]["lines_blocked"] == 1


def test_each_module_is_told_with_its_verdict_and_what_happened():
    found = gates.replayed(MODULES, READ.policy).set_index("module")
    assert found.status["risky"] == "Insufficient Coverage"
    assert found.additional_lines["risky"] == 2
    assert found.severity["comfort"] == "critical"
    assert found.status["comfort"] == "Promote"
    assert found.reasons["unmeasured"] == "no-coverage"


def test_the_summary_repeats_a_few_figures_for_metrics():
    found = report()
    assert list(found["summary"]) == [row["gate"] for row in found["gates"]]
    assert found["summary"]["risk-driven"]["held_back"] == found["gates"][0]["held_back"][0]


def test_modules_that_nobody_measured_are_counted_apart():
    found = report()
    assert found["unmeasured"] == 1
    assert by_gate(found)["base"]["modules"] == 6
    assert sum(row["modules"] for row in found["bands"]) == 7


def test_bands_say_what_happened_whatever_the_coverage():
    rows = {row["band"]: row for row in report()["bands"]}
    assert [rows[name]["modules"] for name in ("negligible", "moderate", "elevated", "blocked")] == [4, 1, 1, 1]
    assert rows["negligible"]["failed"] == 3
    assert rows["negligible"]["critical"] == 2
    assert rows["negligible"]["weight_share"] == pytest.approx(2.25 / 4)
    assert rows["moderate"]["mean_weight"] == pytest.approx(0.75)
    assert sum(row["weight_share"] for row in rows.values()) == pytest.approx(1)


def test_a_gate_at_its_own_verdicts_lies_on_its_curve():
    measured = MODULES[MODULES.module != "unmeasured"]
    found = gates.by_policy("ours", gates.decided(measured, READ.policy))
    assert ((found.key < 1) == (found.held == 1)).all()
    curve = backtest.curves(MODULES, READ.policy, WEIGHTS, SETTINGS)
    ours = curve[curve.gate == gates.RISK].set_index("delayed")
    assert ours.held_back[0.5] == pytest.approx(2 / 3)
    random = curve[curve.gate == gates.RANDOM]
    assert random.held_back.to_numpy() == pytest.approx(random.delayed.to_numpy())


def test_curves_stand_on_a_grid_from_nothing_to_all_with_their_interval():
    curve = backtest.curves(MODULES, READ.policy, WEIGHTS, SETTINGS)
    assert list(curve.columns) == ["gate", "delayed", "held_back", "low", "high"]
    assert list(curve.gate.unique()) == ["risk-driven", "base", "FIS alone", "lines of code", "random"]
    for _, rows in curve.groupby("gate"):
        assert rows.delayed.tolist() == [round(0.02 * step, 2) for step in range(51)]
        assert rows.held_back.tolist()[:: len(rows) - 1] == pytest.approx([0, 1])
        assert rows.held_back.is_monotonic_increasing
        assert (rows.low <= rows.high + 1e-9).all()


def test_releases_are_told_one_by_one_and_add_up():
    twice = pd.concat([MODULES, MODULES.assign(release="2.0", fis=0.1)])
    found = report(twice)
    ours = [row for row in found["releases"] if row["gate"] == "risk-driven"]
    assert [row["release"] for row in ours] == ["1.0", "2.0"]
    assert sum(row["failed"] for row in ours) == by_gate(found)["risk-driven"]["failed"]
    assert sum(row["lines_asked"] for row in ours) == by_gate(found)["risk-driven"]["lines_asked"]


def test_a_release_without_coverage_is_named_and_left_to_the_bands():
    bare = MODULES.assign(release="2.0", covered_aggregate=np.nan, total_aggregate=np.nan)
    found = report(pd.concat([MODULES, bare]))
    assert found["without_coverage"] == ["2.0"]
    assert found["unmeasured"] == 1
    assert {row["release"] for row in found["releases"]} == {"1.0"}


def test_without_any_coverage_the_block_is_compared_alone():
    found = report(MODULES.drop(columns=["covered_aggregate", "total_aggregate"]))
    assert [row["gate"] for row in found["gates"]] == [
        "blocked band alone",
        "lines of code at equal delay",
        "random at equal delay",
        "block nothing",
    ]
    ours = found["gates"][0]
    assert ours["held_back"][0] == pytest.approx(1 / 4)
    assert ours["delayed"][0] == ours["blocked"] == pytest.approx(1 / 7)
    assert ours["lines_asked"] is None
    assert [row["gate"] for row in found["curves"]] == ["FIS alone", "lines of code", "random"]


def test_without_lines_there_is_no_gate_by_lines():
    found = report(MODULES.assign(loc=0.0))
    assert not any("lines of code" in row["gate"] for row in found["gates"] + found["curves"])


def test_required_suites_count_in_a_back_test_too():
    strict = READ.policy.model_copy(update={"required_suites": {"production": ("unit",)}})
    assert by_gate(report(policy=strict))["risk-driven"]["delayed"][0] == 1


def test_what_is_measured_does_not_depend_on_the_order_of_the_rows():
    mixed = MODULES.sample(frac=1, random_state=3)
    ours, other = (by_gate(one)["risk-driven"] for one in (report(), report(mixed)))
    assert ours["held_back"][0] == pytest.approx(other["held_back"][0])
    assert ours["lines_asked"] == other["lines_asked"]


def test_no_failure_at_all_is_undefined_not_an_error():
    found = report(MODULES.assign(level=0))
    assert np.isnan(by_gate(found)["risk-driven"]["held_back"][0])
    assert by_gate(found)["risk-driven"]["delayed"][0] == pytest.approx(3 / 6)


def test_scores_come_from_probabilities_and_criticality():
    certain = pd.DataFrame([{f"p_{name}": float(name == "negligible") for name in LEVELS} | {"criticality": 1.0}])
    assert gates.scored(certain, READ.impact).fis.tolist() == [0.0]


def test_coverage_is_laid_beside_the_modules_by_suite():
    table = pd.DataFrame(
        [
            ("p", "1.0", "safe", "unit", 3, 4),
            ("p", "1.0", "safe", "unit@py311", 1, 4),
            ("p", "1.0", "gone", "unit", 1, 1),
        ],
        columns=["project", "release", "module", "suite", "lines_covered", "lines_total"],
    )
    found = gates.with_coverage(MODULES[["project", "release", "module"]], table)
    assert len(found) == len(MODULES)
    assert found.loc[0, ["covered_unit", "total_unit", "covered_unit@py311"]].tolist() == [3, 4, 1]
    assert gates.measured(found).sum() == 1
    assert gates.with_coverage(MODULES, table.head(0)) is MODULES
