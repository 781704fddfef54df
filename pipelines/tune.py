"""tune: hyperparameters searched on the releases before the first test release; goes on where it was interrupted."""

import dataclasses
import pathlib

import pandas as pd
from tqdm import tqdm

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.learn import tables
from promotion_gate.learn.splits import test_releases, validation_releases
from promotion_gate.learn.tuning import tune
from promotion_gate.reporting import json_text

JOURNAL = pathlib.Path("models/optuna.journal")  # no out: DVC would delete it, and an interrupted study with it


def main() -> None:
    read, known = params.load(), tables.read()
    known.project()  # several are refused here, before the long work
    horizon = pd.Timedelta(days=read.labels.horizon_days)
    tested = test_releases(known, horizon, read.evaluate.test_releases)
    validated = validation_releases(known, horizon, tested, read.tune.validation_releases)
    when = min(release.released_at for release in tested)
    with tqdm(total=read.tune.trials, desc="trials", unit="trial") as bar:

        def progress(number: int, _: int, best: float) -> None:
            bar.update(number - bar.n)
            bar.set_postfix_str(f"best log loss {best:.4f}")

        features = pd.read_parquet("data/processed/features.parquet")
        tuned = tune(known, features, validated, when, read, JOURNAL, progress)
    chosen = tuned.chosen.model_dump(mode="json")
    json_text.write(pathlib.Path("models/tuned.json"), dataclasses.asdict(tuned) | {"chosen": chosen})
    low, high = tuned.difference[1:]
    print(f"validated on {', '.join(tuned.releases) or 'nothing: the past is too short'}")
    print(
        f"log loss: default {tuned.default_log_loss:.4f}, "
        f"best found {tuned.best_log_loss:.4f} [{low:+.4f}, {high:+.4f}]"
    )
    print("the best found is adopted" if tuned.adopted else "not clearly better: the default stays")


if __name__ == "__main__":
    run(main)
