"""backtest: every gate at the test releases, beside what then happened."""

import dataclasses
import pathlib
from typing import Any

import pandas as pd

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.decide import backtest, gates
from promotion_gate.decide.risk_control import blocked_from, promises, scores_of_severe
from promotion_gate.learn import tables
from promotion_gate.reporting import backtest_table, json_text

KEYS = ["project", "release", "module"]
PLOT = pathlib.Path("reports/plots/yield_safety.csv")


def promise(scored: pd.DataFrame, known: tables.Tables, read: params.Params) -> dict[str, Any]:
    """The promised escape rate: kept or not at each test release, and where blocking would start at the next one."""
    horizon, rate = pd.Timedelta(days=read.labels.horizon_days), read.backtest.escape_rate
    made = promises(scored, known, horizon, rate)
    learnt = scores_of_severe(scored, known, known.project(), known.end_of_log(), horizon)
    return {
        "escape_rate": float(rate),
        "next": {"learnt_from": len(learnt), "threshold": blocked_from(learnt, rate)},
        "releases": [dataclasses.asdict(one) for one in made],
    }


def main() -> None:
    read, known = params.load(), tables.read()
    predictions = pd.read_parquet("data/processed/predictions.parquet")
    features = pd.read_parquet("data/processed/features.parquet", columns=[*KEYS, "criticality"])
    modules = predictions[predictions.entrant == "ours"].merge(features, on=KEYS, how="left", validate="1:1")
    past = gates.with_coverage(gates.scored(modules, read.impact), known.coverage)
    report = backtest.report(past, read.policy, read.impact.weights, read.backtest)
    promised = promise(past[[*KEYS, "fis"]], known, read)
    json_text.write(pathlib.Path("reports/backtest.json"), report | {"promise": promised})
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    curves = backtest.curves(past, read.policy, read.impact.weights, read.backtest)
    curves.round(5).to_csv(PLOT, index=False, lineterminator="\n")
    print(*backtest_table.lines(report), sep="\n")
    print(f"\nat most {promised['escape_rate']:.0%} of the high and critical failures escape the block:")
    print(pd.DataFrame(promised["releases"]).drop(columns=["project", "escape_rate"]).round(3).to_string(index=False))
    print(f"at the next release that would block from {promised['next']['threshold']} on")


if __name__ == "__main__":
    run(main)
