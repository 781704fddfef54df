"""What is each idea worth? Every part of the model taken out, every idea that was not kept put in, forward in time.

usage: python benchmarks/ablation.py [--benchmarks FOLDER] [--params FILE] [--data FOLDER] [--rows TEXT ...]
                                     [--projects NAME ...] [--resamples N] [--out FILE.json|FILE.md]

Every test release of every project in ../shared/benchmarks (365 days, the referee's years) and of the default data set
(the window and the test releases of params.yaml) is predicted by the model as it is and by each variant, from what was
known at its date. A row is the variant less the model: the mean over all test releases, with a 95 % interval of paired
resamples of modules within releases, in thousandths. Below it: what the model knows of the severity of a failure.
--rows takes parts of names. It takes about ten minutes on two free cores, twice that on busy ones.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # one thread a worker; before numpy is loaded

import numpy as np
import numpy.typing as npt
from cases import cases
from tqdm import tqdm
from variants import AS_IS, ROWS, Row, forecast_mix

from promotion_gate.learn import tables as store
from promotion_gate.learn.scores import Statistic, auc, average_precision, exactly, log_loss, paired_difference
from promotion_gate.schema import LEVELS

ROOT = pathlib.Path(__file__).resolve().parents[1]
Array = npt.NDArray[np.float64]


def kappa(level: npt.NDArray[np.int64], predicted: Array, weights: Array) -> Array:
    """Quadratic weighted kappa of predicted levels, shape (draws,)."""
    size = len(LEVELS)
    met = np.eye(size * size)[level * size + predicted.astype(int)]
    table = (weights @ met).reshape(-1, size, size)
    cost = (np.arange(size)[:, None] - np.arange(size)) ** 2
    expected = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :] / table.sum(axis=(1, 2))[:, None, None]
    with np.errstate(invalid="ignore"):
        return np.asarray(1 - (table * cost).sum(axis=(1, 2)) / (expected * cost).sum(axis=(1, 2)))


class Predicted(NamedTuple):
    """What a variant says of one release, and what then happened."""

    level: npt.NDArray[np.int64]
    probabilities: Array
    severity: npt.NDArray[np.int64]


FIGURES: dict[str, tuple[Statistic, str]] = {
    "AUC": (auc, "any"),
    "AP": (average_precision, "any"),
    "log loss": (log_loss, "all"),
    "QWK": (kappa, "severity"),
}
EACH = ("AUC", "AP", "log loss")
"""Shown of each project."""
KEPT = {True: "yes", False: "no", None: "-"}
SHOWN = {"activemq": "ActiveMQ", "groovy": "Groovy", "zeppelin": "Zeppelin", "django": "Django"}


def seen_by(found: Predicted, part: str) -> Array:
    """What a figure compares: P(failure), all probabilities, or the predicted levels."""
    parts = {"any": 1 - found.probabilities[:, 0], "all": found.probabilities, "severity": found.severity.astype(float)}
    return parts[part]


def predicted(folder: str, others: tuple[str, ...], params_file: str, name: str) -> dict[str, Predicted]:
    """What the variant of a name says of every test release of a project."""
    variant = next(row for row in ROWS if row.name == name).variant
    return {
        f"{case.release.project} {case.release.release}": Predicted(case.level, *variant(case))
        for case in cases(folder, others, params_file)
    }


def mixes(folder: str, params_file: str) -> dict[str, Array]:
    """The mix of the levels of failures that a project's past lets expect, shape (5,), by test release."""
    return {
        f"{case.release.project} {case.release.release}": forecast_mix(case) for case in cases(folder, (), params_file)
    }


def effect(
    ours: dict[str, Predicted], other: dict[str, Predicted], resamples: int
) -> dict[str, tuple[float, float, float]]:
    """Variant less model of every figure: difference and its 95 % interval."""
    return {
        figure: paired_difference(
            {key: (ours[key].level, seen_by(ours[key], part), seen_by(other[key], part)) for key in ours},
            statistic,
            resamples,
        )
        for figure, (statistic, part) in FIGURES.items()
    }


def given_failure(found: dict[str, Predicted], mix: dict[str, Array], resamples: int) -> dict[str, list[float]]:
    """What is known of the severity once a module failed: kappa, and log loss less that of the forecast mix."""
    levels, probabilities = {}, {}
    for key, (level, p, severity) in found.items():
        failed = level > 0
        if len(set(level[failed])) > 1:
            among = p[failed] * (np.arange(len(LEVELS)) > 0)
            same = np.tile(mix[key], (failed.sum(), 1))
            # A constant level has a kappa of zero, whichever it is.
            levels[key] = (level[failed], severity[failed].astype(float), np.ones(failed.sum()))
            probabilities[key] = (level[failed], among / among.sum(axis=1, keepdims=True), same)
    return {
        "QWK among the failed, ours less a constant": list(paired_difference(levels, kappa, resamples)),
        "log loss given failure, ours less the mix": list(paired_difference(probabilities, log_loss, resamples)),
    }


def thousandths(value: float) -> str:
    """A difference as the tables tell it; what rounds to nothing has no sign."""
    return f"{1000 * value:+.1f}".replace("-0.0", "0.0").replace("+0.0", "0.0")


def cells(told: Sequence[float]) -> str:
    """A difference with its interval."""
    return f"{thousandths(told[0])} [{thousandths(told[1])}, {thousandths(told[2])}]"


