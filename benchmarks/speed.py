"""How long do training and scoring take? Seconds on this machine, and ratios beside a peer in the same run.

usage: python benchmarks/speed.py [--modules 10000] [--params FILE]

Trains the pipeline's model on the past of every test release of the default data (data/interim, as `dvc repro ingest`
leaves it), beside scikit-learn's default random forest on the same rows; then scores a release that was blown up to the
wanted number of modules: probabilities alone, and with all that `models/scores.json` holds of a module.
"""

import argparse
import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from promotion_gate import params as parameters
from promotion_gate.learn import baselines, model
from promotion_gate.learn.dataset import Dataset, rows_of, training_set
from promotion_gate.learn.features import featurize, featurize_all
from promotion_gate.learn.scoring import score_release
from promotion_gate.learn.splits import test_releases
from promotion_gate.learn.tables import Release, Tables, read

T = TypeVar("T")
ROOT = pathlib.Path(__file__).resolve().parents[1]


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """How long the work took, and its result."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def blown_up(tables: Tables, release: Release, modules: int) -> Tables:
    """The tables with copies of a release's modules under other names, to so many in all."""
    own = tables.modules_of(release)
    copies = [own.assign(module=f"copy{n}/" + own.module) for n in range(1, -(-modules // len(own)))]
    every = pd.concat([own, *copies], ignore_index=True).head(modules)
    others = tables.modules[tables.modules.release != release.release]
    return dataclasses.replace(tables, modules=pd.concat([others, every], ignore_index=True))


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--modules", type=int, default=10_000)
    cli.add_argument("--params", type=pathlib.Path, default=ROOT / "params.yaml")
    options = cli.parse_args()
    params, tables = parameters.load(options.params), read(ROOT / "data" / "interim")
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    spent, features = seconds(lambda: featurize_all(tables, params.featurize))
    print(f"features of {len(features):,} modules in all releases: {spent:.1f} s")
    pasts: list[tuple[Release, Dataset]] = []
    for release in test_releases(tables, horizon, params.evaluate.test_releases):
        data = training_set(tables, features, release.released_at, horizon, params.train.past_releases)
        if data is not None:
            pasts.append((release, data))
    trained, fitted = seconds(lambda: [model.fit(data, r.project, params, params.train.model) for r, data in pasts])
    forest, _ = seconds(
        lambda: [baselines.random_forest(data, rows_of(features, r), params.train.seed) for r, data in pasts]
    )
    print(f"training on {len(pasts)} pasts: {trained:.1f} s, {trained / forest:.1f} times the default forest's")

    when = tables.end_of_log()
    newest = tables.newest()[0]
    large = blown_up(tables, newest, options.modules).as_of(when)
    made, X = seconds(lambda: featurize(large, newest, when, params.featurize))
    scored, _ = seconds(lambda: fitted[-1].predict(X))
    print(f"features of {len(X):,} modules: {made:.2f} s")
    print(f"scoring {len(X):,} modules: {scored:.2f} s, {scored / made:.1f} times their features'")
    whole, entries = seconds(lambda: score_release(fitted[-1], large, newest, when))
    print(f"{len(entries):,} modules with features, explanations and counterfactuals: {whole:.1f} s")


if __name__ == "__main__":
    main()
