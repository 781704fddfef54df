import numpy as np
import pandas as pd
import pytest

from promotion_gate.errors import InputError
from promotion_gate.learn import evaluation, splits
from promotion_gate.learn.features import featurize_all
from promotion_gate.learn.tables import Tables
from promotion_gate.params import load
from tests.factories import tiny_tables

PARAMS = load()
TABLES = Tables(**tiny_tables(modules=120, releases=5))
FEATURES = featurize_all(TABLES, PARAMS.featurize)
TESTED = splits.test_releases(TABLES, pd.Timedelta(days=235), 2)
PREDICTIONS = pd.concat(
    [evaluation.predict_release(TABLES, FEATURES, r, PARAMS, PARAMS.train.model) for r in TESTED], ignore_index=True
)


def test_every_entrant_predicts_every_module_of_every_test_release_once() -> None:
    expected = {evaluation.OURS, *evaluation.BASELINES}
    for release in TESTED:
        rows = PREDICTIONS[PREDICTIONS.release == release.release]
        assert set(rows.entrant) == expected
        assert len(rows) == len(expected) * len(TABLES.modules_of(release))
    assert not PREDICTIONS.duplicated(["release", "module", "entrant"]).any()


def test_ours_is_ahead_of_guessing_on_data_where_large_modules_fail() -> None:
    figures = evaluation.measure(PREDICTIONS)
    ours = figures[figures.entrant == evaluation.OURS]
    assert (ours.auc > 0.6).all()
    assert set(figures.entrant) == {evaluation.OURS, *evaluation.BASELINES}
    assert ours[["log_loss", "qwk", "brier"]].notna().all(axis=None)


def test_a_baseline_without_its_metric_is_left_out() -> None:
    bare = Tables(**{**tiny_tables(releases=4), "modules": tiny_tables(releases=4)["modules"].drop(columns="churn")})
    release = splits.test_releases(bare, pd.Timedelta(days=235), 1)[0]
    features = featurize_all(bare, PARAMS.featurize)
    rows = evaluation.predict_release(bare, features, release, PARAMS, PARAMS.train.model)
    assert set(rows.entrant) == {evaluation.OURS, *evaluation.BASELINES} - {"churn"}


def test_differences_hold_each_release_the_mean_and_an_interval_around_it() -> None:
    found = evaluation.differences(PREDICTIONS, 50, 1)
    assert set(found) == {"tiny 3.0", "tiny 4.0", "mean"}
    figures = evaluation.measure(PREDICTIONS).set_index(["release", "entrant"])
    for baseline in evaluation.BASELINES:
        value, low, high = found["tiny 4.0"][baseline]["auc"]
        assert low <= value <= high
        expected = figures.auc["4.0", evaluation.OURS] - figures.auc["4.0", baseline]
        assert abs(value - expected) < 1e-4


def test_without_any_failure_there_is_one_clear_line() -> None:
    with pytest.raises(InputError, match="in no test release did some modules fail"):
        evaluation.measure(PREDICTIONS.assign(level=0))


def test_a_baseline_that_lacks_a_release_is_not_compared_there() -> None:
    partial = PREDICTIONS[~((PREDICTIONS.entrant == "churn") & (PREDICTIONS.release == "4.0"))]
    found = evaluation.differences(partial, 20, 1)
    assert "churn" not in found["tiny 4.0"]
    assert "churn" in found["tiny 3.0"]


def test_calibration_covers_all_modules_and_the_severity_table_too() -> None:
    modules = (PREDICTIONS.entrant == evaluation.OURS).sum()
    curve = evaluation.calibration(PREDICTIONS)
    assert curve.modules.sum() == modules == evaluation.severity_table(PREDICTIONS).modules.sum()
    assert np.all(np.diff(curve.forecast) >= 0)
