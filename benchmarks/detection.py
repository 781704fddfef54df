"""Does the detector cry wolf, and how fast is it? Simulated traffic with known truth, beside two usual rules.

usage: python benchmarks/detection.py [--runs 1000] [--out reports/detection] [--params params.yaml]

A watch is 24 h of 10 s windows after 24 h of past, at a mean of 50 requests a second that swing by half over the day.
Three rules look at every window of the same traffic:

    e-process     the detector of operate/monitoring under the policy's `monitor`, both its measures
    threshold     the error rate of the last 5 minutes is above twice that of the past
    Mann-Whitney  the error rates of the last 30 windows against those of the hour before the promotion: one-sided,
                  1 % a look, as canary judges do

Written to the folder: detection.json, detection.txt, detection.png and .svg.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.stats import binomtest, norm
from tqdm import tqdm

from promotion_gate import params
from promotion_gate.operate.monitoring import process
from promotion_gate.operate.monitoring.baseline import BLOCK_S, Tally, upper_bound
from promotion_gate.operate.monitoring.evidence import TILTS, Allowed, bounded, paired
from promotion_gate.operate.monitoring.shared import risen
from promotion_gate.rules import Monitor

ROOT = pathlib.Path(__file__).resolve().parents[1]
WINDOW_S, DAY_S = 10, 86_400
DAY, HOUR, BLOCK = DAY_S // WINDOW_S, 3600 // WINDOW_S, BLOCK_S // WINDOW_S
PER_SECOND = 50
SLOW = 0.04
"""Share of the stable version's requests above the bucket's bound."""
CONTROLS, CONTROL_PER_SECOND = 12, 20
RATES = (1e-4, 1e-3, 1e-2, 5e-2)
EFFECTS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("x 1.5", lambda rate: 1.5 * rate),
    ("x 2", lambda rate: 2 * rate),
    ("x 5", lambda rate: 5 * rate),
    ("+ 20 points", lambda rate: rate + 0.2),
)
RULES = ("e-process", "threshold", "Mann-Whitney")
Array = npt.NDArray[np.float64]
NEVER = np.iinfo(np.int64).max


@dataclasses.dataclass(frozen=True)
class Traffic:
    """A past and a watch, of many runs: shapes (runs, windows), the stable version beside it where it runs on.

    The past is told by blocks, shape (runs, blocks), and by the error rates of its last hour's windows.
    """

    past_requests: Array
    past_errors: Array
    hour_before: Array
    requests: Array
    errors: Array
    slow: Array
    event: npt.NDArray[np.bool_] | None = None
    beside: Array | None = None
    beside_errors: Array | None = None


class World:
    """Draws traffic: Poisson requests with a daily cycle of a random phase, binomial errors."""

    def __init__(self, runs: int, seed: int) -> None:
        self.random, self.runs = np.random.default_rng(seed), runs
        self._phase = self.random.random((runs, 1)) * 2 * np.pi

    def requests(self, windows: int = DAY, length: int = 1) -> Array:
        """Requests of the first windows of a day, or of groups of so many of them."""
        angle = 2 * np.pi * (np.arange(0, windows, length) + length / 2) / DAY + self._phase
        return self.random.poisson(PER_SECOND * WINDOW_S * length * (1 + 0.5 * np.sin(angle))).astype(float)

    def bad(self, requests: Array, rate: Array | float) -> Array:
        """Bad ones of them."""
        return self.random.binomial(requests.astype(np.int64), np.clip(rate, 0, 1)).astype(float)

    def traffic(self, past_rate: Array | float, rate: Array | float, windows: int = DAY, **more: Any) -> Traffic:
        """A past at one error rate and a watch at another; rates that change are told by window."""
        now = self.requests(windows)
        errors, slow = self.bad(now, rate), self.bad(now, SLOW)
        if isinstance(past_rate, float):
            past, hour = self.requests(length=BLOCK), self.requests(HOUR)
            return Traffic(past, self.bad(past, past_rate), self.bad(hour, past_rate) / hour, now, errors, slow, **more)
        past = self.requests()
        bad = self.bad(past, past_rate)
        blocks = (sums.reshape(self.runs, -1, BLOCK).sum(axis=2) for sums in (past, bad))
        return Traffic(*blocks, bad[:, -HOUR:] / past[:, -HOUR:], now, errors, slow, **more)

    def outages(self, count: int = 3) -> Array:
        """What outages add to every module's error rate: 2 to 30 minutes, .5 to 30 points, at any time."""
        added = np.zeros((self.runs, DAY))
        for run in range(self.runs):
            for start in self.random.integers(0, DAY, count):
                added[run, start : start + self.random.integers(12, 180)] += 10 ** self.random.uniform(-2.3, -0.5)
        return added

    def events(self, rate: float, added: Array) -> npt.NDArray[np.bool_]:
        """Which windows the other modules show to be events."""
        found = np.zeros((self.runs, DAY), bool)
        a_day = CONTROL_PER_SECOND * DAY_S
        usual = (self.random.poisson(a_day * rate, (self.runs, CONTROLS, 1)) + 0.5) / (a_day + 1)
        bad_before = expected_before = np.zeros((self.runs, CONTROLS, 5))
        for start in range(0, DAY, 240):
            part = slice(start, start + 240)
            requests = self.random.poisson(CONTROL_PER_SECOND * WINDOW_S, (self.runs, CONTROLS, 240))
            bad = np.concatenate((bad_before, self.random.binomial(requests, rate + added[:, None, part])), axis=2)
            expected = np.concatenate((expected_before, requests * usual), axis=2)
            lately = [np.lib.stride_tricks.sliding_window_view(sums, 6, axis=2).sum(axis=3) for sums in (bad, expected)]
            looks = (bad[:, :, 5:], expected[:, :, 5:], *lately)
            found[:, part] = risen(*(np.moveaxis(look, 1, 2) for look in looks))
            bad_before, expected_before = bad[:, :, -5:], expected[:, :, -5:]
        return found

    def swings(self, spread: float) -> Array:
        """Factors of mean 1 on the error rate that wander over a quarter of an hour: log-normal, autoregressive."""
        keep = np.exp(-WINDOW_S / 900)
        noise = self.random.normal(0, spread * np.sqrt(1 - keep**2), (self.runs, DAY))
        noise[:, 0] = self.random.normal(0, spread, self.runs)
        for at in range(1, DAY):
            noise[:, at] += keep * noise[:, at - 1]
        return np.exp(noise - spread**2 / 2)


