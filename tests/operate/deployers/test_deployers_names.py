"""Names as folder names: told apart, one folder each, and read back."""

import pathlib

from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.operate.deployers.names import module_folder, version_folder, version_of

PLACE = pathlib.Path("place")


@given(st.lists(st.text(st.characters(), min_size=1, max_size=200), min_size=2, max_size=2, unique=True))
def test_names_are_told_apart_and_stay_one_folder(names):
    one, other = map(module_folder, names)
    assert one != other
    assert PLACE / one != PLACE
    assert (PLACE / one).parent == PLACE
    assert len(one) <= 255
    assert one.isascii()
    assert one.isprintable()
    assert not one.startswith(".")


@given(st.text(st.characters(), min_size=1, max_size=15))
def test_a_version_is_read_back_from_its_folder(version):
    assert version_of(version_folder(version)) == version


def test_a_long_name_is_not_taken_for_its_short_form():
    long = "a" * 300
    assert module_folder(module_folder(long)) != module_folder(long)
