"""Two policies on the same modules: who changes, in which order, and what is told without coverage."""

import pathlib
from decimal import Decimal

import pandas as pd

from promotion_gate import params
from promotion_gate.commands.policy_table import changes_as_text
from promotion_gate.decide.policy_diff import changes
from promotion_gate.rules import Band, RulesFile

READ = params.load(pathlib.Path(__file__).parents[2] / "params.yaml")
RULES = RulesFile(impact=READ.impact, policy=READ.policy)
MODULES = pd.DataFrame(
    [
        ("quiet.py", 0.99, 0.01, 0.0, 0.0, 0.0, 90),
        ("loud.py", 0.8, 0.05, 0.05, 0.05, 0.05, 97),
        ("worse.py", 0.5, 0.1, 0.1, 0.1, 0.2, 97),
        ("bare.py", 0.8, 0.05, 0.05, 0.05, 0.05, 10),
    ],
    columns=["module", "p_negligible", "p_low", "p_medium", "p_high", "p_critical", "covered_aggregate"],
).assign(project="shop", release="1", criticality=0.0, total_aggregate=100.0)


def with_bands(*starts):
    names = ("a", "b", "c", "d")
    factors = (Decimal(1), Decimal("1.1"), Decimal("1.2"), None)
    bands = [
        Band.model_validate({"name": name, "from": start, "multiplier": factor})
        for name, start, factor in zip(names, (0, *starts), factors, strict=True)
    ]
    return RULES.model_copy(update={"policy": READ.policy.model_copy(update={"bands": tuple(bands)})})


def test_the_same_policy_changes_nothing():
    assert changes(MODULES, RULES, RULES, "production").empty


def test_what_is_let_through_comes_first_and_what_is_held_last():
    before, after = with_bands(0.2, 0.5, 0.9), with_bands(0.01, 0.3, 0.6)
    tighter = changes(MODULES, before, after, "production")
    assert dict(zip(tighter.module, tighter.status_after, strict=True)) == {
        "loud.py": "Promotion Blocked - Manual Review Required",
        "bare.py": "Promotion Blocked - Manual Review Required",
    }
    looser = changes(MODULES, after, before, "production")
    assert list(looser.module) == ["loud.py", "bare.py"]
    assert list(looser.status_after) == ["Promote", "Insufficient Coverage"]
    text = list(changes_as_text(looser, measured=True))
    assert text[-1] == (
        "bare.py: Promotion Blocked - Manual Review Required -> Insufficient Coverage; "
        f"FIS {looser.fis_before[1]:.3f} -> {looser.fis_after[1]:.3f}; required review -> 0.96, has 0.1"
    )


def test_without_coverage_another_band_is_a_change_and_a_status_is_none():
    bare = MODULES.drop(columns=["covered_aggregate", "total_aggregate"])
    found = changes(bare, with_bands(0.2, 0.5, 0.9), with_bands(0.01, 0.5, 0.9), "production")
    assert list(found.module) == ["quiet.py"]
    text = list(changes_as_text(found, measured=False))
    assert "the tables hold no coverage" in text[0]
    assert text[1] == "      1  a -> b"
    assert text[2].endswith("required 0.8 -> 0.88")
