import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect import churn, complexity, python_syntax
from promotion_gate.collect.django import layout, metrics

TEXT = '''# a comment
class Kettle:
    """Boils."""

    def boil(self, water, *, fast=False):
        try:
            if water and fast:
                for drop in water:
                    drop.heat()
        except Dry:
            raise
'''


def test_complexity_of_python_and_of_another_language():
    figures = complexity.measure("kettle.py", TEXT)
    assert figures.pop("tokens") > 30
    assert figures == {
        "loc": 8, "cyclomatic_complexity": 5, "max_complexity": 5, "functions": 1, "parameters": 3,
        "max_parameters": 3, "max_function_loc": 7,
    }  # fmt: skip
    java = "class A { int f(int x) { if (x > 0) { return 1; } return 0; } }"
    assert complexity.measure("A.java", java)["cyclomatic_complexity"] == 2


def test_shape():
    assert python_syntax.measure(TEXT) == {
        "classes": 1, "raises": 1, "try_blocks": 1, "max_nesting": 3, "comment_lines": 1,
    }  # fmt: skip
    assert python_syntax.measure("def (:") is None
    assert python_syntax.measure("if a: b\nelif c: d\nelif e:\n  for f in g: h\n")["max_nesting"] == 2


def test_files_without_code_are_no_rows():
    modules = {"django/a.py": TEXT, "django/__init__.py": "", "django/c.py": "# only words\n"}
    assert list(metrics.measure(modules, {}, {}, {})) == ["django/a.py"]
    assert set(metrics.measure(modules, {}, {}, {})["django/a.py"]) == set(metrics.COLUMNS) - {"age_days"}


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("django/db/models/query.py", True),
        ("django/conf/locale/de/formats.py", False),
        ("django/contrib/auth/migrations/0001_initial.py", False),
        ("django/db/migrations/executor.py", True),
        ("django/conf/app_template/models.py-tpl", False),
        ("tests/test_x.py", False),
    ],
)
def test_modules(path, module):
    assert layout.is_module(path) is module


lines = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8)


@given(lines, lines)
def test_churn_accounts_for_every_line(before, after):
    added, deleted = churn.changed_lines("\n".join(before), "\n".join(after))
    count = [len("\n".join(text).splitlines()) for text in (before, after)]
    assert count[1] - count[0] == added - deleted
    assert (added, deleted) == churn.changed_lines("\n".join(after), "\n".join(before))[::-1] or before != after
    assert len(churn.diff("\n".join(before), "\n".join(after))) == added + deleted
