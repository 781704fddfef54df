"""Do the probabilities hold? Reliability by level, coverage of the intervals, and the gate's promise, forward in time.

usage: python benchmarks/calibration.py [--benchmarks FOLDER] [--predictions FOLDER]

Reads the predictions that benchmarks/accuracy.py left in reports/benchmarks and what then happened, as the referee sees
it: the worst severity within 365 days, in every year that has a past. For each file it prints the expected calibration
error of each level or worse and in which year it is off, how often the count of failures lay in its 90 % interval, and
for three escape rates whether the block would have kept them; and draws the reliability plot beside the predictions.
"""

import argparse
import dataclasses
import pathlib
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd

from promotion_gate.decide.risk_control import promises
from promotion_gate.learn import calibration
from promotion_gate.learn.ingest import read_raw
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.splits import with_past
from promotion_gate.learn.tables import Tables
from promotion_gate.schema import LEVELS

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parents[1]
HORIZON = pd.Timedelta(days=365)
SLACK = pd.Timedelta(days=31)
"""The referee's: a year counts whose window ends up to a month after the last failure of the log."""
LIMIT = 0.03
RATES = (0.1, 0.2, 0.5)
COLUMNS = [f"p_{name}" for name in LEVELS]


def threshold(level: str) -> str:
    """What a threshold is called."""
    return level if level == LEVELS[-1] else f"{level} or worse"


