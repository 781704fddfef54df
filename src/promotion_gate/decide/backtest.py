"""The back-test: what each gate would have done at past releases, beside what then happened.

It knows what was held back, not what would have been averted: a held module might have failed all the same, and the
tests that it was asked for might not have found why. So a result is a range: of the severity held back, from the share
`averted` of it that further tests find, to all of it, as if no held module ever failed. Modules that no suite measured
are counted apart, as every gate on coverage holds them.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.decide import gates
from promotion_gate.decide.gates import Gate
from promotion_gate.decide.gates import by_suite as by_suite
from promotion_gate.decide.gates import last_level as last_level
from promotion_gate.decide.yield_safety import Array, area, held_back_at, interval, resampled
from promotion_gate.params import Backtest
from promotion_gate.rules import Policy
from promotion_gate.schema import LEVELS

GRID = np.round(np.arange(0, 1.0001, 0.02), 2)
"""Shares delayed at which curves are told."""

SHOWN = (0.05, 0.1, 0.25, 0.5)
"""Shares delayed that a summary names: those of Abreu et al., Moving faster and reducing risk (arXiv 2410.06351)."""

SEED = 20261124

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What happened, and how it is measured: n modules of one or more releases.

    Attributes:
        severity: weight of the level that came true, shape (n,).
        level: that level, index into `LEVELS`, shape (n,).
        release: number of each module's release, shape (n,).
        settings: share averted, resamples.
    """

    severity: Array
    level: npt.NDArray[np.int64]
    release: npt.NDArray[np.int64]
    settings: Backtest


def report(past: pd.DataFrame, policy: Policy, weights: Sequence[Decimal], settings: Backtest) -> Row:
    """Back-test a policy beside the other gates.

    Args:
        past: project, release, module, fis (as of the release's date), level (worst severity within the horizon, index
            into `LEVELS`), loc, and what the suites covered (`gates.with_coverage`), one row a module.
        policy: the policy; the level of promotion is its last.
        weights: severity weights of the levels that failures are measured with, 0 to 1.
        settings: higher threshold, share averted, resamples.

    Returns:
        averted; summary: a few figures by gate, for `dvc metrics`; gates, over all releases; releases, the same one by
        one; bands; curves (area and some points); unmeasured: modules of releases with coverage that no suite measured;
        without_coverage: names of releases.
        Of a gate: modules, failed, held_back and delayed (each value, low, high; shares), averted (least, most),
        critical_escapes of critical, blocked (share), lines_asked (None where the gate cannot say) and lines_blocked
        (uncovered lines of blocked modules), less: held_back of the first gate less its own.
        Where no release has coverage the gates are those that need none, over all modules.
    """
    known = gates.measured(past)
    with_coverage = set(_names(past[known]))
    rows = _judged(past)
    parts = [(name, part.reset_index(drop=True)) for name, part in rows.groupby(["project", "release"], sort=False)]

    def told(part: pd.DataFrame) -> list[Row]:
        return judged(_gates_of(part, policy, settings), outcome(part, weights, settings))

    over_all = told(rows)
    return {
        "averted": float(settings.averted),
        "summary": {row["gate"]: _summary(row) for row in over_all},
        "gates": over_all,
        "releases": [
            {"project": str(project), "release": str(release), **row}
            for (project, release), part in parts
            for row in told(part)
        ],
        "bands": _bands(past, policy, outcome(past, weights, settings)),
        "curves": _areas(rows, policy, outcome(rows, weights, settings)),
        "unmeasured": int(sum(name in with_coverage for name in _names(past[~known]))),
        "without_coverage": [name for name in dict.fromkeys(_names(past)) if name not in with_coverage],
    }


def curves(past: pd.DataFrame, policy: Policy, weights: Sequence[Decimal], settings: Backtest) -> pd.DataFrame:
    """The yield-safety curve of each gate that has one, with its interval.

    Args:
        past: as `report` takes it; modules that no suite measured are left out unless there are no others.
        policy: ours.
        weights: as `report` takes them.
        settings: resamples.

    Returns:
        gate, delayed, held_back, low, high: shares, one row a gate and point of `GRID`.
    """
    rows = _judged(past)
    seen = outcome(rows, weights, settings)
    found = []
    for name, key in gates.orders(rows, policy).items():
        value = held_back_at(key, seen.severity, np.ones((1, len(rows))), GRID)[0]
        drawn = np.concatenate([held_back_at(key, seen.severity, w, GRID) for w in _draws(seen)])
        low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0) if seen.severity.any() else (value, value)
        found.append(pd.DataFrame({"gate": name, "delayed": GRID, "held_back": value, "low": low, "high": high}))
    return pd.concat(found, ignore_index=True)


def _judged(past: pd.DataFrame) -> pd.DataFrame:
    """The modules that gates can be compared on: the measured ones, or all where there are none."""
    known = gates.measured(past)
    return (past[known] if known.any() else past).reset_index(drop=True)


def _names(rows: pd.DataFrame) -> list[str]:
    """The release of each row; with its project where there are several."""
    several = rows.project.nunique() > 1
    return [f"{p} {r}" if several else str(r) for p, r in zip(rows.project, rows.release, strict=True)]


def _gates_of(rows: pd.DataFrame, policy: Policy, settings: Backtest) -> list[Gate]:
    if gates.measured(rows).any():
        return gates.compared(rows, policy, settings.higher_threshold)
    return gates.without_coverage(rows, policy)


