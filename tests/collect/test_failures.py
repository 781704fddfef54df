import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect.django import failures
from promotion_gate.collect.django.matching import Match
from promotion_gate.collect.django.notes import Item
from promotion_gate.collect.django.series import Change

DAY = failures.DAY
# 7.0.9 and 7.1.2 come out on one day, 7.0.8 long before, 7.1.1 shortly before
RELEASED = {
    "7.0.8": (100 * DAY, 90 * DAY),
    "7.0.9": (200 * DAY + 60, 100 * DAY),
    "7.1": (180 * DAY, None),
    "7.1.1": (190 * DAY, 180 * DAY),
    "7.1.2": (200 * DAY + 900, 190 * DAY),
    "7.1.3": (230 * DAY, 200 * DAY + 900),
}
LEAK = "CVE-2031-00001: Leak in ``Cup``"


def match(version, text, module="tea/cup.py", place=1, score=0.5, symbols=("Cup.handle",)):
    return Match(Change(version, module, symbols, ()), Item(version, place, text), score, 0.1)


def test_row():
    (row,) = failures.log(
        [match("7.1.3", "Fixed a crash (:ticket:`90001`)", place=2, symbols=tuple("abcdef"))], RELEASED
    )
    assert row == {
        "failure_id": "7.1.3#2:tea/cup.py",
        "project": "django",
        "module": "tea/cup.py",
        "severity": "medium",
        "occurred_at": "1970-08-04T00:07:30Z",
        "resolved_at": "1970-08-19T00:00:00Z",
        "occurred_after": "1970-07-20T00:15:00Z",
        "item": "7.1.3#2",
        "item_kind": "ticket",
        "fixed_in": "7.1.3",
        "also_fixed_in": "",
        "match_score": "0.500",
        "changed_symbols": "a b c d +2",
    }
    assert set(row) == set(failures.COLUMNS)


def test_one_defect_in_several_series_is_one_failure_of_a_module():
    found = [match("7.1.3", LEAK), match("7.0.9", LEAK), match("7.1.2", LEAK), match("7.1.2", LEAK, "tea/pot.py")]
    rows = failures.log(found, RELEASED)
    assert [(row["failure_id"], row["also_fixed_in"]) for row in rows] == [
        ("7.1.2#1:tea/cup.py", "7.0.9 7.1.3"),  # of the day, the series with the narrower interval
        ("7.1.2#1:tea/pot.py", ""),
    ]


def test_two_defects_of_a_module_are_two_failures():
    found = [match("7.1.2", LEAK), match("7.1.2", "Fixed a typo", place=2)]
    assert [row["severity"] for row in failures.log(found, RELEASED)] == ["high", "low"]


def test_failures_before_the_first_release_do_not_exist():
    with pytest.raises(ValueError, match=r"7\.1 is the first"):
        failures.interval("7.1", RELEASED)


times = st.floats(0, 4e9)


@given(times, times)
def test_the_middle_lies_in_the_interval(one, other):
    when = failures.Interval(min(one, other), max(one, other))
    assert when.after <= when.middle <= when.resolved


@given(st.permutations([match("7.1.3", LEAK), match("7.0.9", LEAK), match("7.1.2", LEAK), match("7.1.1", "Fixed it")]))
def test_order_of_matches_does_not_matter(found):
    ids = {row["failure_id"]: row["also_fixed_in"] for row in failures.log(found, RELEASED)}
    assert ids == {"7.1.2#1:tea/cup.py": "7.0.9 7.1.3", "7.1.1#1:tea/cup.py": ""}


def test_the_notes_that_rate_a_defect_rate_it_for_all():
    mixed, clear = 'one with severity "high" and one "low"', 'fixes one with severity "high"'
    found = [
        Match(Change(version, module, ("f",), ()), Item(version, 1, LEAK, introduction), 0.5, 0.1)
        for version, module, introduction in (("7.1.2", "tea/cup.py", mixed), ("7.0.9", "tea/pot.py", clear))
    ]
    assert [row["severity"] for row in failures.log(found, RELEASED)] == ["critical", "critical"]
