"""train: the model that will be registered, from all that is known at the end of the log."""

import json
import pathlib

import pandas as pd

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.errors import InputError
from promotion_gate.learn import model, tables
from promotion_gate.learn.dataset import training_set
from promotion_gate.params import Hyperparameters

OUT = pathlib.Path("models/model")


def main() -> None:
    read, known = params.load(), tables.read()
    hyper = Hyperparameters.model_validate(json.loads(pathlib.Path("models/tuned.json").read_text())["chosen"])
    when, horizon = known.end_of_log(), pd.Timedelta(days=read.labels.horizon_days)
    features = pd.read_parquet("data/processed/features.parquet")
    data = training_set(known, features, when, horizon, read.train.past_releases)
    if data is None:
        raise InputError(f"releases: none is {horizon.days} days older than the end of the log: nothing to learn from")
    model.fit(data, known.project(), read, hyper).save(OUT)
    releases = ", ".join(data.keys.release.unique())
    print(f"trained on {len(data.level):,} modules of {releases}; {(data.level > 0).sum()} failed")


if __name__ == "__main__":
    run(main)
