"""How good are the predictions? Every project in ../shared/benchmarks, alone and pooled, by its own referee.

usage: python benchmarks/accuracy.py [--benchmarks FOLDER] [--params FILE] [--out FOLDER]

Runs `promotion-gate benchmark` for each folder of raw tables beside the referee's score.py, then the referee, whose
output is printed whole; then one table of means, and ours beside a third baseline: a ridge logistic regression on the
same ranks, trained on the same past. Where the folder is missing it says so and evaluates the default data set instead,
with the baselines of the pipeline.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import pandas as pd
from calibration import HORIZON, tested

from promotion_gate import params as parameters
from promotion_gate.learn import baselines, evaluation
from promotion_gate.learn.benchmark import pooled
from promotion_gate.learn.dataset import rows_of, training_set
from promotion_gate.learn.features import KEYS, featurize_all
from promotion_gate.learn.ingest import read_raw
from promotion_gate.learn.tables import Tables
from promotion_gate.params import Params

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIGURES = ("auc", "ap", "qwk", "brier", "logloss")
RIDGE = {"auc": "AUC", "average_precision": "AP", "log_loss_failure": "log loss of P(failure)"}


def run(command: list[str]) -> None:
    """Run a command with its output on ours; a failure stops everything."""
    subprocess.run(command, check=True)


def referee(
    folder: pathlib.Path, project: str, pool: list[str], params: pathlib.Path, out: pathlib.Path
) -> dict[str, object]:
    """Predict one project and have it scored; the referee's means and leads with our seconds."""
    name = f"{project}-pooled" if pool else project
    predictions, scores = out / f"{name}.csv", out / f"{name}.json"
    others = [argument for other in pool for argument in ("--pool", str(folder / other))]
    command = [sys.executable, "-m", "promotion_gate", "benchmark", str(folder / project), *others]
    begun = time.monotonic()
    run([*command, "--params", str(params), "--out", str(predictions)])
    seconds = time.monotonic() - begun
    print(f"\n== {name}: {seconds:.0f} s to train and predict every release", flush=True)
    run([sys.executable, str(folder / "score.py"), str(folder / project), str(predictions), "--json", str(scores)])
    return {"name": name, "seconds": seconds, **json.loads(scores.read_text(encoding="utf-8"))}


def beside_ridge(
    folder: pathlib.Path, project: str, pool: list[str], params: Params, predictions: pathlib.Path
) -> dict[str, list[float]]:
    """Ours less the ridge on ranks alone, mean of the referee's years: {figure: [difference, low, high]}, 95 %."""
    own, *others = (Tables(**read_raw(folder / name).tables) for name in [project, *pool])
    tables = pooled(own, others)
    features = featurize_all(tables, params.featurize)
    ours = tested(pd.read_csv(predictions, dtype={"release": str}), own)
    parts = [ours[[*KEYS, "level"]].assign(entrant=evaluation.OURS, score=1 - ours.p_negligible)]
    for release in own.timeline():
        level = ours[ours.release == release.release].set_index("module").level
        if len(level):
            data = training_set(tables, features, release.released_at, HORIZON, params.train.past_releases)
            assert data is not None, "tested years have a past"
            rows = rows_of(features, release).reset_index(drop=True)
            score = baselines.logistic_on_ranks(data, rows)
            parts.append(rows[KEYS].assign(level=rows.module.map(level), entrant="logistic_regression", score=score))
    found = pd.concat(parts, ignore_index=True)
    return evaluation.differences(found, params.evaluate.bootstrap, params.train.seed)["mean"]["logistic_regression"]


def listed(names: list[str]) -> str:
    """Names as a sentence lists them."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def verdict(lead: dict[str, list[float]]) -> str:
    """In which figures ours is better than the ridge alone, worse, or neither, by the interval of the difference."""
    sides: dict[str, list[str]] = {"better": [], "worse": [], "neither": []}
    for figure, (_, low, high) in lead.items():
        better, worse = (high < 0, low > 0) if figure.startswith("log_loss") else (low > 0, high < 0)
        sides["better" if better else "worse" if worse else "neither"].append(RIDGE[figure])
    told = ["what ours adds " + (f"earns its place in {listed(sides['better'])}" if sides["better"] else
                                 "does not earn its place in any figure")]  # fmt: skip
    told += [f"it loses in {listed(sides['worse'])}"] if sides["worse"] else []
    told += [f"{listed(sides['neither'])} cannot be told from no difference"] if sides["neither"] else []
    return "; ".join(told)


def tell_ridge(leads: dict[str, dict[str, list[float]]]) -> None:
    """Print ours less the ridge alone for each run, and what it says of the trees."""
    print("\nours less a ridge logistic regression on ranks alone, mean of the test years, 95 % interval")
    print("(c .1, no prior, no trees, the past's share as forecast; pooled: of all projects, each at equal mass):")
    for name, lead in leads.items():
        told = (f"{RIDGE[f]} {value:+.4f} [{low:+.4f}, {high:+.4f}]" for f, (value, low, high) in lead.items())
        print(f"  {name:<18}" + "   ".join(told))
    print("what ours adds is trees and a prior, in AUC and AP; a forecast of the prevalence too, in log loss:")
    for name, lead in leads.items():
        print(f"  {name}: {verdict(lead)}.")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--benchmarks", type=pathlib.Path, default=ROOT.parent / "shared" / "benchmarks")
    cli.add_argument("--params", type=pathlib.Path, default=ROOT / "params.yaml")
    cli.add_argument("--out", type=pathlib.Path, default=ROOT / "reports" / "benchmarks")
    options = cli.parse_args()
    if not (options.benchmarks / "score.py").exists():
        print(f"{options.benchmarks}: no benchmarks there; the default data set is evaluated instead", file=sys.stderr)
        run(["dvc", "repro", "--single-item", "evaluate"])
        return
    options.out.mkdir(parents=True, exist_ok=True)
    projects = sorted(path.parent.name for path in options.benchmarks.glob("*/modules.csv*"))
    pools = [(project, pool) for project in projects for pool in ([], [p for p in projects if p != project])]
    results = [referee(options.benchmarks, project, pool, options.params, options.out) for project, pool in pools]
    print(f"\n{'means of the test years':<22}{'':>10}" + "".join(f"{figure:>9}" for figure in FIGURES) + "  seconds")
    for result in results:
        for model, means in result["means"].items():
            cells = "".join(f"{means[f]:>9.4f}" if means.get(f) is not None else f"{'':>9}" for f in FIGURES)
            print(f"{result['name']:<22}{model:>10}{cells}" + (f"{result['seconds']:>9.0f}" if model == "ours" else ""))
    params = parameters.load(options.params)
    tell_ridge({
        result["name"]: beside_ridge(options.benchmarks, project, pool, params, options.out / f"{result['name']}.csv")
        for result, (project, pool) in zip(results, pools, strict=True)
    })  # fmt: skip


if __name__ == "__main__":
    main()
