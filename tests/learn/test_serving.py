"""The model behind the service, on a bundle of tiny data: what it refuses, ignores and computes."""

import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion_gate.cli import main
from promotion_gate.decide.policy import BLOCKED
from promotion_gate.errors import InputError
from promotion_gate.learn import model, serving
from promotion_gate.learn.dataset import training_set
from promotion_gate.learn.features import featurize_all
from promotion_gate.learn.raw_types import NOT_NEGATIVE
from promotion_gate.learn.scoring import score_release
from promotion_gate.learn.serving import Scorer
from promotion_gate.learn.tables import Tables
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import CONTRACTS, FISResult, ModuleData
from tests.cli_bundle import READ, write_bundle
from tests.factories import tiny_tables

TABLES = Tables(**tiny_tables(releases=3))
LAST = TABLES.timeline()[-1]
WHEN = TABLES.end_of_log()
KNOWN = str(TABLES.modules_of(LAST).module.iloc[7])


@pytest.fixture(scope="module")
def fitted() -> model.FailureModel:
    features = featurize_all(TABLES, READ.featurize)
    data = training_set(TABLES, features, LAST.released_at, pd.Timedelta(days=235), 8)
    assert data is not None
    return model.fit(data, "tiny", READ, READ.train.model)


@pytest.fixture(scope="module")
def entries(fitted: model.FailureModel) -> dict[str, dict[str, Any]]:
    return {entry["module"]: entry for entry in score_release(fitted, TABLES.as_of(WHEN), LAST, WHEN)}


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, fitted: model.FailureModel, entries: dict[str, dict[str, Any]]
) -> pathlib.Path:
    """A bundle with its model and tables."""
    folder = write_bundle(tmp_path_factory.mktemp("bundle"), [*entries.values()])
    fitted.save(folder / "model")
    (folder / "tables").mkdir(exist_ok=True)
    for name in CONTRACTS:
        getattr(TABLES, name).to_parquet(folder / "tables" / f"{name}.parquet")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for path in (*folder.glob("model/*"), *folder.glob("tables/*")):
        manifest["files"][path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def scorer(folder: pathlib.Path) -> Scorer:
    return Scorer(folder)


Decide = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def decide(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Decide:
    monkeypatch.chdir(tmp_path)

    def run(*modules: dict[str, Any]) -> tuple[int, list[dict[str, Any]], str]:
        stream = "".join(json.dumps({"module": module, "coverage": 1}) + "\n" for module in modules)
        shown = CliRunner().invoke(main, ["decide", "--models", str(folder), "--requests", "-"], input=stream)
        assert shown.exception is None or isinstance(shown.exception, SystemExit)
        return shown.exit_code, [json.loads(line) for line in shown.stdout.splitlines()], shown.stderr

    return run


def of_tiny(module: str = "new.py", project: str = "tiny", **more: Any) -> ModuleData:
    return ModuleData(project=project, module=module, **more)


def codes(reasons: list[dict[str, Any]]) -> list[str]:
    return [reason["code"] for reason in reasons]


def test_without_changes_a_known_module_scores_as_the_pipeline_says(
    scorer: Scorer, entries: dict[str, dict[str, Any]]
) -> None:
    drawn = TABLES.dependencies
    own = drawn[(drawn.release == LAST.release) & (drawn.module == KNOWN)].depends_on
    assert scorer.score(of_tiny(KNOWN, metrics={})) == entries[KNOWN]
    assert scorer.score(of_tiny(KNOWN, dependencies=tuple(own))) == entries[KNOWN]


def test_pipeline_service_and_command_tell_the_same_parts_of_the_score(
    folder: pathlib.Path, entries: dict[str, dict[str, Any]]
) -> None:
    calculator = Gate(models=folder).calculator
    drawn = TABLES.dependencies
    for name, entry in entries.items():
        stored = calculator.score(of_tiny(name))
        assert stored.explanation is not None
        assert sum(stored.explanation.fis.values()) == pytest.approx(stored.fis, abs=1e-6)
        value = stored.explanation.expected_severity["value"]
        parts = [part for key, part in stored.explanation.expected_severity.items() if key != "value"]
        assert sum(parts) == pytest.approx(value, abs=1e-6)
        assert [other.code for other in stored.counterfactuals] == [o["code"] for o in entry["counterfactuals"]]
    own = drawn[(drawn.release == LAST.release) & (drawn.module == KNOWN)].depends_on
    row = TABLES.modules_of(LAST).set_index("module").loc[KNOWN]
    figures = {name: float(row[name]) for name in ("loc", "cyclomatic_complexity", "churn")}
    stored = calculator.score(of_tiny(KNOWN))
    assert calculator.score(of_tiny(KNOWN, dependencies=tuple(own))) == stored
    assert calculator.score(of_tiny(KNOWN, metrics=figures)) == stored
    shown = CliRunner().invoke(main, ["score", "--models", str(folder), "--module", KNOWN, "--json"])
    assert FISResult.model_validate_json(shown.stdout) == stored


FIGURES = st.dictionaries(
    st.sampled_from(["loc", "cyclomatic_complexity", "churn"]),
    st.one_of(st.integers(0, 60).map(float), st.floats(0, 1e6, allow_nan=False)),
    min_size=1,
)


@given(st.lists(st.tuples(st.integers(0, len(TABLES.modules_of(LAST)) - 1), FIGURES), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_modules_with_metrics_score_as_if_the_release_had_them_each_alone(scorer: Scorer, asked: Any) -> None:
    names = TABLES.modules_of(LAST).module
    modules = [ModuleData(project="tiny", module=str(names[row]), metrics=metrics) for row, metrics in asked]
    expected = []
    for module in modules:
        tables = serving.with_module(TABLES.as_of(WHEN), LAST, module)
        expected += score_release(scorer._model, tables, LAST, WHEN, only=module.module)
    assert scorer.scores(modules) == expected


def test_of_many_modules_each_has_its_own_answer_or_error(scorer: Scorer, entries: dict[str, dict[str, Any]]) -> None:
    good, none, bad = of_tiny(KNOWN), of_tiny("nobody.py"), of_tiny(KNOWN, metrics={"loc": -1})
    new = of_tiny("new.py", metrics={"loc": 5})
    found = scorer.scores([bad, good, none, new])
    assert [isinstance(one, InputError) for one in found] == [True, False, True, False]
    assert found[1] == entries[KNOWN]
    assert found[3] == scorer.score(new)


def test_dependencies_alone_change_the_score(scorer: Scorer, entries: dict[str, dict[str, Any]]) -> None:
    every = tuple(TABLES.modules_of(LAST).module)
    assert scorer.score(of_tiny(KNOWN, dependencies=every))["probabilities"] != entries[KNOWN]["probabilities"]
    assert scorer.score(of_tiny(KNOWN, dependencies=()))["module"] == KNOWN


@pytest.mark.parametrize(
    "name",
    ["release", "project", "module", "fan_in", "criticality", "loc_growth", "failures", "threshold", "requests", "a[b"],
)
def test_only_metrics_of_the_data_set_are_taken(scorer: Scorer, name: str) -> None:
    plain = scorer.score(of_tiny(metrics={"loc": 50}))
    entry = scorer.score(of_tiny(metrics={"loc": 50, name: -1e308}))
    assert entry["probabilities"] == plain["probabilities"]
    assert entry["reasons"] == [
        *plain["reasons"],
        {
            "code": "metrics-ignored",
            "message": f"the data set knows no metric {name}; it has churn, cyclomatic_complexity, loc",
        },
    ]


def test_of_many_ignored_metrics_some_are_named(scorer: Scorer) -> None:
    [reason] = scorer.ignored([*(f"m{number:02}" for number in range(12)), "loc"])
    assert "no metric m00, m01, m02, m03, m04, m05, m06, m07, m08, m09 and 2 more; it" in reason["message"]


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_what_cannot_be_negative_is_refused(scorer: Scorer, name: str) -> None:
    with pytest.raises(InputError, match=rf"^module\.metrics\.{name}: a number of 0 or more is expected, not -1$"):
        scorer.score(of_tiny(metrics={"loc": 1, name: -1}))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (of_tiny(project="other", metrics={"loc": 1}), "no project other, only tiny"),
        (of_tiny(KNOWN, project="other", metrics={"loc": 1}), "no project other, only tiny"),
        (of_tiny(metrics={}), "not known to the data set and has no metric"),
        (of_tiny(dependencies=(KNOWN,)), "not known to the data set and has no metric"),
        (of_tiny(metrics={"odd": 1, "criticality": 0}), "not known to the data set and has no metric"),
    ],
)
def test_nothing_to_score_with_is_refused(scorer: Scorer, module: ModuleData, line: str) -> None:
    with pytest.raises(InputError, match=line):
        scorer.score(module)


@pytest.mark.parametrize(
    ("module", "ignored"),
    [
        ({"project": "tiny", "module": "new.py", "metrics": {}}, False),
        ({"project": "tiny", "module": "new.py", "metrics": {"odd": 1, "fan_in": 2}}, True),
        ({"project": "tiny", "module": "new.py", "dependencies": [KNOWN]}, False),
        ({"project": "other", "module": KNOWN, "metrics": {"loc": 1}}, False),
        ({"project": "other", "module": KNOWN}, False),
    ],
)
def test_no_data_is_never_a_pass(decide: Decide, module: dict[str, Any], ignored: bool) -> None:
    code, [decision], error = decide(module)
    assert (code, decision["status"], decision["fis"], error) == (20, BLOCKED, None, "")
    assert codes(decision["reasons"])[0] == "unknown-module"
    assert ("metrics-ignored" in codes(decision["reasons"])) == ignored


def test_one_bad_line_is_its_own_error_and_the_model_is_loaded_once(
    decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    class Counted(Scorer):
        def __init__(self, folder: pathlib.Path) -> None:
            loaded.append(folder)
            super().__init__(folder)

    monkeypatch.setattr(serving, "Scorer", Counted)
    bad = {"project": "tiny", "module": "new.py", "metrics": {"loc": -5}}
    odd = {"project": "tiny", "module": "new.py", "metrics": {"loc": 5, "release": 1, "criticality": 0}}
    linked = {"project": "tiny", "module": KNOWN, "dependencies": []}
    code, lines, error = decide(bad, odd, linked)
    assert (code, error) == (2, "stdin:1: module.metrics.loc: a number of 0 or more is expected, not -5\n")
    assert lines[0]["line"] == 1
    assert [line["module"] for line in lines[1:]] == ["new.py", KNOWN]
    assert "metrics-ignored" in codes(lines[1]["reasons"])
    assert len(loaded) == 1
