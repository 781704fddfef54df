"""From how much history is the model worth it? Accuracy against the number of past releases, and of modules.

usage: python benchmarks/learning_curve.py [--benchmarks FOLDER] [--params FILE] [--seeds N]

Every test release of every project in ../shared/benchmarks is predicted as if the project's records had begun 0, 1, 2,
3 or all releases before it: older releases and failures are taken away before features are made. No past at all leaves
the other projects' (the pooled prior). Then with all releases but only a tenth, quarter or half of the modules of each,
drawn nested and once a seed: learnt from and counted, while features are those of the whole release. Alone, and pooled
with the other projects' past; beside them the modules ranked by lines of code, which need no history. Means over the
test releases that have three past ones, so that all rows speak of the same. Without the folder: the default data set.
It takes a quarter of an hour on one core.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from promotion_gate import params as parameters
from promotion_gate.learn import model
from promotion_gate.learn.benchmark import pooled
from promotion_gate.learn.dataset import Dataset, rows_of, training_set
from promotion_gate.learn.features import featurize_all
from promotion_gate.learn.ingest import read_raw
from promotion_gate.learn.labels import mature, worst_levels
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.scores import auc, average_precision, exactly, log_loss
from promotion_gate.learn.splits import with_past
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Params

ROOT = pathlib.Path(__file__).resolve().parents[1]
SLACK = pd.Timedelta(days=31)
RELEASES = (0, 1, 2, 3)
SHARES = (0.1, 0.25, 0.5)
LEAST = 3


def began(tables: Tables, release: Release, past: list[Release], count: int) -> Tables:
    """The tables of one project as if its records had begun `count` past releases before the given one."""
    start = past[-count].released_at if count else release.released_at
    kept = [q.release for q in tables.timeline() if start <= q.released_at <= release.released_at]

    def of_kept(table: pd.DataFrame) -> pd.DataFrame:
        return table[table.release.isin(kept)]

    return dataclasses.replace(
        tables,
        releases=of_kept(tables.releases),
        modules=of_kept(tables.modules),
        dependencies=of_kept(tables.dependencies),
        coverage=of_kept(tables.coverage),
        failures=tables.failures[tables.failures.occurred_at > start],
        telemetry=tables.telemetry[tables.telemetry.window_start > start],
    )


def of_modules(tables: Tables, features: pd.DataFrame, share: float, seed: int) -> tuple[Tables, pd.DataFrame]:
    """A share of the modules of a project, the same in every release and part of any larger share of the seed."""
    names = np.sort(tables.modules.module.unique())
    kept = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    modules, failures = tables.modules, tables.failures
    fewer = dataclasses.replace(
        tables, modules=modules[modules.module.isin(kept)], failures=failures[failures.module.isin(kept)]
    )
    return fewer, features[features.module.isin(kept)]


def scenarios(
    own: Tables, of_own: pd.DataFrame, release: Release, past: list[Release], params: Params, seeds: int
) -> Iterator[tuple[str, Tables, pd.DataFrame, pd.DataFrame]]:
    """What may be known of a project: a name, its tables and features, and the features of the release to predict."""
    whole = rows_of(of_own, release)
    for count in RELEASES:
        cut = began(own, release, past, count)
        features = featurize_all(cut, params.featurize)
        yield f"{count} releases", cut, features, rows_of(features, release)
    for share in SHARES:
        for seed in range(seeds):
            yield f"{share:.0%} of modules", *of_modules(own, of_own, share, seed), whole
    yield "all", own, of_own, whole


def learnt(
    known: Tables, features: pd.DataFrame, release: Release, own_past: bool, params: Params
) -> tuple[Dataset, FailureModel] | None:
    """The training set of a release and the model of it; None where nobody has a past."""
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    data = training_set(known, features, release.released_at, horizon, params.train.past_releases)
    if data is None:
        return None
    if not own_past:  # a log that was never kept says nothing, not that nothing failed
        recent = {name: seen for name, seen in data.recent.items() if name != release.project}
        data = dataclasses.replace(data, recent=recent)
    return data, model.fit(data, release.project, params, params.train.model)


def curve(own: Tables, others: list[Tables], params: Params, seeds: int) -> Iterator[dict[str, object]]:
    """Rows of one project: release, past, pool, figures; a release with fewer than three past ones is left out."""
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    of_own, of_others = (
        featurize_all(own, params.featurize),
        [featurize_all(other, params.featurize) for other in others],
    )
    tested = with_past(own, horizon, own.failures.occurred_at.max() + SLACK)
    for release in tqdm(tested, desc=str(tested[0].project), unit="release"):
        past = mature(own.timeline(), horizon, release.released_at)
        modules = own.modules_of(release)
        level = worst_levels(own, release, modules.module, horizon)
        if len(past) < LEAST or not 0 < (level > 0).sum() < len(level):
            continue
        told = {"project": release.project, "release": release.release}
        yield {**told, "past": "lines of code", "pool": "-", **ranking(level, modules["loc"].fillna(0).to_numpy(float))}
        for name, tables, features, rows in scenarios(own, of_own, release, past, params, seeds):
            assert rows.module.tolist() == modules.module.tolist()
            for pool, more, of_more in (("alone", [], []), ("pooled", others, of_others)):
                if pool == "pooled" and not others:
                    continue
                stacked = pd.concat([features, *of_more], ignore_index=True).fillna(0.0)
                made = learnt(pooled(tables, more), stacked, release, name != "0 releases", params)
                if made is None:
                    continue
                data, fitted = made
                mine = (data.keys.project == release.project).to_numpy()
                p = fitted.predict(rows.reindex(columns=stacked.columns, fill_value=0.0).reset_index(drop=True))
                size = {"own_rows": int(mine.sum()), "own_failed": int((data.level[mine] > 0).sum())}
                loss = exactly(log_loss, level, p)
                yield {**told, "past": name, "pool": pool, **size, **ranking(level, 1 - p[:, 0]), "log_loss": loss}


def ranking(level: npt.NDArray[np.int64], score: npt.NDArray[np.float64]) -> dict[str, float]:
    """AUC and average precision of a score."""
    return {"auc": exactly(auc, level, score), "ap": exactly(average_precision, level, score)}


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--benchmarks", type=pathlib.Path, default=ROOT.parent / "shared" / "benchmarks")
    cli.add_argument("--params", type=pathlib.Path, default=ROOT / "params.yaml")
    cli.add_argument("--seeds", type=int, default=5)
    options = cli.parse_args()
    params = parameters.load(options.params)
    folders = sorted(path.parent for path in options.benchmarks.glob("*/modules.csv*"))
    if folders:
        params = params.model_copy(update={"labels": params.labels.model_copy(update={"horizon_days": 365})})
    else:
        print(f"{options.benchmarks}: no benchmarks there; the default data set is used instead", file=sys.stderr)
        folders = [ROOT / params.ingest.raw]
    tables = [Tables(**read_raw(folder).tables) for folder in folders]
    found = []
    for number, own in enumerate(tables):
        found += curve(own, tables[:number] + tables[number + 1 :], params, options.seeds)
    rows = pd.DataFrame(found)
    # Seeds first, so that every release counts once.
    keys = ["project", "past", "pool"]
    means = rows.groupby([*keys, "release"], sort=False).mean(numeric_only=True).groupby(keys, sort=False)
    print(means.mean().assign(releases=means.size()).round({"own_rows": 0, "own_failed": 0}).round(4).to_string())


if __name__ == "__main__":
    main()
