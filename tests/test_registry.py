"""The registry on a real MLflow store in a temporary folder, with a small but real model."""

import ast
import importlib.metadata
import json
import pathlib
import shutil
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from test_pipeline_graph import ROOT, closure

from promotion_gate import bundle, params
from promotion_gate.contest import compare
from promotion_gate.errors import ModelError
from promotion_gate.learn.dataset import Dataset
from promotion_gate.learn.model import FailureModel, fit
from promotion_gate.registry import REQUIREMENTS, connected, project_root, register, resolve_champion, store_at
from promotion_gate.schema import CONTRACTS, LEVELS

FEATURES = ["loc", "churn", "fan_in", "criticality"]
RELEASES = ["1.0", "1.1", "1.2"]
NAME = "failure-impact"
PARAMS = params.load(ROOT / "params.yaml").model_copy(
    update={"evaluate": params.Evaluate(test_releases=3, bootstrap=40)}
)


def made_up(modules: int = 80) -> Dataset:
    """Releases whose failures grow with the first feature."""
    rng = np.random.default_rng(7)
    n = modules * len(RELEASES)
    X = pd.DataFrame(rng.uniform(-0.5, 0.5, (n, len(FEATURES))), columns=FEATURES)
    X["criticality"] += 0.5
    level = np.clip(np.floor(4 * X["loc"].to_numpy() + rng.normal(0, 1, n)), 0, 4).astype(np.int64)
    keys = pd.DataFrame(
        {
            "project": "p",
            "release": np.repeat(RELEASES, modules),
            "module": [f"m{i}" for i in range(modules)] * len(RELEASES),
        }
    )
    return Dataset(keys, X, level, np.repeat([900.0, 600.0, 300.0], modules), {})


def predictions(data: Dataset, probabilities: np.ndarray) -> pd.DataFrame:
    columns = [f"p_{level}" for level in LEVELS]
    return data.keys.assign(entrant="ours", level=data.level).join(pd.DataFrame(probabilities, columns=columns))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A workspace as the stages leave it, and a store with its tables made (which takes seconds)."""
    folder = tmp_path_factory.mktemp("template")
    data = made_up()
    model = fit(data, "p", PARAMS, PARAMS.train.model)
    model.save(folder / "models/model")
    for name in ("data/interim", "data/processed", "reports/plots"):
        (folder / name).mkdir(parents=True)
    for name, contract in CONTRACTS.items():
        pd.DataFrame({column: ["x"] for column in contract.columns}).to_parquet(folder / f"data/interim/{name}.parquet")
    data.keys.join(data.X).to_parquet(folder / "data/processed/features.parquet")
    predictions(data, model.predict(data.X)).to_parquet(folder / "data/processed/predictions.parquet")
    (folder / "data/interim/ingest.json").write_text('{"data_hash": "d" }')
    (folder / "models/scores.json").write_text('{"modules": []}')
    metrics = {
        "mean": {"ours": {"auc": 0.9}, "loc": {"auc": 0.8}},
        "ours_less_baseline": {"mean": {"loc": {"auc": [0.1, 0.05, 0.15]}}},
    }
    (folder / "reports/metrics.json").write_text(json.dumps(metrics))
    (folder / "reports/plots/calibration.csv").write_text("forecast,observed\n.1,.1\n")
    shutil.copy(ROOT / "params.yaml", folder)
    with connected(store_at(folder, {})) as client:
        assert list(client.search_registered_models()) == []
    return folder


@pytest.fixture
def workspace(template: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(template, tmp_path / "a b")


def aliases(workspace: pathlib.Path) -> dict[str, str]:
    with connected(store_at(workspace, {})) as client:
        return {alias: str(version) for alias, version in client.get_registered_model(NAME).aliases.items()}


def spoil(workspace: pathlib.Path) -> None:
    """Make the predictions worse: the best module of each release gets the worst one's."""
    path = workspace / "data/processed/predictions.parquet"
    table = pd.read_parquet(path)
    columns = [f"p_{level}" for level in LEVELS]
    table[columns] = table[columns].to_numpy()[::-1]
    table.to_parquet(path)


