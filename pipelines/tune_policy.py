"""tune_policy: a policy searched on the older test releases, confirmed on the next, reported on the newest."""

import pathlib

import pandas as pd
from tqdm import tqdm

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.decide.gates import with_coverage
from promotion_gate.decide.tuning import tune
from promotion_gate.learn import tables
from promotion_gate.reporting import json_text, tuning_report
from promotion_gate.rules import RulesFile

KEYS = ["project", "release", "module"]
REPORTS = pathlib.Path("reports")


def main() -> None:
    read, known = params.load(), tables.read()
    predictions = pd.read_parquet("data/processed/predictions.parquet")
    features = pd.read_parquet("data/processed/features.parquet", columns=[*KEYS, "criticality"])
    modules = predictions[predictions.entrant == "ours"].merge(features, on=KEYS, how="left", validate="1:1")
    past = with_coverage(modules, known.coverage)
    rules = RulesFile(impact=read.impact, policy=read.policy)
    horizon, settings = pd.Timedelta(days=read.labels.horizon_days), read.tune_policy
    with tqdm(total=settings.trials, desc="policies", unit="policy") as bar:
        tuned = tune(past, known, horizon, rules, read.impact.weights, settings, read.backtest, bar.update)
    json_text.write(REPORTS / "policy_tuning.json", tuning_report.document(tuned, settings.delay_at_most))
    written = tuning_report.policy_file(tuned, settings.delay_at_most)
    (REPORTS / "suggested_policy.yaml").write_text(written, encoding="utf-8")
    (REPORTS / "plots").mkdir(parents=True, exist_ok=True)
    found = tuning_report.points(tuned).round(6)
    found.to_csv(REPORTS / "plots" / "pareto.csv", index=False, lineterminator="\n")
    print(*tuning_report.lines(tuned, settings.delay_at_most), sep="\n")


if __name__ == "__main__":
    run(main)
