"""report: all that the stages found, on one page."""

import json
import pathlib
from typing import Any

import pandas as pd

from pipelines.stage import run
from promotion_gate import bundle, params
from promotion_gate.decide.policy import policy_version
from promotion_gate.learn import tables
from promotion_gate.learn.labels import mature
from promotion_gate.pages.render import page
from promotion_gate.pages.report import Findings, context
from promotion_gate.reporting import banded

REPORTS, PLOTS, MODELS = pathlib.Path("reports"), pathlib.Path("reports/plots"), pathlib.Path("models")
INGESTED = pathlib.Path("data/interim/ingest.json")
NAMED = {
    "metrics": REPORTS / "metrics.json",
    "calibration": PLOTS / "calibration.csv",
    "backtest": REPORTS / "backtest.json",
    "yield_safety": PLOTS / "yield_safety.csv",
    "tuning": REPORTS / "policy_tuning.json",
    "pareto": PLOTS / "pareto.csv",
    "validation": REPORTS / "validation.json",
    "ingested": INGESTED,
}
MODEL = [MODELS / "scores.json", MODELS / "model/model.json", MODELS / "model/booster.ubj"]


def read_found(path: pathlib.Path) -> Any:
    """What a stage wrote; empty where it did not."""
    if path.suffix == ".csv":
        return pd.read_csv(path).to_dict("records") if path.is_file() else []
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def main() -> None:
    read, known = params.load(), tables.read()
    found = {name: read_found(path) for name, path in NAMED.items()}
    release, modules = banded.modules(MODELS, found["ingested"]["data_hash"], read.impact, read.policy)
    horizon, end = pd.Timedelta(days=read.labels.horizon_days), known.end_of_log()
    learnt = mature(known.timeline(), horizon, end)[-read.train.past_releases :]
    lineage = {
        "Project": known.project(),
        "Learnt from": ", ".join(one.release for one in learnt),
        "Tested on": f"{', '.join(found['metrics']['releases'])}, each predicted from its own past",
        "Scored": f"{release}, {len(modules):,} modules",
        "Failures known until": f"{end:%Y-%m-%d}",
        "A failure counts": f"within {horizon.days} days after the release",
        "Seed": str(read.train.seed),
        "Policy": policy_version(read.impact, read.policy),
    }
    inputs = {str(path): bundle.sha256(path) for path in [*NAMED.values(), *MODEL] if path.is_file()}
    bands = banded.bands(read.policy)
    shown = Findings(**found, modules=modules, release=release, bands=bands, lineage=lineage, inputs=inputs)
    out = REPORTS / "index.html"
    out.write_text(page("report.html.j2", context(shown)), encoding="utf-8")
    print(f"{out}: {len(modules):,} modules, {out.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    run(main)
