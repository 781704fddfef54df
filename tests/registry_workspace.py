"""A workspace as the stages leave it: the tiny data set, a small but real model, predictions, scores, reports."""

import atexit
import contextlib
import functools
import json
import pathlib
import shutil
import sqlite3
import sys
import tempfile

import numpy as np
import pandas as pd
from scipy.special import expit

from promotion_gate import params
from promotion_gate.learn.dataset import training_set
from promotion_gate.learn.features import KEYS, featurize_all
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.model import FailureModel, fit
from promotion_gate.learn.scoring import score_release
from promotion_gate.learn.tables import Tables
from promotion_gate.registry.register import register
from promotion_gate.registry.store import store_at
from promotion_gate.schema import LEVELS
from tests.factories import tiny_tables

ROOT = pathlib.Path(__file__).parents[1]
NAME = "failure-impact"
COLUMNS = [f"p_{level}" for level in LEVELS]
READ = params.load(ROOT / "params.yaml")
PARAMS = READ.model_copy(update={"evaluate": params.Evaluate(test_releases=2, bootstrap=40)})
METRICS = {
    "mean": {"ours": {"auc": 0.9, "log_loss": 0.2}, "lines_of_code": {"auc": 0.8}},
    "ours_less_baseline": {"mean": {"lines_of_code": {"auc": [0.1, 0.05, 0.15]}}},
}


def predictions(tables: Tables, features: pd.DataFrame, model: FailureModel) -> pd.DataFrame:
    """What the model says of all releases but the newest: in sample, which a registry cannot tell."""
    parts = []
    for release in tables.timeline()[:-1]:
        rows = features[features.release == release.release].reset_index(drop=True)
        probabilities = model.predict(rows)
        loc = tables.modules_of(release)["loc"]
        horizon = pd.Timedelta(days=PARAMS.labels.horizon_days)
        level = worst_levels(tables, release, rows.module, horizon)
        told = {"entrant": "ours", "level": level, "loc": loc.to_numpy(), "predicted": model.severity(probabilities)}
        parts.append(rows[KEYS].assign(**told).join(pd.DataFrame(probabilities, columns=COLUMNS)))
    return pd.concat(parts, ignore_index=True)


def write(folder: pathlib.Path, seed: int = 1, data_hash: str = "d", past_releases: int = 8) -> pathlib.Path:
    """Write a workspace; `seed` makes the data, `past_releases` are learnt from."""
    known = tiny_tables(releases=4, seed=seed)
    known["coverage"]["lines_covered"] = known["coverage"]["lines_total"] * 9 // 10
    tables = Tables(**known)
    features = featurize_all(tables, PARAMS.featurize)
    when, horizon = tables.end_of_log(), pd.Timedelta(days=PARAMS.labels.horizon_days)
    data = training_set(tables, features, when, horizon, past_releases)
    assert data is not None
    model = fit(data, "tiny", PARAMS, PARAMS.train.model)
    model.save(folder / "models/model")
    for name in ("data/interim", "data/processed", "reports/plots"):
        (folder / name).mkdir(parents=True)
    for name, table in known.items():
        table.to_parquet(folder / f"data/interim/{name}.parquet")
    features.to_parquet(folder / "data/processed/features.parquet")
    predictions(tables, features, model).to_parquet(folder / "data/processed/predictions.parquet")
    (folder / "data/interim/ingest.json").write_text(json.dumps({"data_hash": data_hash}))
    newest = tables.timeline()[-1]
    entries = score_release(model, tables.as_of(when), newest, when)
    scores = {"release": newest.release, "scored_at": "2026-01-01T00:00:00Z", "modules": entries}
    (folder / "models/scores.json").write_text(json.dumps(scores))
    (folder / "reports/metrics.json").write_text(json.dumps(METRICS))
    (folder / "reports/plots/calibration.csv").write_text("forecast,observed\n.1,.1\n")
    shutil.copy(ROOT / "params.yaml", folder)
    return folder


def spoil(workspace: pathlib.Path) -> None:
    """Make the predictions worse: the best module of each release gets the worst one's."""
    path = workspace / "data/processed/predictions.parquet"
    table = pd.read_parquet(path)
    table[COLUMNS] = table[COLUMNS].to_numpy()[::-1]
    table.to_parquet(path)


def calm(workspace: pathlib.Path, shift: float = 1.0) -> None:
    """Let the model see less risk: all log odds of its scores are lower by `shift`."""
    path = workspace / "models/scores.json"
    scores = json.loads(path.read_text())
    for entry in scores["modules"]:
        parts = entry["contributions"]
        parts["base"] = [value - shift for value in parts["base"]]
        reached = expit(np.sum(list(parts.values()), axis=0))
        entry["probabilities"] = (-np.diff([1.0, *reached, 0.0])).tolist()
        entry["counterfactuals"] = []
    path.write_text(json.dumps(scores))


@functools.cache
def room() -> pathlib.Path:
    """A folder that lives as long as the tests do."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return pathlib.Path(folder.name)


@functools.cache
def plain() -> pathlib.Path:
    """A workspace, written once. Copy it."""
    return write(room() / "plain")


@functools.cache
def two_versions() -> pathlib.Path:
    """A workspace with its registry: version 1 is champion, the calmer version 2 predicted worse and waits. Copy it."""
    workspace = shutil.copytree(plain(), room() / "two-versions")
    store = store_at(workspace, {})
    assert register(workspace, PARAMS, store).is_champion
    spoil(workspace)
    calm(workspace)
    assert not register(workspace, PARAMS, store).is_champion
    return workspace


def copied(workspace: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """A copy of a workspace with its registry, whose records name artifacts by absolute addresses."""
    shutil.copytree(workspace, folder)
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in list(database.execute(f"pragma table_info({table})")):
                if "CHAR" in kind or kind == "TEXT":
                    change = f"update {table} set {column} = replace({column}, ?, ?) where instr({column}, ?)"  # noqa: S608
                    database.execute(change, (str(workspace), str(folder), str(workspace)))
    # MLflow remembers where a run's artifacts lie by the run's id alone, and a copied run has the same id.
    sys.modules["mlflow.tracking._tracking_service.utils"]._artifact_repos_cache.clear()
    return folder