def outcome(rows: pd.DataFrame, weights: Sequence[Decimal], settings: Backtest) -> Outcome:
    """What happened to modules: project, release, level; failures are measured with the given severity weights."""
    level = rows.level.to_numpy(np.int64)
    severity = np.array([float(weight) for weight in weights])[level]
    release = np.asarray(rows.groupby(["project", "release"], sort=False).ngroup(), dtype=np.int64)
    return Outcome(severity, level, release, settings)


def _draws(seen: Outcome) -> Iterator[Array]:
    return resampled(seen.release, seen.settings.bootstrap, SEED)


def _share(of: Array, severity: Array, weights: Array) -> Array:
    """Share of the severity weight that is held, by draw; NaN where nothing failed."""
    with np.errstate(invalid="ignore"):
        return np.asarray(weights @ (of * severity) / (weights @ severity))


def _drawn(compared: Sequence[Gate], seen: Outcome, weights: Array) -> tuple[list[Array], list[Array]]:
    """What each gate delays and holds back, by draw; gates that follow stand where the first one does in that draw."""
    delayed: list[Array] = []
    back: list[Array] = []
    for gate in compared:
        if gate.follows:
            delayed.append(delayed[0])
            back.append(held_back_at(gate.key, seen.severity, weights, delayed[0][:, None])[:, 0])
        else:
            delayed.append(weights @ gate.held / weights.sum(axis=1))
            back.append(_share(gate.held, seen.severity, weights))
    return delayed, back


def judged(compared: Sequence[Gate], seen: Outcome) -> list[Row]:
    """One row a gate, as `report` says; differences are to the first, and gates that follow stand where it does."""
    batches = [_drawn(compared, seen, weights) for weights in _draws(seen)]
    delays, backs = (
        [np.concatenate(parts) for parts in zip(*kind, strict=True)] for kind in zip(*batches, strict=True)
    )
    one = np.ones((1, len(seen.level)))
    values = [float(_share(gate.held, seen.severity, one)[0]) for gate in compared]
    critical = seen.level == len(LEVELS) - 1
    rows = []
    for gate, value, delayed, back in zip(compared, values, delays, backs, strict=True):
        rows.append(
            {
                "gate": gate.name,
                "modules": len(seen.level),
                "failed": int((seen.level > 0).sum()),
                "held_back": interval(value, back),
                "averted": (float(seen.settings.averted) * value, value),
                "critical_escapes": _tidy(((1 - gate.held) * critical).sum()),
                "critical": int(critical.sum()),
                "delayed": interval(float(gate.held.mean()), delayed),
                "blocked": float(gate.blocked.mean()),
                "lines_asked": None if gate.asked is None else _tidy(gate.asked.sum()),
                "lines_blocked": _tidy(gate.reviewed.sum()),
                "less": interval(values[0] - value, backs[0] - back),
            }
        )
    return rows


def _summary(row: Row) -> Row:
    return {
        "held_back": row["held_back"][0],
        "delayed": row["delayed"][0],
        "critical_escapes": row["critical_escapes"],
        "lines_asked": row["lines_asked"],
    }


def _tidy(count: float) -> float | int:
    """A count by expectation: two places, and a whole number where it is one."""
    rounded = round(float(count), 2)
    return int(rounded) if rounded.is_integer() else rounded


def _bands(past: pd.DataFrame, policy: Policy, seen: Outcome) -> list[Row]:
    """What happened to the modules of each band of the score, whatever their coverage; the bands in their order."""
    band = gates.decided(past, policy).band.astype(str).to_numpy()
    inside = {one.name: (band == one.name).astype(float) for one in policy.bands}
    parts = [{name: _of_band(of, seen, weights) for name, of in inside.items()} for weights in _draws(seen)]
    rows = []
    for name, of in inside.items():
        share, mean = (float(found[0]) for found in _of_band(of, seen, np.ones((1, len(past)))))
        drawn = [np.concatenate([part[name][kind] for part in parts]) for kind in (0, 1)]
        rows.append(
            {
                "band": name,
                "modules": int(of.sum()),
                "modules_share": float(of.mean()),
                "failed": int(((seen.level > 0) * of).sum()),
                "critical": int(((seen.level == len(LEVELS) - 1) * of).sum()),
                "weight": float((seen.severity * of).sum()),
                "weight_share": share,
                "weight_share_interval": interval(share, drawn[0])[1:],
                "mean_weight": mean,
                "mean_weight_interval": interval(mean, drawn[1])[1:],
            }
        )
    return rows


def _of_band(of: Array, seen: Outcome, weights: Array) -> tuple[Array, Array]:
    """Share of the severity weight in the band, and its mean over the band's modules, by draw."""
    with np.errstate(invalid="ignore"):
        return _share(of, seen.severity, weights), np.asarray(weights @ (of * seen.severity) / (weights @ of))


def _areas(rows: pd.DataFrame, policy: Policy, seen: Outcome) -> list[Row]:
    """Of every gate's curve its area, and what it holds back at the delays `SHOWN`."""
    one, at = np.ones((1, len(rows))), np.array(SHOWN)
    found = []
    for name, key in gates.orders(rows, policy).items():
        drawn = [
            (area(key, seen.severity, weights), held_back_at(key, seen.severity, weights, at))
            for weights in _draws(seen)
        ]
        areas, points = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        values = held_back_at(key, seen.severity, one, at)[0]
        held = {str(share): interval(float(values[i]), points[:, i]) for i, share in enumerate(SHOWN)}
        found.append(
            {"gate": name, "area": interval(float(area(key, seen.severity, one)[0]), areas), "held_back_at": held}
        )
    return found
