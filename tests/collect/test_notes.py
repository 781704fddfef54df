import textwrap

import pytest

from promotion_gate.collect.django.notes import Item, parse, severity

NOTE = textwrap.dedent("""
    ========================
    Kettle 7.1.2 release notes
    ========================

    *May 5, 2031*

    Kettle 7.1.2 fixes a security issue with severity "high" and several bugs in
    7.1.1.

    CVE-2031-00001: Steam escapes through ``Lid``
    =============================================

    Hot water could leave :class:`~kettle.Lid`.

    * even through the spout.

    More on that.

    Bugfixes
    ========

    * Fixed a crash of ``Kettle.boil()`` on an empty kettle
      (:ticket:`90001`).

    * Fixed a typo,

      with a second paragraph (#90002).

    A closing remark.
""")


def test_parse_finds_sections_of_vulnerabilities_and_entries_of_lists():
    items = parse("7.1.2", NOTE)
    assert [item.id for item in items] == ["7.1.2#1", "7.1.2#2", "7.1.2#3"]
    assert items[0].cves == ("CVE-2031-00001",)
    assert items[0].text.endswith("* even through the spout. More on that.")
    assert items[1].text == "Fixed a crash of ``Kettle.boil()`` on an empty kettle (:ticket:`90001`)."
    assert items[1].tickets == ("90001",)
    assert items[2].text == "Fixed a typo, with a second paragraph (#90002)."
    assert [item.kind for item in items] == ["cve", "ticket", "ticket"]
    assert [severity(item) for item in items] == ["critical", "medium", "low"]
    assert 'severity "high"' in items[0].introduction


def test_notes_without_items():
    assert parse("7.1.3", "Kettle 7.1.3\n============\n\nOnly prose.\n") == []
    assert parse("7.1.3", "") == []


HIGH = 'fixes an issue with severity "high"'
MIXED = 'fixes one issue with severity "high", and two with severity "low"'


@pytest.mark.parametrize(
    ("text", "introduction", "expected"),
    [
        ("CVE-2031-00001: leak", HIGH, "critical"),
        ("CVE-2031-00001: leak", 'fixes two with severity "moderate"', "high"),
        ("CVE-2031-00001: leak", MIXED, "high"),
        ("CVE-2031-00001: leak", "fixes an issue", "high"),
        ("CVE-2031-00001: leak", 'fixes one with severity "high", and two "low"', "high"),
        ("Fixed a regression, introduced when fixing :cve:`2031-00001`, of the spout", HIGH, "medium"),
        ('CVE-2031-00001: leak. This issue has severity "high"', MIXED, "critical"),
        ('CVE-2031-00001: leak. This issue has severity "low"', HIGH, "high"),
        ("Mended :cve:`2031-00001`, a leak", HIGH, "critical"),
        ("Mended :cve:`the leak <2031-00001>`", "", "high"),
        ("Fixed a data loss bug in ``save()``", HIGH, "high"),
        ("Fixed an index corruption", "", "high"),
        ("Fixed a regression that lost data on exit", "", "high"),
        ("Fixed a crash", "", "medium"),
        ("Fixed a regression where colours were off", "", "medium"),
        ("Fixed the colour of a button", HIGH, "low"),
    ],
)
def test_severity(text, introduction, expected):
    assert severity(Item("7.1.2", 1, text, introduction)) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CVE-2031-00001: leak", "A leak, :cve:`2031-00001`", True),
        ("Fixed a crash (:ticket:`90001`)", "Fixed it again (:ticket:`90001`)", True),
        ("Fixed a crash in Kettle 7.1", "Fixed a crash  in ``Kettle`` 7.0", True),
        ("Fixed a crash (:ticket:`90001`)", "Fixed a crash (:ticket:`90002`)", False),
        ("CVE-2031-00001: leak", "Fixed a crash introduced when fixing :cve:`2031-00001`", False),
    ],
)
def test_key_says_which_items_are_one_defect(one, other, same):
    assert (Item("7.1.2", 1, one).key == Item("7.0.9", 4, other).key) is same
