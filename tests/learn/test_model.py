"""Laws of the model on tiny data."""

import dataclasses
import json
import pathlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from promotion_gate.errors import ModelError
from promotion_gate.learn import model, prevalence
from promotion_gate.learn.dataset import Dataset, rows_of, training_set
from promotion_gate.learn.features import direction, featurize_all
from promotion_gate.learn.scoring import score_release
from promotion_gate.learn.serving import Scorer
from promotion_gate.learn.tables import Tables
from promotion_gate.params import load
from promotion_gate.schema import CONTRACTS, ModuleData
from tests.factories import tiny_tables

PARAMS = load()
TABLES = Tables(**tiny_tables(releases=4))
FEATURES = featurize_all(TABLES, PARAMS.featurize)
LAST = TABLES.timeline()[-1]


def learnt() -> tuple[Dataset, model.FailureModel]:
    data = training_set(TABLES, FEATURES, LAST.released_at, pd.Timedelta(days=235), 8)
    assert data is not None
    return data, model.fit(data, "tiny", PARAMS, PARAMS.train.model)


DATA, MODEL = learnt()


def test_probabilities_are_distributions_and_the_same_inputs_give_the_same_bytes(tmp_path: pathlib.Path) -> None:
    p = MODEL.predict(rows_of(FEATURES, LAST))
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    MODEL.save(tmp_path / "a")
    learnt()[1].save(tmp_path / "b")
    for name in ("booster.ubj", "model.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_saved_model_predicts_the_same(tmp_path: pathlib.Path) -> None:
    MODEL.save(tmp_path)
    rows = rows_of(FEATURES, LAST)
    assert model.FailureModel.load(tmp_path).predict(rows).tolist() == MODEL.predict(rows).tolist()


def test_a_changed_booster_and_a_missing_feature_are_refused(tmp_path: pathlib.Path) -> None:
    MODEL.save(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, "booster_sha256": "0" * 64}))
    with pytest.raises(ModelError, match="not the booster that"):
        model.FailureModel.load(tmp_path)
    with pytest.raises(ModelError, match=r"no such file; train a model first"):
        model.FailureModel.load(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="takes the feature 'loc'"):
        MODEL.predict(FEATURES.drop(columns="loc"))


@given(st.integers(0, 59), st.sampled_from([n for n in MODEL.features if direction(n) != 0]), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_the_trees_never_lower_the_risk_with_what_has_a_meaning(row: int, name: str, step: float) -> None:
    before = rows_of(FEATURES, LAST).iloc[[row]]
    after = before.assign(**{name: before[name] + direction(name) * step})

    def trees(rows: pd.DataFrame) -> np.ndarray:
        matrix = MODEL.matrix(rows[list(MODEL.features)].to_numpy(float))
        return MODEL.booster.predict(matrix, output_margin=True) - matrix.get_base_margin()

    assert (trees(after) >= trees(before) - 1e-5).all()


def test_the_predicted_levels_come_as_often_as_they_are_forecast() -> None:
    severity = MODEL.severity(MODEL.predict(DATA.X))
    shares = model.next_shares(DATA, "tiny", list(DATA.groups()), PARAMS.train.model.prevalence_half_life_days)
    np.testing.assert_allclose([(severity > t).mean() for t in range(4)], shares, atol=0.02)


def test_where_nothing_failed_yet_large_modules_rank_first() -> None:
    never = prevalence.Recent(len(DATA.X), np.zeros(4), np.zeros(4))
    quiet = dataclasses.replace(DATA, level=np.zeros_like(DATA.level), recent={"tiny": never})
    p = model.fit(quiet, "tiny", PARAMS, PARAMS.train.model).predict(DATA.X)
    assert p[:, 0].mean() > 0.95
    assert np.corrcoef(1 - p[:, 0], DATA.X["loc"])[0, 1] > 0.4
    np.testing.assert_allclose(p.sum(axis=1), 1)


def bundle_of(folder: pathlib.Path) -> pathlib.Path:
    MODEL.save(folder / "model")
    (folder / "tables").mkdir()
    for name in CONTRACTS:
        getattr(TABLES, name).to_parquet(folder / "tables" / f"{name}.parquet")
    return folder


def test_the_service_computes_what_the_pipeline_computes(tmp_path: pathlib.Path) -> None:
    when = TABLES.end_of_log()
    stored = {entry["module"]: entry for entry in score_release(MODEL, TABLES.as_of(when), LAST, when)}
    row = TABLES.modules_of(LAST).iloc[7]
    metrics = {name: float(row[name]) for name in ("loc", "cyclomatic_complexity", "churn")}
    same = Scorer(bundle_of(tmp_path)).score(ModuleData(project="tiny", module=row.module, metrics=metrics))
    assert same == stored[row.module]


def test_a_larger_module_that_is_new_scores_higher_than_a_small_one(tmp_path: pathlib.Path) -> None:
    sizes = ({"loc": 5.0, "churn": 1.0}, {"loc": 5000.0, "churn": 2000.0})
    modules = [ModuleData(project="tiny", module=f"new{n}.py", metrics=m) for n, m in enumerate(sizes)]
    small, large = map(Scorer(bundle_of(tmp_path)).score, modules)
    assert small["probabilities"][0] > large["probabilities"][0]


@given(
    st.lists(st.floats(-5, 5), min_size=3, max_size=40),
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
@settings(deadline=None)
def test_intercepts_bring_the_mean_probability_to_the_share(score: list[float], counts: list[int]) -> None:
    reached = np.cumsum(counts[::-1])[::-1].astype(float)
    shares = prevalence.smoothed(reached, float(sum(counts) + 5))
    assert (np.diff(shares) < 0).all()
    assert ((shares > 0) & (shares < 1)).all()
    values = np.array(score)
    found = prevalence.intercepts(values, shares)
    np.testing.assert_allclose(expit(values[:, None] + found).mean(axis=0), shares, atol=1e-6)
    assert (np.diff(found) < 0).all()
