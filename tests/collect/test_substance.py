import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect.substance import changed_symbols, fingerprint

BEFORE = textwrap.dedent('''
    """What it is."""
    import os
    from a import b, c

    VERSION = (1, 0, 0)
    __all__ = ["Ledger"]
    _cache = None

    class Ledger(Base):
        """Holds entries."""
        limit = 3

        def total(self, entries):
            """Sum them."""
            global _cache
            import math
            if entries > 0:
                return math.fsum(entries)
            return "none"
''')


def edited(*pairs):
    text = BEFORE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Sum them."""', '"""Add them up."""'),
        ('    """Holds entries."""\n', ""),
        ('"""What it is."""', "# a comment"),
        ("limit = 3", "limit = 3  # enough for all"),
        ("import os\nfrom a import b, c", "from a import c, b\nimport os"),
        ("from a import b, c", "from a import b\nfrom a import c"),
        ("from a import b, c", "from a import b, c, d"),
        ("        global _cache\n", ""),
        ("        import math\n", ""),
        ("(1, 0, 0)", "(1, 0, 1)"),
        ('["Ledger"]', '["Ledger", "Base"]'),
        ('"none"', "'none'"),
        ('"none"', "u'none'"),
        ("if entries > 0:", "if (\n            entries > 0\n        ):"),
    ],
)
def test_form_is_no_change(old, new):
    assert changed_symbols(BEFORE, edited((old, new))) == []


@pytest.mark.parametrize(
    ("old", "new", "symbols"),
    [
        ("entries > 0", "entries >= 0", ["Ledger.total"]),
        ("limit = 3", "limit = 4", ["Ledger.<module>"]),
        ("_cache = None", "_cache = {}", ["<module>"]),
        ("Ledger(Base)", "Ledger(Base, Mixin)", ["Ledger"]),
        ("def total(", "def sum(", ["Ledger.sum", "Ledger.total"]),
    ],
)
def test_code_is_a_change_with_a_place(old, new, symbols):
    assert changed_symbols(BEFORE, edited((old, new))) == symbols


def test_imports_are_named_only_through_the_code_they_serve():
    after = edited(("import os", "import sys"), ("entries > 0", "entries > 1"))
    assert changed_symbols(BEFORE, after) == ["Ledger.total"]


def test_a_function_of_nothing_but_imports_stays_valid():
    assert changed_symbols("def f():\n    import a\n", "def f():\n    pass\n") == []
    guarded = "def f():\n    if {}:\n        import a\n"
    assert changed_symbols(guarded.format("x"), guarded.format("y")) == ["f"]


def test_text_that_does_not_parse_is_compared_as_it_is():
    assert fingerprint("def f(:") is None
    assert changed_symbols("def f(:", "def f(:") == []
    assert changed_symbols("def f(:", "def f():\n  pass") == ["<module>"]


def test_property_setters_of_one_name_are_told_apart():
    text = "class A:\n  def x(self):\n    return 1\n  def x(self, v):\n    self.v = {}\n"
    assert changed_symbols(text.format("v"), text.format("v + 1")) == ["A.x"]


@given(st.text(alphabet="ab #\"'\\é"))
def test_comments_never_change_a_fingerprint(comment):
    assert fingerprint(f"# {comment}\nx = 1\n") == fingerprint("x = 1\n")
