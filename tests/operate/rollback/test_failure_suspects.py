"""A failure and its suspects by example: what is said, and what the policy makes of it."""

import datetime as dt
import pathlib
import re
import textwrap
from decimal import Decimal

import pytest
import yaml
from pydantic import ValidationError

from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.rollback.attribution import RUNNING, Failure, Promotion, attribute
from promotion_gate.rules import Rollback

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
NEEDS = {("shop", "cart"): [("shop", "tax"), ("shop", "price")], ("shop", "price"): [("shop", "money")]}


def promotion(module, hours_ago, *, version="2.0", state="watching", fis=0.4, watch=24, number=""):
    at = NOON - dt.timedelta(hours=hours_ago)
    until = at + dt.timedelta(hours=watch)
    return Promotion(f"{module}{number}", ("shop", module), "production", version, at, until, state, fis)


def failure(module="cart", version=None):
    return Failure("f1", ("shop", module), version, NOON, "high")


def rules(suspects="likeliest", least="0.05", margin="0.1"):
    return Rollback(
        watch_hours=24, suspects=suspects, least_score=Decimal(least), margin=Decimal(margin), verify_seconds=60
    )


def names(suspects):
    return [suspect.promotion.module[1] for suspect in suspects]


def test_a_failure_of_a_named_version_is_settled():
    found = attribute(failure(version="2.0"), [promotion("cart", 20), promotion("tax", 0)], NEEDS, rules("ask"))
    assert (found.verdict, found.reason.code, names(found.chosen)) == ("roll-back", "version-named", ["cart"])
    assert names(found.suspects) == ["cart", "tax"]
    assert found.suspects[0].evidence[0].message == "the failure names the version 2.0"


def test_the_evidence_of_a_dependency_says_the_way_and_its_effect():
    [suspect] = attribute(failure(), [promotion("money", 6, fis=0.5)], NEEDS, rules()).suspects
    said = {reason.code: (reason.message, reason.effect) for reason in suspect.evidence}
    assert said == {
        "dependency": ("2 steps away: cart depends on price depends on money", 0.25),
        "recency": ("promoted 6.0 h before the failure", 0.5),
        "risk": ("2.0 was promoted with FIS 0.500", 0.75),
    }
    assert suspect.score == pytest.approx(0.9 * 0.25 * 0.5 * 0.75)


def test_dependents_are_not_suspected():
    assert attribute(failure("money"), [promotion("cart", 1)], NEEDS, rules()).verdict == "none"


@pytest.mark.parametrize(
    ("rule", "verdict", "code", "chosen"),
    [
        ("likeliest", "roll-back", "likeliest-suspect", ["cart"]),
        ("all", "roll-back", "all-suspects", ["cart", "tax"]),
        ("ask", "ask", "policy-asks", []),
    ],
)
def test_of_several_suspects_the_policy_says_what_to_do(rule, verdict, code, chosen):
    promoted = [promotion("tax", 1), promotion("cart", 1), promotion("money", 23)]
    found = attribute(failure(), promoted, NEEDS, rules(rule))
    assert names(found.suspects) == ["cart", "tax", "money"]
    assert (found.verdict, found.reason.code, names(found.chosen)) == (verdict, code, chosen)


def test_two_that_are_as_likely_are_for_a_person():
    found = attribute(failure(), [promotion("tax", 1), promotion("price", 1)], NEEDS, rules())
    assert (found.verdict, found.reason.code) == ("ask", "too-close")
    assert found.reason.message == "the likeliest leads by 0.000, the policy wants 0.1"


def test_a_single_suspect_is_rolled_back_unless_hardly_suspect():
    assert attribute(failure(), [promotion("tax", 1)], NEEDS, rules("ask")).reason.code == "single-suspect"
    found = attribute(failure(), [promotion("money", 23)], NEEDS, rules())
    assert (found.verdict, found.reason.code, names(found.suspects)) == ("ask", "score-low", ["money"])


def test_only_what_ran_is_suspected():
    later = promotion("cart", 1, version="3.0", number=3)
    found = attribute(failure(), [promotion("cart", 5), later], NEEDS, rules())
    assert [suspect.promotion for suspect in found.suspects] == [later]
    gone = promotion("cart", 1, state="rolled-back", number=3)
    assert attribute(failure(), [promotion("cart", 5), gone], NEEDS, rules()).suspects == ()
    assert attribute(failure(version="1.0"), [promotion("cart", 5)], NEEDS, rules()).suspects == ()
    assert attribute(failure(), [promotion("cart", -1)], NEEDS, rules()).suspects == ()


def test_the_end_of_the_window_belongs_to_it():
    assert attribute(failure(), [promotion("cart", 24)], NEEDS, rules()).suspects
    assert not attribute(failure(), [promotion("cart", 24.001)], NEEDS, rules()).suspects


def test_no_score_counts_as_the_highest():
    [unknown] = attribute(failure(), [promotion("cart", 1, fis=None)], NEEDS, rules()).suspects
    [worst] = attribute(failure(), [promotion("cart", 1, fis=1.0)], NEEDS, rules()).suspects
    assert unknown.score == worst.score
    assert unknown.evidence[-1].message == "2.0 has no score, which counts as 1"


def test_the_states_are_those_of_the_ledger():
    assert set(State) >= RUNNING


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"suspects": "none"}, "likeliest, all, ask are the rules, 'none' is none"),
        ({"watch_hours": 0}, "greater than 0"),
        ({"least_score": "0.5"}, "not text"),
        ({"nap": 1}, "Extra inputs"),
    ],
)
def test_a_wrong_rule_is_refused(wrong, said):
    settings = {"watch_hours": 24, "suspects": "ask", "least_score": 0.1, "margin": 0.1, "verify_seconds": 60}
    assert Rollback.model_validate(settings)
    with pytest.raises(ValidationError, match=said):
        Rollback.model_validate(settings | wrong)


def test_the_example_of_the_docs_is_a_section():
    page = (pathlib.Path(__file__).resolve().parents[3] / "docs/rollback.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^    rollback:\n(?:      .*\n)+", page, re.MULTILINE)
    assert Rollback.model_validate(yaml.safe_load(textwrap.dedent(example))["rollback"]).watch_hours == 24
