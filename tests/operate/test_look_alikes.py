"""What a name reads as: letters of other scripts, forms of compatibility, a person's case and spaces."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.operate.look_alikes import _LOOKS, KnownNames, LookAlike, person, skeleton

NAMES = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=20)


@given(NAMES)
def test_what_a_skeleton_reads_as_is_itself(name):
    assert skeleton(skeleton(name)) == skeleton(name)
    assert person(person(name)) == person(name)


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32)))
def test_ascii_reads_as_itself(name):
    assert skeleton(name) == name


def test_the_table_holds_letters_of_their_own_that_nfkc_leaves_alone():
    others = [other for each in _LOOKS.values() for other in each]
    assert len(others) == len(set(others))
    assert all(unicodedata.normalize("NFKC", other) == other for other in others)
    assert all(latin.isascii() for latin in _LOOKS)


@pytest.mark.parametrize("name", ["Ann", " ann", "ann ", "ANN", "\u0430nn", "\uff41nn", "\u0391NN"])
def test_a_person_is_known_by_how_the_name_reads(name):
    assert person(name) == person("ann")


@pytest.mark.parametrize("name", ["anna", "an n", "\u00e4nn", "hann", "\u0442\u0430\u043d\u044f"])
def test_another_person_reads_otherwise(name):
    assert person(name) != person("ann")


def test_only_what_is_not_known_and_reads_as_known_is_refused():
    known = KnownNames([("shop", "a.py"), ("sh\u043ep", "a.py"), ("shop", "\u0430\u0441.py"), ("bank", "b.py")])
    for project, module in (
        ("shop", "a.py"),
        ("sh\u043ep", "a.py"),
        ("shop", "b.py"),
        ("new", "a.py"),
        ("sh\u043ep", "x"),
    ):
        known.check(project, module)
    with pytest.raises(LookAlike, match=r"module '\u0430.py' is not known and reads as 'a.py': they differ in U\+0430"):
        known.check("shop", "\u0430.py")
    with pytest.raises(LookAlike, match=r"reads as '\u0430\u0441.py'"):
        known.check("shop", "ac.py")
    with pytest.raises(LookAlike, match="project"):
        known.check("b\u0430nk", "c.py")
