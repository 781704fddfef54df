"""evaluate: each test release predicted from its own past, beside the baselines; metrics and plots for DVC."""

import json
import pathlib

import pandas as pd
from tqdm import tqdm

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.learn import evaluation, tables
from promotion_gate.learn.splits import test_releases
from promotion_gate.params import Hyperparameters
from promotion_gate.reporting import json_text

PLOTS = pathlib.Path("reports/plots")


def main() -> None:
    read, known = params.load(), tables.read()
    features = pd.read_parquet("data/processed/features.parquet")
    hyper = Hyperparameters.model_validate(json.loads(pathlib.Path("models/tuned.json").read_text())["chosen"])
    tested = test_releases(known, pd.Timedelta(days=read.labels.horizon_days), read.evaluate.test_releases)
    parts = [evaluation.predict_release(known, features, r, read, hyper) for r in tqdm(tested, desc="test releases")]
    predictions = pd.concat(parts, ignore_index=True)
    predictions.to_parquet("data/processed/predictions.parquet", index=False)

    figures = evaluation.measure(predictions)
    means = figures.groupby("entrant", sort=False).mean(numeric_only=True).drop(columns=["modules", "failed"])
    leads = evaluation.differences(predictions, read.evaluate.bootstrap, read.train.seed)
    each = figures[figures.entrant == evaluation.OURS].set_index("release").drop(columns=["project", "entrant"])
    json_text.write(
        pathlib.Path("reports/metrics.json"),
        {
            "mean": {name: row.dropna().round(5).to_dict() for name, row in means.iterrows()},
            "ours_less_baseline": leads,
            "releases": {str(name): row.dropna().round(5).to_dict() for name, row in each.iterrows()},
        },
    )
    PLOTS.mkdir(parents=True, exist_ok=True)
    figures.round(6).to_csv(PLOTS / "releases.csv", index=False, lineterminator="\n")
    evaluation.calibration(predictions).round(6).to_csv(PLOTS / "calibration.csv", index=False, lineterminator="\n")
    evaluation.severity_table(predictions).to_csv(PLOTS / "severity.csv", index=False, lineterminator="\n")
    shown = ["release", "entrant", "failed", "auc", "average_precision", "recall_at_20_percent_of_lines"]
    print(figures[shown].round(3).to_string(index=False), "", means.round(3).to_string(), sep="\n")
    for baseline, found in leads["mean"].items():
        told = (f"{name} {value:+.3f} [{low:+.3f}, {high:+.3f}]" for name, (value, low, high) in found.items())
        print(f"ours less {baseline}, mean, 95 % interval: {'  '.join(told)}")


if __name__ == "__main__":
    run(main)
