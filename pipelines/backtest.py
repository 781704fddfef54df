"""backtest: three policies at the test releases that have coverage, beside what then happened."""

import dataclasses
import pathlib
from typing import Any

import pandas as pd

from pipelines.stage import run, write_json
from promotion_gate import params
from promotion_gate.decide import backtest
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.decide.risk_control import blocked_from, promises, scores_of_severe
from promotion_gate.learn import tables
from promotion_gate.schema import LEVELS

KEYS = ["project", "release", "module"]
PLOT = pathlib.Path("reports/plots/backtest.csv")


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
    read = params.load()
    predictions = pd.read_parquet("data/processed/predictions.parquet")
    features = pd.read_parquet("data/processed/features.parquet", columns=[*KEYS, "criticality"])
    modules = predictions[predictions.entrant == "ours"].merge(features, on=KEYS, how="left", validate="1:1")
    probabilities = modules[[f"p_{name}" for name in LEVELS]].to_numpy(float)
    modules["fis"] = failure_impact_score(probabilities, read.impact, modules.criticality.to_numpy(float))
    known = tables.read()
    measured = backtest.by_suite(known.coverage)
    columns = (modules[name].tolist() for name in (*KEYS, "fis", "level"))
    past = [
        backtest.PastModule(project, release, module, fis, level, measured.get((project, release, module)))
        for project, release, module, fis, level in zip(*columns, strict=True)
    ]
    with_coverage = {module.release for module in past if module.coverage is not None}
    unmeasured = sum(module.release in with_coverage and module.coverage is None for module in past)
    verdicts = backtest.decisions(past, backtest.policies(read.policy, read.backtest.higher_threshold))
    rows = []
    if len(verdicts):
        verdicts = pd.concat([verdicts, backtest.at_equal_delay(verdicts[verdicts.policy == backtest.RISK])])
        for name, group in [*verdicts.groupby("release", sort=False), ("all", verdicts)]:
            for policy, made in group.groupby("policy", sort=False):
                told = dataclasses.asdict(backtest.outcome(made, read.impact.weights))
                rows.append({"release": str(name), "policy": str(policy), **told})
    without = sorted({module.release for module in past} - with_coverage)
    promised = promise(modules[[*KEYS, "fis"]], known, read)
    write_json(
        pathlib.Path("reports/backtest.json"),
        {
            "all": {row["policy"]: row for row in rows if row["release"] == "all"},
            "releases": [row for row in rows if row["release"] != "all"],
            "unmeasured": unmeasured,
            "without_coverage": without,
            "promise": promised,
        },
    )
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).round(5).to_csv(PLOT, index=False, lineterminator="\n")
    print(pd.DataFrame(rows).round(3).to_string(index=False) if rows else "no test release has coverage")
    print(f"unmeasured modules, held by every policy and not counted: {unmeasured}")
    print(f"test releases without coverage: {', '.join(without) or 'none'}")
    print(f"at most {promised['escape_rate']:.0%} of the high and critical failures escape the block:")
    print(pd.DataFrame(promised["releases"]).drop(columns=["project", "escape_rate"]).round(3).to_string(index=False))
    print(f"at the next release that would block from {promised['next']['threshold']} on")


if __name__ == "__main__":
    run(main)