def test_the_first_version_is_champion_and_a_worse_one_is_only_challenger(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    first = register(workspace, PARAMS, store)
    assert first.version == f"{NAME}/1"
    assert first.is_champion
    assert aliases(workspace) == {"challenger": "1", "champion": "1"}

    spoil(workspace)
    worse = register(workspace, PARAMS, store)
    assert not worse.is_champion
    assert worse.verdict.startswith(f"worse than {NAME}/1 on 3 test releases")
    assert aliases(workspace) == {"challenger": "2", "champion": "1"}

    better = register(shutil.copytree(workspace, workspace.with_name("other"), dirs_exist_ok=True), PARAMS, store)
    assert better.version == f"{NAME}/3"
    with connected(store) as client:
        version = client.get_model_version_by_alias(NAME, "challenger")
        run = client.get_run(worse.run_id)
    assert version.tags["policy_version"] == run.data.tags["policy_version"]
    assert version.tags["data_hash"] == "d"
    assert "| loc | +0.1000 [+0.0500, +0.1500] |" in version.description
    assert run.data.metrics["mean.ours.auc"] == 0.9
    assert run.info.status == "FINISHED"
    assert run.data.metrics["contest.average_precision.high"] < 0
    assert run.data.params["labels.horizon_days"] == "235"


def test_a_champion_that_cannot_be_served_any_more_gives_way_even_to_a_worse_version(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    register(workspace, PARAMS, store)
    with connected(store) as client:
        client.set_model_version_tag(NAME, "1", "bundle_format", "1")
    spoil(workspace)
    second = register(workspace, PARAMS, store)
    assert second.is_champion
    assert second.verdict.endswith(f"; but this version of the program cannot serve {NAME}/1, hence champion")


def test_an_equal_version_becomes_champion_and_the_bundle_follows(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    register(workspace, PARAMS, store)
    folder = resolve_champion(workspace / "models", NAME, store)
    assert bundle.verify(folder).model_version == f"{NAME}/1"
    marked = folder / "kept"
    marked.touch()
    assert resolve_champion(workspace / "models", NAME, store) == folder
    assert marked.exists(), "a bundle that is the champion's is used again"

    second = register(workspace, PARAMS, store)
    assert second.is_champion
    assert "no worse" in second.verdict
    manifest = bundle.verify(resolve_champion(workspace / "models", NAME, store))
    assert (manifest.model_version, manifest.run_id) == (f"{NAME}/2", second.run_id)
    assert manifest.policy["bands"][3]["from"] == 0.8
    assert not marked.exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["champion", "model", "scores.json"]

    (folder / "model/booster.ubj").write_bytes(b"spoilt")
    with pytest.raises(ModelError, match="hash differs"):
        bundle.verify(folder)
    bundle.verify(resolve_champion(workspace / "models", NAME, store))

    for kept in (workspace / "mlartifacts").rglob("booster.ubj"):
        kept.write_bytes(b"spoilt in the store")
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="hash differs"):
        resolve_champion(workspace / "models", NAME, store)
    assert not folder.exists()


@pytest.mark.parametrize("trial", ["experiment", "policy"])
def test_an_experiment_and_a_new_policy_wait_for_a_person(
    workspace: pathlib.Path, trial: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, params = store_at(workspace, {}), PARAMS
    register(workspace, params, store)
    if trial == "experiment":
        monkeypatch.setenv("DVC_EXP_NAME", "tried")
    else:
        eased = {**params.policy.base, "production": Decimal("0.1")}
        params = params.model_copy(update={"policy": params.policy.model_copy(update={"base": eased})})
    second = register(workspace, params, store)
    assert not second.is_champion
    assert "make champion" in second.verdict
    assert aliases(workspace) == {"champion": "1", "challenger": "2"}


def test_the_registered_model_answers_in_another_folder_without_the_package(
    workspace: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    store = store_at(workspace, {})
    register(workspace, PARAMS, store)
    data = made_up()
    data.X.to_csv(tmp_path / "rows.csv", index=False)
    shutil.rmtree(workspace / "models")
    # Hides the installed package, as on a machine that has only the pip requirements.
    program = f"""
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path[:] = [path for path in sys.path if not path.endswith(("/src", "/main"))]
import mlflow, pandas as pd
mlflow.set_tracking_uri({store.uri!r})
model = mlflow.pyfunc.load_model("models:/{NAME}@champion")
import promotion_gate
assert "/code/promotion_gate" in promotion_gate.__file__, promotion_gate.__file__
model.predict(pd.read_csv("rows.csv")).to_json("answer.json")
try:
    model.predict(pd.read_csv("rows.csv").drop(columns="loc"))
except mlflow.MlflowException:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "refused", done.stderr[-2000:]
    answer = pd.read_json(tmp_path / "answer.json")
    expected = fit(data, "p", PARAMS, PARAMS.train.model).predict(data.X)
    np.testing.assert_allclose(answer[[f"p_{level}" for level in LEVELS]].to_numpy(), expected, atol=1e-6)
    assert answer.fis.between(0, 1).all()
    assert set(answer.severity) <= set(LEVELS)


def test_without_a_common_test_release_the_champion_stays() -> None:
    data = made_up(20)
    mine = predictions(data, np.full((60, 5), 0.2))
    contest = compare(mine, mine.assign(release="0.9"), resamples=10, seed=1)
    assert not contest.no_worse
    assert contest.sentence("failure-impact/1").startswith("not comparable with failure-impact/1: no test release")


def test_what_is_missing_is_named(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    with pytest.raises(ModelError, match="no champion of failure-impact"):
        resolve_champion(workspace / "models", NAME, store)
    (workspace / "models/scores.json").unlink()
    with pytest.raises(ModelError, match=r"scores\.json: no such file; run `dvc repro`"):
        register(workspace, PARAMS, store)
    with pytest.raises(ModelError, match=r"manifest\.json: no such file"):
        bundle.read_manifest(workspace)


def test_the_store_is_the_projects_own_unless_the_environment_says_otherwise(tmp_path: pathlib.Path) -> None:
    copy = tmp_path / ".dvc/tmp/exps/standalone/x"
    root = project_root({"DVC_ROOT": str(tmp_path), "PWD": str(copy)})
    assert store_at(root, {}).uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert store_at(root, {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}) == store_at(root, {})
    assert store_at(root, {"MLFLOW_TRACKING_URI": "http://localhost:5000"}).artifacts is None


def test_the_registered_model_requires_what_it_imports() -> None:
    tops = set()
    for path in closure("src/promotion_gate/registered_model.py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops.add(str(node.module).split(".")[0])
    owners = importlib.metadata.packages_distributions()
    for top in tops - set(sys.stdlib_module_names) - {"promotion_gate"}:
        assert {owner.lower() for owner in owners[top]} & set(REQUIREMENTS), f"the model's pip requirements lack {top}"


def test_the_model_loads_without_pickle(workspace: pathlib.Path) -> None:
    described = json.loads((workspace / "models/model/model.json").read_text())
    assert described["features"] == FEATURES
    (workspace / "models/model/booster.ubj").write_bytes(b"x")
    with pytest.raises(ModelError, match="not the booster"):
        FailureModel.load(workspace / "models/model")
