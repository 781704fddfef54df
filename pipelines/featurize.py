"""featurize: tables -> features of every release's modules, each as of the release's own date."""

import pathlib

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.learn import tables
from promotion_gate.learn.features import featurize_all

OUT = pathlib.Path("data/processed/features.parquet")


def main() -> None:
    features = featurize_all(tables.read(), params.load().featurize)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    features.to_parquet(OUT, index=False)
    releases = len(features[["project", "release"]].drop_duplicates())
    print(f"{len(features):,} modules of {releases} releases, {features.shape[1] - 3} features")


if __name__ == "__main__":
    run(main)
