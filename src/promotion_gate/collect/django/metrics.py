"""What one x.y.0 archive says of each of its modules: the rows of the table `modules`, but for age."""

import re
from collections import Counter
from collections.abc import Mapping

from promotion_gate.collect import churn, complexity, imports, python_syntax

COLUMNS = (
    "loc", "cyclomatic_complexity", "churn", "age_days", "max_complexity", "functions", "classes", "parameters",
    "max_parameters", "max_function_loc", "tokens", "max_nesting", "raises", "try_blocks", "comment_lines",
    "lines_added", "lines_deleted", "test_files", "documentation_pages",
)  # fmt: skip
DOTTED = re.compile(r"django(?:\.\w+)+")


def static(path: str, text: str) -> dict[str, int | None]:
    """Size, complexity and shape of one file; what its syntax tree would tell is None where it does not parse."""
    shape = python_syntax.measure(text) or dict.fromkeys(python_syntax.FIGURES)
    return {**complexity.measure(path, text), **shape}


def change(path: str, text: str, previous: Mapping[str, str]) -> dict[str, int]:
    """Lines added and deleted since the previous x.y.0; all lines of a new file are added."""
    added, deleted = churn.changed_lines(previous.get(path, ""), text)
    return {"churn": added + deleted, "lines_added": added, "lines_deleted": deleted}


def test_files(tests: Mapping[str, str], modules: Mapping[str, str]) -> Counter[str]:
    """For each module, the number of files of Django's tests that import it directly."""
    known = imports.modules_by_name(modules)
    return Counter(target for path, text in tests.items() for target in imports.imported_files(path, text, known))


def documentation_pages(pages: Mapping[str, str], modules: Mapping[str, str]) -> Counter[str]:
    """For each module, the number of documentation pages that name it or something in it by its dotted name."""
    known = imports.modules_by_name(modules)
    count: Counter[str] = Counter()
    for text in pages.values():
        count.update({module for name in set(DOTTED.findall(text)) if (module := _longest(name, known))})
    return count


def _longest(name: str, known: Mapping[str, str]) -> str | None:
    while name:
        if name in known:
            return known[name]
        name = name.rpartition(".")[0]
    return None


def measure(
    modules: Mapping[str, str], previous: Mapping[str, str], tests: Mapping[str, str], pages: Mapping[str, str]
) -> dict[str, dict[str, int | None]]:
    """Return {path: figures} of the modules that hold a line of code, all columns but age_days."""
    tested, documented = test_files(tests, modules), documentation_pages(pages, modules)
    rows = {}
    for path, text in modules.items():
        figures = static(path, text)
        if figures["loc"]:
            more = {"test_files": tested[path], "documentation_pages": documented[path]}
            rows[path] = {**figures, **change(path, text, previous), **more}
    return rows
