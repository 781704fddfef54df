import numpy as np

from promotion_gate.collect.django import evidence, matching
from promotion_gate.collect.django.notes import Item
from promotion_gate.collect.django.series import Change

STEAM = "Fixed a crash of ``Kettle.boil()`` with an empty reservoir (:ticket:`90001`)."
LEAK = "CVE-2031-00001: Leak in ``Cup.handle``. The glaze let a stranger drink."
LABEL = "Fixed the colour of the label on tins (:ticket:`90003`)."


def change(version, module, symbols, *lines):
    return Change(version, module, tuple(symbols), lines)


BOIL = ("Kettle.boil",), "-    if reservoir:", "+    if reservoir and not reservoir.empty:"
HANDLE = ("Cup.handle",), "-    return glaze", "+    return seal(glaze)"
SEAL = ("seal",), "+def seal(glaze):", "+    return glaze or None"


def matched(changes, items):
    return {(m.change.version, m.change.module): m for m in matching.match(changes, items)}


def test_changes_find_their_items():
    items = [("7.1.2", Item("7.1.2", place, text)) for place, text in enumerate((LABEL, STEAM, LEAK), 1)]
    changes = [
        change("7.1.2", "tea/kettle.py", *BOIL),
        change("7.1.2", "tea/cup.py", *HANDLE),
        change("7.1.2", "tea/pottery.py", *SEAL),
        change("7.1.2", "tea/calendar.py", ["week"], "-    return 7", "+    return 8"),
    ]
    found = matched(changes, items)
    assert found["7.1.2", "tea/kettle.py"].item.id == "7.1.2#2"
    assert found["7.1.2", "tea/cup.py"].item.id == "7.1.2#3"
    assert found["7.1.2", "tea/pottery.py"].item.id == "7.1.2#3"
    assert all(found["7.1.2", f"tea/{name}.py"].accepted for name in ("kettle", "cup", "pottery"))
    assert not found["7.1.2", "tea/calendar.py"].accepted


def test_a_release_without_items_gives_no_match():
    changes = [change("7.1.3", "tea/kettle.py", *BOIL)]
    assert matching.match(changes, [("7.1.2", Item("7.1.2", 1, STEAM))]) == []


def test_a_change_in_two_series_belongs_to_what_both_note():
    # 7.0.9 alone would not say which; 7.1.2 notes only one of the two
    misleading = "Fixed a crash of ``Cup.handle`` (:ticket:`90004`)."
    items = [
        ("7.0.9", Item("7.0.9", 1, misleading)),
        ("7.0.9", Item("7.0.9", 2, LEAK)),
        ("7.1.2", Item("7.1.2", 1, LEAK)),
    ]
    found = matched([change("7.0.9", "tea/cup.py", *HANDLE), change("7.1.2", "tea/cup.py", *HANDLE)], items)
    assert found["7.0.9", "tea/cup.py"].item.id == "7.0.9#2"
    assert found["7.0.9", "tea/cup.py"].score == found["7.1.2", "tea/cup.py"].score


def test_same_changes_need_alike_lines_and_different_releases():
    one = change("7.0.9", "tea/cup.py", *HANDLE)
    spaced = change("7.1.2", "tea/cup.py", ("Cup.handle",), "-  return glaze", "+  return seal(glaze)")
    other = change("7.2.1", "tea/cup.py", *SEAL)
    twin = change("7.0.9", "tea/cup.py", *HANDLE)
    assert matching.same_changes([one, spaced, other, twin]) == [[0, 1], [2], [3]]


def test_lending_never_lowers_a_score():
    scores = np.array([[0.5, 0.0], [0.0, 0.1]])
    lent = matching.lend(scores, np.array([[1.0, 0.5], [0.5, 1.0]]))
    np.testing.assert_allclose(lent, [[0.5, 0.015], [0.075, 0.1]])


def test_quoted_names():
    assert evidence.quoted("``A.b()``, :meth:`~tea.Kettle.boil` and :class:`it <tea.Cup>`") >= {
        "a.b",
        "tea.kettle.boil",
    }


def test_a_change_may_mend_two_defects_that_name_its_symbols():
    crash, leak = "Fixed a crash of ``Kettle.boil()``.", "Fixed a leak of ``Kettle.pour()``."
    both = change("7.1.2", "tea/kettle.py", ["Kettle.boil", "Kettle.pour"], "+    boil(water)", "+    pour(tea)")
    found = matching.match([both], [("7.1.2", Item("7.1.2", 1, crash)), ("7.1.2", Item("7.1.2", 2, leak))])
    assert [match.item.id for match in found if match.accepted] == ["7.1.2#1", "7.1.2#2"]
