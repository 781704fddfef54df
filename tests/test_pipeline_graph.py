"""dvc.yaml is the architecture: what a stage depends on there is what its script really imports and reads.

A stage that leaves out a source file goes stale in silence; one that lists a file too many runs for nothing. All
imports count, those within functions too, but not those for type checkers alone. A failure prints the lines to put
right.
"""

import ast
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from promotion_gate.params import Params

ROOT = pathlib.Path(__file__).parents[1]
RAW = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["ingest"]["raw"]
STAGES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "dvc.yaml").read_text(encoding="utf-8").replace("${ingest.raw}", RAW)
)["stages"]
WITHOUT_STAGE = {"stage", "make_data"}
"""Modules of pipelines/ that are no stages: what all share, and the making of data/raw."""

EXECUTED = {"src/promotion_gate/registry/register.py": ["src/promotion_gate/registry/registered_model.py"]}
"""Files that a file runs without importing them: MLflow executes the registered model by its path."""

TEMPLATES = "src/promotion_gate/pages"

SECTIONS = {field.alias or name: name for name, field in Params.model_fields.items()}
"""Section of params.yaml -> attribute of `Params`."""


def source_of(dotted: str) -> str | None:
    """The file of one of our modules, relative to the root; None for packages, names in modules and vendors."""
    top, *rest = dotted.split(".")
    folder = {"promotion_gate": "src/promotion_gate", "pipelines": "pipelines"}.get(top)
    if folder is None or not rest:
        return None
    path = f"{folder}/{'/'.join(rest)}.py"
    return path if (ROOT / path).is_file() else None


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, without what stands under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from statements(child)


def imported(path: str) -> set[str]:
    """Our files that a file imports or executes itself; templates that it names or extends."""
    if path.endswith(".j2"):
        named = re.findall(r"""{%-? (?:extends|include|import|from) "([^"]+)""", (ROOT / path).read_text("utf-8"))
        return {f"{TEMPLATES}/{name}" for name in named}
    names: list[str] = []
    templates: set[str] = set()
    for node in statements(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and str(node.value).endswith(".html.j2"):
            templates.add(f"{TEMPLATES}/{node.value}")
    return {source for name in names if (source := source_of(name))} | templates | set(EXECUTED.get(path, []))


def closure(path: str) -> set[str]:
    """A file with all that it imports, directly or not."""
    found, waiting = {path}, [path]
    while waiting:
        for source in imported(waiting.pop()) - found:
            found.add(source)
            waiting.append(source)
    return found


def script(stage: str) -> str:
    return f"pipelines/{stage}.py"


def outs(stage: str) -> set[str]:
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in STAGES[stage].get(kind, [])]
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def options(stage: str, out: str) -> dict[str, Any]:
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in STAGES[stage].get(kind, [])]
    return next((entry[out] for entry in entries if isinstance(entry, dict) and out in entry), {})


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_source_that_it_imports(stage: str) -> None:
    assert STAGES[stage]["cmd"] == f"python -m pipelines.{stage}"
    declared = {dep for dep in STAGES[stage]["deps"] if dep.endswith((".py", ".j2"))}
    needed = closure(script(stage))
    wrong = [f"missing      - {path}" for path in sorted(needed - declared)]
    wrong += [f"superfluous  - {path}" for path in sorted(declared - needed)]
    assert not wrong, f"stages.{stage}.deps in dvc.yaml:\n" + "\n".join(wrong)


def sections_read(path: str) -> set[str]:
    """Sections of params.yaml that a file reads: attributes of what `params.load()` gave or of an argument `Params`."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {arg.arg for arg in ast.walk(tree) if isinstance(arg, ast.arg) and _is_params(arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node):
                if ast.unparse(value) == "params.load()":
                    names.add(ast.unparse(target))
    owners = names | {"params.load()"}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _owner(node) in owners}
    return {section for section, attribute in SECTIONS.items() if attribute in attributes}


def _is_params(arg: ast.arg) -> bool:
    return arg.annotation is not None and ast.unparse(arg.annotation) == "Params"


def _owner(node: ast.Attribute) -> str:
    return ast.unparse(node.value)


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Targets with their values; those of `a, b = f(), g()` one by one."""
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_parameters_that_it_reads(stage: str) -> None:
    needed = set().union(*(sections_read(path) for path in closure(script(stage)) if path.endswith(".py")))
    declared = {entry.split(".")[0] for entry in STAGES[stage].get("params", [])}
    assert declared == needed, f"stages.{stage}.params: missing {needed - declared}, superfluous {declared - needed}"


def test_every_script_is_a_stage() -> None:
    scripts = {path.stem for path in (ROOT / "pipelines").glob("*.py") if path.stem != "__init__"}
    assert scripts - WITHOUT_STAGE == set(STAGES)


def test_what_a_stage_reads_is_committed_or_written_by_another() -> None:
    written = {out for stage in STAGES for out in outs(stage)}
    for stage, described in STAGES.items():
        for dep in described["deps"]:
            made = any(dep == out or dep.startswith(f"{out}/") or out.startswith(f"{dep}/") for out in written)
            assert made or (ROOT / dep).exists(), f"stages.{stage}.deps: {dep} is neither there nor written by a stage"


def test_validation_gates_what_learns() -> None:
    assert "reports/validation.json" in STAGES["featurize"]["deps"]


def test_register_leaves_a_receipt_that_no_cache_restores() -> None:
    """An out from the run cache would say that a model is registered where none is (docs/decisions)."""
    assert outs("register") == {"models/registered.json"}
    assert options("register", "models/registered.json") == {"cache": False, "persist": True}


def test_packages_are_empty() -> None:
    """So that a stage imports no vendor that it does not use, and needs no package as a dependency."""
    for folder in ("src", "pipelines"):
        for path in (ROOT / folder).rglob("__init__.py"):
            assert not path.read_text(encoding="utf-8").strip(), f"{path} must stay empty"
