"""How fast are decisions? Many from Parquet to Parquet, and one at a time, on this machine.

usage: python benchmarks/decisions.py [--rows 1000000] [--sample 2000] [--params FILE]

Makes requests in a temporary folder: modules of all sizes and scores, two levels, some categories and surcharges, three
in four with the lines of one to three suites, the others with a bare share, one in fifty without a score. A child
process decides on all of them by the function behind `promotion-gate decide --requests FILE.parquet`; its peak memory
is all that it held, libraries included. A sample is decided one at a time as well, and must come out the same.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

import numpy as np
import pandas as pd

from promotion_gate import params as parameters
from promotion_gate.decide.policy import decide, policy_version
from promotion_gate.operate.bulk_file import decide_file
from promotion_gate.operate.gate import Rules
from promotion_gate.schema import LEVELS, Decision, FISResult, ModuleData, SuiteCoverage

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUITES = ("unit", "integration", "aggregate")
CERTAIN = dict.fromkeys(LEVELS, 0.0) | {"negligible": 1.0}


def made_up(rows: int, seed: int = 20261124) -> pd.DataFrame:
    """Requests of every kind that the bulk form has."""
    random = np.random.default_rng(seed)
    loc = np.maximum(random.lognormal(4.5, 1.1, rows).round(), 1)
    found = pd.DataFrame(
        {
            "project": "shop",
            "module": [f"src/part{number % 97}/module{number}.py" for number in range(rows)],
            "category": pd.Categorical(random.choice(["shared", "legacy", "none"], rows)).rename_categories(
                {"none": "front-end"}
            ),
            "level": random.choice(["staging", "production"], rows),
            "fis": np.where(random.random(rows) < 0.02, np.nan, random.beta(1, 3, rows).round(6)),
            "surcharge": random.choice([0, 0.05, 0.1, 0.15], rows, p=[0.94, 0.03, 0.02, 0.01]),
        }
    )
    bare = random.random(rows) < 0.25
    found["coverage"] = np.where(bare, random.beta(8, 1.5, rows), np.nan)
    for suite in SUITES:
        reported = ~bare & (random.random(rows) < 0.8)
        found[f"total_{suite}"] = np.where(reported, loc, np.nan)
        found[f"covered_{suite}"] = np.where(reported, np.floor(loc * random.beta(8, 1.5, rows)), np.nan)
    return found


def one(row: dict, rules: Rules) -> Decision:
    """The one-at-a-time decision on a row."""
    suites = {
        name: SuiteCoverage(lines_covered=int(row[f"covered_{name}"]), lines_total=int(row[f"total_{name}"]))
        for name in SUITES
        if not np.isnan(row[f"total_{name}"])
    }
    score = None
    if not np.isnan(row["fis"]):
        told = {"severity": "low", "probabilities": CERTAIN, "model_version": "m/1", "data_hash": "d"}
        score = FISResult(project=row["project"], module=row["module"], fis=row["fis"], **told)
    return decide(
        ModuleData(project=row["project"], module=row["module"], category=row["category"]),
        row["level"],
        suites or (None if np.isnan(row["coverage"]) else row["coverage"]),
        score,
        policy=rules.policy,
        policy_version=rules.version,
        surcharge=Decimal(str(row["surcharge"])),
    )


def in_child(source: pathlib.Path, target: pathlib.Path, params: pathlib.Path) -> tuple[float, float]:
    """Seconds, and GB at the peak, of a process of its own that decides on a file."""
    begun = time.perf_counter()
    command = [sys.executable, __file__, "--source", str(source), "--target", str(target), "--params", str(params)]
    subprocess.run(command, check=True)
    spent = time.perf_counter() - begun
    return spent, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--rows", type=int, default=1_000_000)
    cli.add_argument("--sample", type=int, default=2_000)
    cli.add_argument("--params", type=pathlib.Path, default=ROOT / "params.yaml")
    cli.add_argument("--source", type=pathlib.Path, help=argparse.SUPPRESS)
    cli.add_argument("--target", type=pathlib.Path, help=argparse.SUPPRESS)
    options = cli.parse_args()
    read = parameters.load_rules(options.params)
    rules = Rules(read.impact, read.policy, policy_version(read.impact, read.policy), str(options.params))
    if options.source:
        decide_file(options.source, options.target, rules, {})
        return
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / "requests.parquet", pathlib.Path(folder) / "decisions.parquet"
        requests = made_up(options.rows)
        requests.to_parquet(source, index=False)
        spent, peak = in_child(source, target, options.params)
        decided = pd.read_parquet(target)
        print(f"{len(decided):,} decisions, Parquet to Parquet, on {os.cpu_count()} cores: {spent:.1f} s, "
              f"{peak:.2f} GB at the peak, {1e6 * spent / len(decided):.2f} us a decision")  # fmt: skip
        print(", ".join(f"{status}: {count:,}" for status, count in decided.status.value_counts().items()))
        sample = requests.head(options.sample).to_dict("records")
        begun = time.perf_counter()
        singly = [one(row, rules) for row in sample]
        each = (time.perf_counter() - begun) / len(sample)
        assert [decision.status for decision in singly] == decided.status.head(len(sample)).tolist()
        print(f"one at a time: {1000 * each:.3f} ms a decision, {each * len(decided) / spent:.0f} times as long")


if __name__ == "__main__":
    main()
