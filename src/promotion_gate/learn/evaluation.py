"""Evaluation forward in time: every test release predicted from its own past, beside the baselines."""

import numpy as np
import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn import baselines, model
from promotion_gate.learn.calibration import binned
from promotion_gate.learn.dataset import rows_of, training_set
from promotion_gate.learn.features import KEYS
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.scores import (
    Statistic,
    auc,
    average_precision,
    binary,
    log_loss_failure,
    ordinal,
    paired_difference,
    ranking,
)
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Hyperparameters, Params
from promotion_gate.schema import LEVELS

OURS = "ours"
BASELINES = ("lines_of_code", "churn", "logistic_regression", "random_forest")
PROBABILITIES = [f"p_{name}" for name in LEVELS]


def predict_release(
    tables: Tables, features: pd.DataFrame, release: Release, params: Params, hyper: Hyperparameters
) -> pd.DataFrame:
    """Predictions of one release by the model and every baseline, all trained on what was known at its date.

    Returns:
        One row a module and entrant: project, release, module, entrant, score (rises with risk), p_negligible to
        p_critical and predicted (level index) where the entrant gives them, level (what happened), loc (0 where the
        metric is not there). A baseline whose metric the data lacks is left out.
    """
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    data = training_set(tables, features, release.released_at, horizon, params.train.past_releases)
    if data is None:
        raise ValueError(f"{release.project} {release.release}: nothing to learn from at its date")
    rows = rows_of(features, release).reset_index(drop=True)
    fitted = model.fit(data, release.project, params, hyper)
    probabilities = fitted.predict(rows)
    lines = tables.modules_of(release).set_index("module").get("loc", pd.Series(dtype=float))
    common = rows[KEYS].assign(
        level=worst_levels(tables, release, rows.module, horizon),
        loc=rows.module.map(lines).fillna(0.0).astype(float),
    )
    entrants = {
        "lines_of_code": baselines.by_metric(rows, "loc"),
        "churn": baselines.by_metric(rows, "churn"),
        "logistic_regression": baselines.logistic_on_ranks(data, rows),
        "random_forest": baselines.random_forest(data, rows, params.train.seed),
    }
    parts = [
        common.assign(entrant=OURS, score=1 - probabilities[:, 0], predicted=fitted.severity(probabilities)).join(
            pd.DataFrame(probabilities, columns=PROBABILITIES)
        )
    ]
    parts += [common.assign(entrant=name, score=score) for name, score in entrants.items() if score is not None]
    return pd.concat(parts, ignore_index=True)


def figures(rows: pd.DataFrame) -> dict[str, float]:
    """All figures of one entrant on one release."""
    level, score, loc = (rows[name].to_numpy() for name in ("level", "score", "loc"))
    entrant = rows.entrant.iloc[0]
    found = ranking(level, score, loc)
    if entrant in (OURS, "logistic_regression", "random_forest"):
        found |= binary(level, score)
    if entrant == OURS:
        found |= ordinal(level, rows[PROBABILITIES].to_numpy(float), rows.predicted.to_numpy(np.int64))
    return found


def measure(predictions: pd.DataFrame) -> pd.DataFrame:
    """Figures of every entrant on every release, one row each; releases where none or all failed are left out.

    Raises:
        InputError: that leaves none.
    """
    found = []
    for (project, release, entrant), rows in predictions.groupby(["project", "release", "entrant"], sort=False):
        if 0 < (rows.level > 0).sum() < len(rows):
            counts = {"modules": len(rows), "failed": int((rows.level > 0).sum())}
            found.append({"project": project, "release": release, "entrant": entrant, **counts, **figures(rows)})
    if not found:
        raise InputError(
            "failures: in no test release did some modules fail and others not; evaluate.test_releases or "
            "labels.horizon_days must reach releases with failures"
        )
    return pd.DataFrame(found)


def differences(predictions: pd.DataFrame, resamples: int, seed: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Ours less each baseline: {release or "mean": {baseline: {figure: [difference, low, high]}}}, 95 % intervals.

    Of the ranking figures, and of the log loss of P(failure) against the baselines that give it (lower is better).
    """
    wide = predictions.pivot_table(index=[*KEYS, "level"], columns="entrant", values="score", sort=False).reset_index(
        level="level"
    )
    result: dict[str, dict[str, dict[str, list[float]]]] = {}
    grouped = wide.groupby(level=["project", "release"], sort=False)
    releases = {" ".join(map(str, key)): rows for key, rows in grouped}
    groups = {**{name: {name: rows} for name, rows in releases.items()}, "mean": releases}
    for name, members in groups.items():
        found = result.setdefault(name, {})
        for other in [entrant for entrant in BASELINES if entrant in wide.columns]:
            pairs = {
                key: (rows.level.to_numpy(np.int64), rows[OURS].to_numpy(), rows[other].to_numpy())
                for key, rows in members.items()
                if 0 < (rows.level > 0).sum() < len(rows) and rows[other].notna().all()
            }
            if not pairs:
                continue
            measured: dict[str, Statistic] = {"auc": auc, "average_precision": average_precision}
            if other in ("logistic_regression", "random_forest"):
                measured["log_loss_failure"] = log_loss_failure
            found[other] = {
                figure: [round(value, 5) for value in paired_difference(pairs, statistic, resamples, seed)]
                for figure, statistic in measured.items()
            }
    return result


def calibration(predictions: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """Forecast and observed share of failed modules over bins of equal size: ours, all test releases together."""
    ours = predictions[predictions.entrant == OURS]
    return binned(ours.score.to_numpy(float), (ours.level > 0).to_numpy(), bins)


def severity_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """How often each predicted level met each level that happened, our model's: actual, predicted, modules."""
    ours = predictions[predictions.entrant == OURS]
    names = np.array(LEVELS)
    pairs = pd.DataFrame({"actual": names[ours.level], "predicted": names[ours.predicted.astype(int)]})
    return pairs.value_counts(sort=False).rename("modules").reset_index()
