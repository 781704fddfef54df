"""What do our own tables of a project say beside those that others made of it? Failures, and predictions from them.

usage: python benchmarks/failures.py REPO --tracker EXPORT --against TABLES [--releases yearly:2012:2019]
                                     [--referee SCORE.py]

Runs `promotion-gate collect git --tracker` from an empty cache and times it; counts modules, dependencies and failures
beside those in TABLES; lists, by issue, the failures that only one of them has, with what the command itself can say of
the reason. With the referee, `promotion-gate benchmark` predicts every release from either, each is scored on its own
tables, and then both on the same modules and failures, those of TABLES. The referee's forest takes no empty figure:
only for it, what could not be measured of a module is 0.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pandas as pd
from collect import command_of_ours, spent

FIGURES = ("auc", "ap", "qwk", "brier", "logloss")


def table(folder: pathlib.Path, name: str) -> pd.DataFrame:
    """Read a table of either."""
    path = next(path for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if path.exists())
    return pd.read_csv(path, dtype={"release": str})


def beside(own: pathlib.Path, other: pathlib.Path) -> None:
    """Count tables, and list the failures of which only one knows."""
    for name, key in (
        ("modules", ["release", "module"]),
        ("dependencies", ["release", "module", "depends_on"]),
        ("failures", ["failure_id", "module"]),
    ):
        one, two = (table(folder, name) for folder in (own, other))
        joined = one.merge(two, on=key, how="outer", indicator="where", suffixes=("", "_other"))
        both, here, there = (joined[joined["where"] == side] for side in ("both", "left_only", "right_only"))
        print(f"{name}: {len(one):,} here, {len(two):,} there; {len(both):,} in both, {len(here):,} only here, "
              f"{len(there):,} only there")  # fmt: skip
    issues = [set(table(folder, "failures").failure_id) for folder in (own, other)]
    print(f"issues with a failure: {len(issues[0]):,} here, {len(issues[1]):,} there")
    for column in ("severity", "occurred_at", "resolved_at"):
        values = [both[column], both[f"{column}_other"]]
        if column != "severity":
            values = [pd.to_datetime(value, format="ISO8601", utc=True) for value in values]
        print(f"  {column}: equal in {(values[0] == values[1]).mean():.1%} of the failures in both")
    endings = set(table(other, "modules").module.str.rpartition(".")[2])
    for side, rows in (("here", here), ("there", there)):
        foreign = ~rows.module.str.rpartition(".")[2].isin(endings)
        rest = rows[~foreign].failure_id.value_counts().to_dict()
        print(f"  only {side}: {foreign.sum()} in languages that the other does not read; the rest by issue: {rest}")


def predicted(tables: pathlib.Path, out: pathlib.Path) -> None:
    """Predict every release that has a past."""
    command = [sys.executable, "-m", "promotion_gate", "benchmark", str(tables), "--params", "params.yaml"]
    subprocess.run([*command, "--out", str(out)], check=True)


def scored(referee: pathlib.Path, tables: pathlib.Path, predictions: pathlib.Path, scratch: pathlib.Path) -> str:
    """The referee's means of ours."""
    told, filled = scratch / "scores.json", scratch / "filled"
    filled.mkdir(exist_ok=True)
    for name in ("releases", "modules", "failures"):
        table(tables, name).fillna(0).to_csv(filled / f"{name}.csv", index=False)
    command = [sys.executable, str(referee), str(filled), str(predictions), "--json", str(told)]
    subprocess.run(command, check=True, capture_output=True)
    means = json.loads(told.read_text(encoding="utf-8"))["means"]["ours"]
    return "  ".join(f"{figure} {means[figure]:.4f}" for figure in FIGURES)


def race(referee: pathlib.Path, own: pathlib.Path, other: pathlib.Path, scratch: pathlib.Path) -> None:
    """Predict from either, and score each on its own tables and both on the same."""
    sides = {"here": own, "there": other}
    for side, tables in sides.items():
        predicted(tables, scratch / f"{side}.csv")
        print(
            f"predicted from the tables {side}, on these: {scored(referee, tables, scratch / f'{side}.csv', scratch)}"
        )
    project = table(other, "modules").project.iloc[0]
    keys = table(own, "modules")[["release", "module"]].merge(table(other, "modules"), on=["release", "module"])
    truth = scratch / "truth"
    truth.mkdir()
    keys.to_csv(truth / "modules.csv", index=False)
    for name in ("releases", "failures"):
        table(other, name).to_csv(truth / f"{name}.csv", index=False)
    for side in sides:
        rows = pd.read_csv(scratch / f"{side}.csv", dtype={"release": str}).assign(project=project)
        rows = rows.merge(keys[["release", "module"]], on=["release", "module"])
        rows.to_csv(scratch / "same.csv", index=False)
        told = scored(referee, truth, scratch / "same.csv", scratch)
        print(f"predicted from the tables {side}, on what both have: {told}")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("repository", type=pathlib.Path)
    cli.add_argument("--tracker", required=True)
    cli.add_argument("--against", type=pathlib.Path, required=True)
    cli.add_argument("--releases", default="yearly:2012:2019")
    cli.add_argument("--referee", type=pathlib.Path)
    options = cli.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        whole = command_of_ours(options.repository, options.releases, scratch, "--tracker", options.tracker)
        told = whole["reports"][-1]
        print(f"{sum(whole['report']['commits'].values()):,} commits, {told['rows']:,} rows: {spent(whole)}")
        for reason, found in {**told["set_aside"], **told["unlinked"]}.items():
            print(f"  {reason}: {found['count'] if isinstance(found, dict) else found:,}")
        beside(scratch / "raw", options.against)
        if options.referee:
            race(options.referee, scratch / "raw", options.against, scratch)


if __name__ == "__main__":
    main()
