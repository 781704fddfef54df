"""How good are the predictions? Every project in ../shared/benchmarks, alone and pooled, by its own referee.

usage: python benchmarks/accuracy.py [--benchmarks FOLDER] [--params FILE] [--out FOLDER]

Runs `promotion-gate benchmark` for each folder of raw tables beside the referee's score.py, then the referee, whose
output is printed whole; ends with one table of means. Where the folder is missing it says so and evaluates the default
data set instead, with the baselines of the pipeline.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIGURES = ("auc", "ap", "qwk", "brier", "logloss")


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


if __name__ == "__main__":
    main()