def tested(predictions: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The predictions of the test years with what happened as `level`; years in which none or all failed are out."""
    parts = []
    for release in with_past(tables, HORIZON, tables.failures.occurred_at.max() + SLACK):
        own = predictions[(predictions.project == release.project) & (predictions.release == release.release)]
        level = worst_levels(tables, release, own.module, HORIZON)
        if 0 < (level > 0).sum() < len(own):
            parts.append(own.assign(level=level))
    return pd.concat(parts, ignore_index=True)


def tell_calibration(rows: pd.DataFrame) -> float:
    """Print the error of every level and where it is off; returns the error of P(failure)."""
    level, probabilities = rows.level.to_numpy(), rows[COLUMNS].to_numpy(float)
    errors = calibration.errors(level, probabilities)
    print("expected calibration error, all test years together:")
    print("  " + "   ".join(f"{threshold(name)} {error:.4f}" for name, error in errors.items()))
    print(f"  P(failure) at most {LIMIT}: {'yes' if errors['low'] <= LIMIT else 'NO'}")
    usual, high = calibration.error_by_chance(1 - probabilities[:, 0])
    print(f"  of exact probabilities, by chance: {usual:.4f}, in one of twenty cases above {high:.4f}")
    table = calibration.by_release(rows.release, level, probabilities)
    gap = table.forecast - table.observed
    off = table[(gap.abs() > LIMIT) | (table.error > LIMIT)]
    off = off.assign(off=np.select([gap[off.index] > LIMIT, gap[off.index] < -LIMIT], ["over", "under"], "in its bins"))
    print(f"years that are off by more than {LIMIT}:" + ("" if len(off) else " none"))
    if len(off):
        print(off.round(3).to_string(index=False))
    return errors["low"]


def tell_coverage(rows: pd.DataFrame) -> tuple[float, float]:
    """Print how often the count of failures lay in its interval; returns the share of the groups and of the years."""
    measured = []
    for kind, spread in (("scatter alone", 0.0 * rows.spread), ("with spread", rows.spread)):
        for year, own in rows.assign(used=spread).groupby("release"):
            failed, p = (own.level > 0).to_numpy(), 1 - own.p_negligible.to_numpy(float)
            found = calibration.coverage_of_counts(failed, p, own.used.to_numpy(float))
            measured.append(found.assign(year=year, interval=kind))
    table = pd.concat(measured, ignore_index=True)
    table["of"] = np.where(table.group == "all", "whole years", "tenths of a year by P(failure)")
    told = table.groupby(["of", "interval"]).agg(
        counts=("inside", "size"), inside=("inside", "mean"), expected=("mass", "mean")
    )
    print("counts of failed modules inside their 90 % interval (whole numbers make `expected` exceed .9):")
    print(told.round(3).to_string())
    years = table[(table.group == "all") & (table.interval == "with spread")]
    print(years[["year", "forecast", "failed", "low", "high", "inside"]].round(1).to_string(index=False))
    width = (rows.fis_high - rows.fis_low).quantile([0.5, 0.9])
    print(f"spread: median {rows.spread.median():.2f}; width of the score's interval: median {width[0.5]:.3f}, "
          f"90 % below {width[0.9]:.3f}")  # fmt: skip
    inside = told.inside.unstack("interval")["with spread"]
    return float(inside["tenths of a year by P(failure)"]), float(inside["whole years"])


def tell_promises(rows: pd.DataFrame, tables: Tables) -> str:
    """Print the promise year by year for each escape rate; returns the share of all years that escaped at each."""
    shares = []
    for rate in RATES:
        found = promises(rows, tables, HORIZON, rate)
        table = pd.DataFrame([dataclasses.asdict(promise) for promise in found])
        made = table[table.threshold.notna() & (table.severe > 0)]
        print(f"at most {rate:.0%} of the high and critical failures escape the block:")
        print(table.drop(columns=["project", "escape_rate"]).round(3).to_string(index=False))
        if len(made):
            share = made.escaped.sum() / made.severe.sum()
            shares.append(f"{share:.2f}")
            print(f"  kept in {made.kept.sum()} of {len(made)} years; escaped of all {share:.2f}, promised {rate}; "
                  f"blocked {made.blocked.mean():.3f}")  # fmt: skip
        else:
            shares.append("-")
    return " / ".join(shares)


def draw(rows: pd.DataFrame, name: str, path: pathlib.Path) -> None:
    """The reliability plot of the four thresholds, on log axes: most modules are forecast below a tenth."""
    table = calibration.reliability(rows.level.to_numpy(), rows[COLUMNS].to_numpy(float))
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([1e-4, 1], [1e-4, 1], color="grey", linewidth=0.8)
    for level in calibration.FROM:
        part = table[(table["from"] == level) & (table.observed > 0)]  # log axes cannot show 0
        axes.plot(part.forecast, part.observed, marker="o", markersize=4, label=threshold(level))
    axes.set(xscale="log", yscale="log", xlabel="forecast", ylabel="observed", title=f"{name}, all test years")
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--benchmarks", type=pathlib.Path, default=ROOT.parent / "shared" / "benchmarks")
    cli.add_argument("--predictions", type=pathlib.Path, default=ROOT / "reports" / "benchmarks")
    options = cli.parse_args()
    projects = sorted(path.parent.name for path in options.benchmarks.glob("*/modules.csv*"))
    if not projects:
        print(f"{options.benchmarks}: no benchmarks there; for the default data see reports/plots/calibration.csv and "
              "the key `promise` of reports/backtest.json (dvc repro)", file=sys.stderr)  # fmt: skip
        return
    summary = []
    for project in projects:
        tables = Tables(**read_raw(options.benchmarks / project).tables)
        for name in (project, f"{project}-pooled"):
            path = options.predictions / f"{name}.csv"
            if not path.exists():
                print(f"{path}: no predictions there; make them with `python benchmarks/accuracy.py`", file=sys.stderr)
                continue
            predictions = pd.read_csv(path, dtype={"release": str})
            if "spread" not in predictions:
                print(f"{path}: made before intervals were; run `python benchmarks/accuracy.py` again", file=sys.stderr)
                continue
            rows = tested(predictions, tables)
            years, failed = rows.release.nunique(), int((rows.level > 0).sum())
            print(f"\n== {name}: {years} test years, {len(rows)} modules, {failed} of them failed")
            error = tell_calibration(rows)
            tenths, whole = tell_coverage(rows)
            escaped = tell_promises(rows, tables)
            draw(rows, name, options.predictions / f"{name}-reliability.png")
            summary.append({"predictions": name, "ece": error, "at_most_.03": error <= LIMIT, "tenths_inside": tenths,
                            "years_inside": whole, f"escaped at {' / '.join(map(str, RATES))}": escaped})  # fmt: skip
    if summary:
        print("\n" + pd.DataFrame(summary).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