def tallies(requests: Array, bad: Array) -> list[Tally]:
    """The past of each run as the detector keeps it."""
    squares = (bad**2 / requests).sum(axis=1)
    return [
        Tally(n, k, blocks=requests.shape[1], closed_requests=n, closed_bad=k, squares=square)
        for n, k, square in zip(requests.sum(axis=1), bad.sum(axis=1), squares, strict=True)
    ]


def e_process(traffic: Traffic, rules: Monitor, world: World) -> npt.NDArray[np.int64]:
    """Window of each run's alarm, and `NEVER`: the detector's own functions, all runs at once."""
    rate, runs = float(rules.false_alarm_rate), len(traffic.requests)
    slow_past = world.bad(traffic.past_requests, SLOW)
    bases = []
    for bad, tolerance in ((traffic.past_errors, rules.errors), (slow_past, rules.latency)):
        past, allowed = (
            tallies(traffic.past_requests, bad),
            Allowed(float(tolerance.relative), float(tolerance.absolute)),
        )
        bound = allowed([upper_bound(one, rate) for one in past])
        bases.append((past, allowed, bound, np.array([one.dispersion for one in past])[:, None]))
    (past, allowed, bound, scatter), (_, _, slow_bound, slow_scatter) = bases
    usual_bad, usual_all = np.array([one.bad for one in past]) + 0.5, np.array([one.requests for one in past]) + 1.0
    stakes, slow_stakes = np.full((2, runs, len(TILTS)), -np.inf)
    alarm, seen, spent = np.full(runs, NEVER), np.zeros(runs), np.zeros(runs)
    first = -(-rules.grace_seconds // WINDOW_S)
    live = np.arange(runs)
    for at in range(first, traffic.requests.shape[1]):
        until = float(process.stake_spent((at + 1 - first) * WINDOW_S, DAY_S - rules.grace_seconds))
        judged = live if traffic.event is None else live[~traffic.event[live, at]]
        n, k = traffic.requests[judged, at], traffic.errors[judged, at]
        if traffic.beside is None or traffic.beside_errors is None:
            log_e = bounded(n, k, bound[judged])
        else:
            m, bad_m = traffic.beside[judged, at], traffic.beside_errors[judged, at]
            log_e = paired(n, k, m, bad_m, usual_bad[judged] / usual_all[judged], allowed)
            usual_bad[judged] += bad_m
            usual_all[judged] += m
        stake = until - spent[judged]
        stakes[judged] = process.advance(stakes[judged], log_e / scatter[judged], stake, rate, rules.confirm_windows)
        slow_e = bounded(n, traffic.slow[judged, at], slow_bound[judged]) / slow_scatter[judged]
        slow_stakes[judged] = process.advance(slow_stakes[judged], slow_e, stake, rate, rules.confirm_windows)
        spent[judged] = until
        seen[judged] += n
        both = [process.value(one[judged], until) for one in (stakes, slow_stakes)]
        value = sum(both) / process.METRICS
        over = judged[(value >= process.threshold(rate)) & (seen[judged] >= rules.least_requests)]
        alarm[over] = at
        live = live[alarm[live] == NEVER]
        if not len(live):
            break
    wait = -(-rules.late_seconds // WINDOW_S)  # a window is judged when later ones have come
    return np.where(alarm == NEVER, NEVER, alarm + wait)


def rolling(values: Array, length: int) -> Array:
    """Sums over the last windows, fewer at the start."""
    sums = np.cumsum(values, axis=1)
    sums[:, length:] -= sums[:, :-length].copy()
    return sums


def first_of(over: npt.NDArray[np.bool_], start: int) -> npt.NDArray[np.int64]:
    """The first window from `start` on, `NEVER` where none."""
    over = over.copy()
    over[:, :start] = False
    return np.where(over.any(axis=1), over.argmax(axis=1), NEVER)


def threshold_rule(traffic: Traffic, rules: Monitor) -> npt.NDArray[np.int64]:
    """Alarm where the error rate of 5 minutes is above twice the past's."""
    usual = traffic.past_errors.sum(axis=1) / traffic.past_requests.sum(axis=1)
    lately = rolling(traffic.errors, 30) / np.maximum(rolling(traffic.requests, 30), 1)
    return first_of(lately > 2 * usual[:, None], 29 + rules.grace_seconds // WINDOW_S)


def mann_whitney(traffic: Traffic, rules: Monitor, length: int = 30) -> npt.NDArray[np.int64]:
    """Alarm where the last windows' error rates are larger than those of the hour before, at 1 % a look.

    Normal approximation with the correction for ties at 0; other ties of error rates are rare.
    """
    now = traffic.errors / np.maximum(traffic.requests, 1)
    before = np.sort(traffic.hour_before, axis=1)
    above = np.stack(
        [(row.searchsorted(x) + row.searchsorted(x, "right")) / 2 for row, x in zip(before, now, strict=True)]
    )
    m = before.shape[1]
    total = length + m
    zeros = rolling((now == 0).astype(float), length) + (before == 0).sum(axis=1)[:, None]
    variance = length * m / 12 * (total + 1 - (zeros**3 - zeros) / (total * (total - 1)))
    z = (rolling(above, length) - length * m / 2 - 0.5) / np.sqrt(np.maximum(variance, 1e-9))
    return first_of(z > norm.isf(0.01), length - 1 + rules.grace_seconds // WINDOW_S)


def alarms(traffic: Traffic, rules: Monitor, world: World) -> dict[str, npt.NDArray[np.int64]]:
    """Window of the alarm in each run, by rule."""
    found = (e_process(traffic, rules, world), threshold_rule(traffic, rules), mann_whitney(traffic, rules))
    return dict(zip(RULES, found, strict=True))


def no_worse(runs: int, rules: Monitor) -> dict[str, Callable[[], tuple[Traffic, World]]]:
    """The scenarios in which every alarm is false, the last three beyond what the method promises."""
    allowed = Allowed(float(rules.errors.relative), float(rules.errors.absolute))

    def plain(past: float, now: float) -> Callable[[], tuple[Traffic, World]]:
        return lambda: ((world := World(runs, int(1e6 * past + 1e7 * now))).traffic(past, now), world)

    def outages() -> tuple[Traffic, World]:
        world = World(runs, 11)
        added = world.outages()
        return world.traffic(1e-3, 1e-3 + added, event=world.events(1e-3, added)), world

    def blip() -> tuple[Traffic, World]:
        world = World(runs, 12)
        rate = np.full((runs, DAY), 1e-3)
        rate[:, :2] = 0.5
        return world.traffic(1e-3, rate), world

    def parallel() -> tuple[Traffic, World]:
        world = World(runs, 13)
        rate = 1e-3 * world.swings(1.0) + world.outages()
        beside = world.requests()
        return world.traffic(1e-3, rate, beside=beside, beside_errors=world.bad(beside, rate)), world

    def bursts() -> tuple[Traffic, World]:
        world = World(runs, 14)
        past, now = (1e-3 * world.random.gamma(0.2, 5.0, (runs, DAY)) for _ in range(2))
        return world.traffic(past, now), world

    def wandering() -> tuple[Traffic, World]:
        world = World(runs, 15)
        return world.traffic(1e-3 * world.swings(0.4), 1e-3 * world.swings(0.4)), world

    def one_window() -> tuple[Traffic, World]:
        world = World(runs, 16)
        rate = np.full((runs, DAY), 1e-3)
        rate[np.arange(runs), world.random.integers(3, DAY, runs)] = 0.3
        return world.traffic(1e-3, rate), world

    return {
        **{f"same rate {rate:g}": plain(rate, rate) for rate in RATES},
        **{f"edge of tolerance {rate:g}": plain(rate, float(allowed(rate))) for rate in RATES},
        "deploy blip, 20 s of 50 %": blip,
        "shared outages, 3 a day": outages,
        "stable in parallel, both wander, outages": parallel,
        "beyond: errors in bursts, variance x 3": bursts,
        "beyond: error rate wanders by 40 %": wandering,
        "beyond: one window of 30 %": one_window,
    }


def false_alarms(runs: int, rules: Monitor) -> list[dict[str, Any]]:
    """Share of the watches that end in a false alarm by scenario and rule, with Clopper and Pearson's 95 % interval."""
    rows = []
    for name, made in tqdm(no_worse(runs, rules).items(), desc="false alarms", disable=None):
        traffic, world = made()
        for rule, alarm in alarms(traffic, rules, world).items():
            count = int((alarm < DAY).sum())
            interval = binomtest(count, runs).proportion_ci()
            left_out = None if traffic.event is None or rule != RULES[0] else float(traffic.event.mean())
            rows.append(
                {"scenario": name, "rule": rule, "runs": runs, "alarms": count, "share": count / runs,
                 "interval": [interval.low, interval.high], "left_out": left_out}
            )  # fmt: skip
    return rows


def detections(runs: int, rules: Monitor) -> list[dict[str, Any]]:
    """Time and traffic from fault to alarm, by rate, effect, onset and rule; alarms before it are counted apart."""
    rows = []
    cases = [(rate, effect, 0) for rate in RATES for effect in EFFECTS]
    cases += [(rate, effect, 6) for rate in (1e-3, 1e-2) for effect in EFFECTS]
    for rate, (effect, worse), onset in tqdm(cases, desc="detection", disable=None):
        world = World(runs, int(1e6 * rate) + onset + sum(map(ord, effect)))
        start = max(onset * HOUR, 3)
        windows = DAY if worse(rate) < 5 * rate else start + 4 * HOUR  # soon seen
        rates = np.where(np.arange(windows) >= start, worse(rate), rate)
        traffic = world.traffic(rate, np.broadcast_to(rates, (runs, windows)), windows)
        total = np.cumsum(traffic.requests, axis=1)
        for rule, alarm in alarms(traffic, rules, world).items():
            early, caught = alarm < start, (alarm >= start) & (alarm < windows)
            right = np.where(caught, alarm, windows - 1)
            seconds = np.where(caught, (right - start + 1) * WINDOW_S, np.inf)[~early]
            spent = (total[np.arange(runs), right] - total[:, start - 1])[~early]
            middle = float(np.median(seconds)) if len(seconds) else np.inf
            rows.append(
                {"rate": rate, "effect": effect, "onset_h": onset, "rule": rule, "false_before": float(early.mean()),
                 "caught": float(caught.sum() / max(1, (~early).sum())),
                 "median_s": middle if np.isfinite(middle) else None,
                 "p90_s": _finite(np.quantile(seconds, 0.9, method="higher")) if len(seconds) else None,
                 "median_requests": float(np.median(spent)) if np.isfinite(middle) else None}
            )  # fmt: skip
    return rows


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def table(found: dict[str, Any]) -> str:
    """For people."""
    lines = [f"false alarms in a watch of 24 h, {found['runs']} runs, configured: {found['false_alarm_rate']:g}", ""]
    lines.append(f"{'scenario':44}" + "".join(f"{rule:>24}" for rule in RULES))
    shown: dict[str, list[str]] = {}
    for row in found["false_alarms"]:
        low, high = row["interval"]
        shown.setdefault(row["scenario"], []).append(f"{row['share']:.3f} ({low:.3f}-{high:.3f})")
    lines += [f"{name:44}" + "".join(f"{cell:>24}" for cell in cells) for name, cells in shown.items()]
    lines += [
        "",
        "median time from the fault to the alarm (share caught within the watch; false alarms before the fault)",
        "",
    ]
    lines.append(f"{'error rate, effect, onset':34}" + "".join(f"{rule:>26}" for rule in RULES) + f"{'requests':>12}")
    cases: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found["detection"]:
        cases.setdefault((row["rate"], row["effect"], row["onset_h"]), []).append(row)
    for (rate, effect, onset), rows in cases.items():
        times = ["-" if row["false_before"] == 1 else _time(row["median_s"]) for row in rows]
        cells = [
            f"{median} ({row['caught']:.2f}; {row['false_before']:.2f})"
            for median, row in zip(times, rows, strict=True)
        ]
        needed = rows[0]["median_requests"]
        name = f"{rate:g}, {effect}, {'at once' if not onset else f'after {onset} h'}"
        lines.append(
            f"{name:34}"
            + "".join(f"{cell:>26}" for cell in cells)
            + f"{'-' if needed is None else f'{needed:,.0f}':>12}"
        )
    return "\n".join(lines) + "\n"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def plot(found: dict[str, Any], folder: pathlib.Path) -> None:
    """Both figures: who cries wolf, who is how fast."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(dict.fromkeys(row["scenario"] for row in found["false_alarms"]))
    for place, (rule, marker) in enumerate(zip(RULES, "Ds^", strict=True)):
        rows = [row for row in found["false_alarms"] if row["rule"] == rule]
        y = [names.index(row["scenario"]) + 0.2 * (place - 1) for row in rows]
        share = np.array([row["share"] for row in rows])
        error = np.abs(np.array([row["interval"] for row in rows]).T - share)
        left.errorbar(share, y, xerr=error, fmt=marker, markersize=5, label=rule)
        cases = [
            row for row in found["detection"] if row["rule"] == rule and row["onset_h"] == 0 and row["rate"] == 1e-3
        ]
        x = [number for number, row in enumerate(cases) if row["median_s"] is not None]
        seconds = [cases[number]["median_s"] for number in x]
        right.plot(x, seconds, marker=marker, linestyle="--", label=rule)
    left.axvline(found["false_alarm_rate"], color="grey", linestyle=":", label="configured")
    left.set_xscale("symlog", linthresh=0.01)
    left.set(
        yticks=range(len(names)), yticklabels=names, xlabel="watches that end in a false alarm", xlim=(-0.001, 1.1)
    )
    left.invert_yaxis()
    left.legend(frameon=False)
    right.set(yscale="log", xticks=range(len(EFFECTS)), xticklabels=[name for name, _ in EFFECTS])
    right.set(
        ylabel="median time to the alarm, s", title="error rate 0.001, fault from the promotion on", xlabel="fault"
    )
    right.legend(frameon=False)
    figure.savefig(folder / "detection.png", dpi=120)
    figure.savefig(folder / "detection.svg")


def main() -> None:
    """Simulate, write, print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--runs", type=int, default=1000)
    cli.add_argument("--out", type=pathlib.Path, default=ROOT / "reports/detection")
    cli.add_argument("--params", type=pathlib.Path, default=ROOT / "params.yaml")
    options = cli.parse_args()
    rules = params.load_rules(options.params).policy.monitor
    begun = time.perf_counter()
    found: dict[str, Any] = {"runs": options.runs, "false_alarm_rate": float(rules.false_alarm_rate)}
    found["false_alarms"] = false_alarms(options.runs, rules)
    found["detection"] = detections(options.runs, rules)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "detection.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "detection.txt").write_text(table(found), encoding="utf-8")
    plot(found, options.out)
    print(table(found))
    print(f"{time.perf_counter() - begun:.0f} s; written to {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
