"""explain: what the model says of every module today, and why."""

import pathlib

import pandas as pd

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.learn import explanation, tables
from promotion_gate.learn.contributions import as_table, contributions
from promotion_gate.learn.features import ranked, raw_features
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.scoring import score_release
from promotion_gate.reporting import json_text


def main() -> None:
    read, every = params.load(), tables.read()
    model = FailureModel.load(pathlib.Path("models/model"))
    when = every.end_of_log()
    known = every.as_of(when)
    newest = known.newest()
    entries = [entry for release in newest for entry in score_release(model, known, release, when)]
    scored_at = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    json_text.write(
        pathlib.Path("models/scores.json"),
        {"release": newest[-1].release, "scored_at": scored_at, "modules": entries},
    )

    raw = pd.concat([raw_features(known, release, when, read.featurize) for release in newest], ignore_index=True)
    X = pd.concat([ranked(rows) for _, rows in raw.groupby(["project", "release"], sort=False)])
    by_threshold, base = contributions(model, model.values(X))
    # Pictures and tables show the mean over the thresholds; scores.json holds each.
    effects = pd.DataFrame(by_threshold.mean(axis=0), columns=list(model.features), index=X.index)
    risk = pd.Series([1 - entry["probabilities"][0] for entry in entries])
    riskiest = risk.sort_values(ascending=False, kind="stable").index[: read.explain.modules]
    table = as_table(raw.loc[riskiest], effects.loc[riskiest])
    pathlib.Path("reports").mkdir(exist_ok=True)
    table.round(6).to_csv("reports/contributions.csv", index=False, lineterminator="\n")
    explanation.beeswarm(effects, X[list(model.features)], base.mean(axis=0), pathlib.Path("reports/shap.png"))
    strongest = effects.abs().mean().sort_values(ascending=False).head(8)
    print(f"scored {len(entries):,} modules of {newest[-1].release} as of {scored_at}")
    print("strongest features:", ", ".join(f"{name} {size:.2f}" for name, size in strongest.items()))


if __name__ == "__main__":
    run(main)