def markdown(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table."""
    return ["| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *rows)]


def page(measured: list[dict[str, object]], projects: list[str], severity: dict[str, dict[str, list[float]]]) -> str:
    """The rows as Markdown: kept or not, every figure with its interval; by project; what is known of the severity."""
    effects = [[row["idea"], KEPT[row["kept"]], *(cells(row["mean"][f]) for f in FIGURES)] for row in measured]
    parts = [
        [row["idea"]]
        + [
            " / ".join(thousandths(row["projects"][p][f]) for f in EACH) if p in row["projects"] else ""
            for p in projects
        ]
        for row in measured
    ]
    known = [[SHOWN.get(name, name), *map(cells, figures.values())] for name, figures in severity.items()]
    return "\n".join([
        *markdown(["idea", "kept", *FIGURES], effects), "",
        *markdown([" / ".join(EACH), *(SHOWN.get(project, project) for project in projects)], parts), "",
        *markdown(["severity given failure", *next(iter(severity.values()))], known),
    ])  # fmt: skip


def measure(
    idea: str,
    kept: bool | None,
    ours: dict[str, dict[str, Predicted]],
    other: dict[str, dict[str, Predicted]],
    resamples: int,
) -> dict[str, object]:
    """One row: the mean over the test releases of all projects, and the difference in each."""
    every = {key: value for project in ours for key, value in ours[project].items()}
    beside = {key: value for project in ours for key, value in other[project].items()}
    each = {
        project: {
            figure: float(np.mean([
                exactly(s, of.level, seen_by(of, part)) - exactly(s, of.level, seen_by(other[project][key], part))
                for key, of in ours[project].items()
            ]))
            for figure, (s, part) in FIGURES.items()
        }
        for project in ours
    }  # fmt: skip
    return {"idea": idea, "kept": kept, "mean": effect(every, beside, resamples), "projects": each}


def report(
    rows: list[Row], folders: dict[str, str], pool: list[str], params_file: str, resamples: int
) -> tuple[list[dict[str, object]], dict[str, dict[str, list[float]]]]:
    """Measure rows over projects, two at a time; then what is known of the severity, by project and over all."""
    others = {name: tuple(folders[other] for other in pool if other != name) for name in pool if len(pool) > 1}
    wanted = dict.fromkeys([(False, AS_IS)])
    for row in rows:
        wanted |= dict.fromkeys([(row.pool, row.name), (row.beside_pooled, AS_IS)])
    jobs = [(project, pooled_in, name) for project in folders for pooled_in, name in sorted(wanted)]
    jobs = [job for job in jobs if not job[1] or job[0] in others]
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        running = [
            executor.submit(predicted, folders[project], others[project] if pooled_in else (), params_file, name)
            for project, pooled_in, name in jobs
        ]
        done = [task.result() for task in tqdm(running, desc="variants", unit="project")]
        found = dict(zip(jobs, done, strict=True))
        pairs = []
        for row in [row for row in rows if row.name != AS_IS]:
            names = [name for name in folders if (name, row.pool, row.name) in found]
            ours = {name: found[name, row.pool, row.name] for name in names}
            other = {name: found[name, row.beside_pooled, AS_IS] for name in names}
            if names:
                pairs.append((row.name, row.kept, ours, other))
        running = [executor.submit(measure, *pair, resamples) for pair in pairs]
        measured = [task.result() for task in tqdm(running, desc="intervals", unit="row")]
        known = {name: found[name, False, AS_IS] for name in folders}
        mix = {name: executor.submit(mixes, folder, params_file) for name, folder in folders.items()}
        severity = {name: given_failure(known[name], mix[name].result(), resamples) for name in folders}
        every, all_mixes = ({k: v for part in parts.values() for k, v in part.items()}
                            for parts in (known, {name: task.result() for name, task in mix.items()}))  # fmt: skip
    return measured, {"all": given_failure(every, all_mixes, resamples), **severity}


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--benchmarks", type=pathlib.Path, default=ROOT.parent / "shared" / "benchmarks")
    cli.add_argument("--data", type=pathlib.Path, default=ROOT / "data" / "interim")
    cli.add_argument("--params", type=pathlib.Path, default=ROOT / "params.yaml")
    cli.add_argument("--rows", nargs="+", default=[""])
    cli.add_argument("--projects", nargs="+")
    cli.add_argument("--resamples", type=int, default=300)
    cli.add_argument("--out", type=pathlib.Path)
    options = cli.parse_args()
    rows = [row for row in ROWS if any(text in row.name for text in options.rows)]
    folders = {path.parent.name: str(path.parent) for path in sorted(options.benchmarks.glob("*/modules.csv*"))}
    pool = list(folders)
    if not folders:
        print(f"{options.benchmarks}: no benchmarks there; the default data set alone is measured", file=sys.stderr)
    if (options.data / "modules.parquet").exists():
        folders[store.read(options.data).project()] = str(options.data)
    else:
        print(f"{options.data}: no ingested data there; `dvc repro ingest` makes them", file=sys.stderr)
    if options.projects:
        folders = {name: folder for name, folder in folders.items() if name in options.projects}
        pool = [name for name in pool if name in folders]
    if not folders or not rows:
        raise SystemExit("nothing to measure")
    measured, severity = report(rows, folders, pool, str(options.params), options.resamples)
    text = page(measured, list(folders), severity)
    print("Variant less the model in thousandths, 95 % intervals; a log loss above 0 is worse. Projects: "
          f"{', '.join(folders)}.\n\n{text}")  # fmt: skip
    if options.out:
        as_json = json.dumps({"rows": measured, "severity given failure": severity}, indent=1)
        options.out.write_text((as_json if options.out.suffix == ".json" else text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
