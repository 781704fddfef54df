from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect import imports

PACKAGE = {
    "tea/__init__.py": "from .pot import Pot\nfrom tea import cup\n",
    "tea/pot.py": "import os\nimport tea.water.tap\n",
    "tea/cup.py": "def f():\n    from .water import tap, Glass\n",
    "tea/water/__init__.py": "from ..pot import Pot as P\nfrom ... import beyond\n",
    "tea/water/tap.py": "from . import missing\nfrom .. import *\nimport tea.water.tap\n",
    "tea/broken.py": "def (:",
}


def write(folder):
    for path, text in PACKAGE.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}


def test_edges(tmp_path):
    assert imports.edges(write(tmp_path)) == [
        ("tea/__init__.py", "tea/cup.py"),
        ("tea/__init__.py", "tea/pot.py"),
        ("tea/cup.py", "tea/water/__init__.py"),
        ("tea/cup.py", "tea/water/tap.py"),
        ("tea/pot.py", "tea/water/tap.py"),
        ("tea/water/__init__.py", "tea/pot.py"),
        ("tea/water/tap.py", "tea/__init__.py"),
        ("tea/water/tap.py", "tea/water/__init__.py"),
    ]


def test_a_submodule_goes_before_a_name_of_its_package():
    known = imports.modules_by_name(["a/__init__.py", "a/b.py"])
    assert imports.resolve("a", "b", known) == "a/b.py"
    assert imports.resolve("a", "c", known) == "a/__init__.py"
    assert imports.resolve("elsewhere", "b", known) is None


def test_top_level_file():
    assert imports.edges({"one.py": "import two", "two.py": "from . import x"}) == [("one.py", "two.py")]


names = st.sampled_from(["a", "b", "c"])


@given(st.dictionaries(names, st.lists(names)))
def test_edges_are_sorted_distinct_and_never_a_loop_to_itself(graph):
    files = {f"{name}.py": "".join(f"import {other}\n" for other in others) for name, others in graph.items()}
    edges = imports.edges(files)
    assert edges == sorted(set(edges))
    assert all(one != other and {one, other} <= files.keys() for one, other in edges)
