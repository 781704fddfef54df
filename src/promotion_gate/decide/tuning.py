"""Policies searched on past releases: what escapes against what is delayed against the lines of test asked for.

Time runs one way. The search sees the oldest releases, with what was known of their failures at the date of the release
that confirms; that one is judged with what was known at the date of the newest, which nothing is chosen on. Escapes are
measured with fixed severity weights, whatever weights a candidate scores with: a score cannot make itself look good.

Source: Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II (IEEE TEC 2002).
"""

import dataclasses
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import optuna
import pandas as pd

from promotion_gate.decide import backtest, gates
from promotion_gate.decide.gates import Gate
from promotion_gate.decide.policy_space import candidate, drawn, positions
from promotion_gate.decide.yield_safety import inclusion
from promotion_gate.errors import InputError
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Backtest, TunePolicy
from promotion_gate.rules import RulesFile

POPULATION = 50
"""Candidates in a generation."""

BEST = "best found"
DEFAULT = "default"


@dataclasses.dataclass(frozen=True)
class Point:
    """What one policy did on the releases that are searched.

    Attributes:
        rules: the policy.
        escaped: share of the failures' severity weight in modules that it promotes.
        delayed: share of the modules that it holds.
        lines_asked: lines of test that it asks for; 0 without coverage.
        lines_share: the same as a share of all lines.
    """

    rules: RulesFile
    escaped: float
    delayed: float
    lines_asked: float
    lines_share: float


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What the search found, and whether it held.

    Attributes:
        searched: releases that were searched on, oldest first.
        confirmed: the release that the best found was confirmed on.
        reported: the newest release, which nothing was chosen on.
        with_coverage: whether coverage decided; else the block alone was tuned.
        default: the policy as it was.
        trials: all that was tried, in its order, the default first.
        front: those of them that no other one betters in one respect without being worse in another.
        best: of the front, the one with the fewest escapes that delays at most the limit; None: none does.
        adopted: whether it is suggested; else the default is.
        because: why, in a sentence.
        confirm: gates on the confirming release (`backtest.judged`): the best found, the default, the default made
            stricter or more lenient until it delays as many.
        report: the same on the newest release, and the other gates of the back-test.
    """

    searched: tuple[str, ...]
    confirmed: str
    reported: str
    with_coverage: bool
    default: Point
    trials: tuple[Point, ...]
    front: tuple[Point, ...]
    best: Point | None
    adopted: bool
    because: str
    confirm: list[backtest.Row]
    report: list[backtest.Row]

    @property
    def suggestion(self) -> Point:
        """The policy that is suggested: the best found where it held, else the default."""
        return self.best if self.adopted and self.best is not None else self.default


def tune(
    past: pd.DataFrame,
    tables: Tables,
    horizon: pd.Timedelta,
    default: RulesFile,
    weights: Sequence[Decimal],
    settings: TunePolicy,
    measure: Backtest,
    progress: Callable[[], object] = lambda: None,
) -> Tuned:
    """Search policies on past releases, confirm the best on the next, report it on the newest.

    Args:
        past: project, release, module, p_negligible to p_critical and criticality (as of each release's date), loc, and
            what the suites covered (`gates.with_coverage`), of the releases whose outcomes are known.
        tables: the whole tables; failures are read from what was known at each step's date.
        horizon: window in which a failure counts.
        default: the policy to start from.
        weights: severity weights that escapes are measured with.
        settings: trials, seed, limit of the share delayed.
        measure: resamples and the rest of the back-test's settings.
        progress: called after every trial.

    Raises:
        InputError: there are too few releases, the project is not one, nothing failed in those that are searched, or
            without coverage there is no blocked band to tune.
    """
    known = gates.measured(past)
    covered = bool(known.any())
    rows = past[known] if covered else past
    searched, confirmed, reported = split(rows, tables, horizon)
    seen = pd.concat([_labelled(rows, one, tables, confirmed.released_at, horizon) for one in searched])
    severity = np.array([float(weight) for weight in weights])[seen.level]
    if not severity.any():
        raise InputError("failures: none in the releases that are searched on: no policy can be told from another")
    if not (covered or any(band.multiplier is None and band.start > 0 for band in default.policy.bands)):
        raise InputError("policy: without coverage only a blocked band can be tuned, and the policy has none above 0")
    trials = _search(seen, severity, default, covered, settings, progress)
    front = [trials[number] for number in pareto(_objectives(trials))]
    allowed = [point for point in front if point.delayed <= settings.delay_at_most]
    best = min(allowed, key=lambda one: (one.escaped, one.delayed, one.lines_share), default=None)
    found = best or trials[0]
    later = [
        _labelled(rows, confirmed, tables, reported.released_at, horizon),
        _labelled(rows, reported, tables, tables.end_of_log(), horizon),
    ]
    confirm, report = (_judged(part, found.rules, default, covered, weights, measure) for part in later)
    adopted, because = _verdict(best, confirm, settings.delay_at_most)
    return Tuned(
        searched=tuple(one.release for one in searched),
        confirmed=confirmed.release,
        reported=reported.release,
        with_coverage=covered,
        default=trials[0],
        trials=tuple(trials),
        front=tuple(front),
        best=best,
        adopted=adopted,
        because=because,
        confirm=confirm,
        report=report,
    )


def split(rows: pd.DataFrame, tables: Tables, horizon: pd.Timedelta) -> tuple[list[Release], Release, Release]:
    """The releases to search on, to confirm on, and to report on: the windows of each were over before the next one.

    Raises:
        InputError: there are too few, or several projects.
    """
    if rows.project.nunique() > 1:
        raise InputError("releases: several projects; a policy is tuned on the history of one")
    names = set(rows.release)
    there = [one for one in tables.timeline() if one.release in names and one.project in set(rows.project)]

    def before(release: Release) -> list[Release]:
        return [one for one in there if one.released_at + horizon <= release.released_at]

    if there and (earlier := before(there[-1])) and (searched := before(earlier[-1])):
        return searched, earlier[-1], there[-1]
    raise InputError(
        f"releases: {len(there)} can be judged; tuning needs 3 or more, the {horizon.days} days of each over "
        "before the next: to search on, to confirm on, to report on"
    )


def standing(name: str, rows: pd.DataFrame, rules: RulesFile, covered: bool) -> Gate:
    """The gate of a policy on modules; without coverage its block alone, which gets stricter from the top score on."""
    scored = gates.scored(rows, rules.impact)
    gate = gates.by_policy(name, gates.decided(scored, rules.policy))
    if covered:
        return gate
    return dataclasses.replace(gate, key=-scored.fis.to_numpy(float), held=gate.blocked.astype(float), asked=None)


def pareto(objectives: npt.NDArray[np.float64]) -> list[int]:
    """Numbers of the points that none dominates (no worse in all, better in one; less is better), by first objective.

    Args:
        objectives: shape (n, k); of equal points the first is taken.
    """
    _, first = np.unique(objectives, axis=0, return_index=True)
    kept = [
        number
        for number in sorted(first.tolist())
        if not ((objectives <= objectives[number]).all(axis=1) & (objectives < objectives[number]).any(axis=1)).any()
    ]
    return sorted(kept, key=lambda number: tuple(objectives[number]))


def _objectives(points: Sequence[Point]) -> npt.NDArray[np.float64]:
    return np.array([(point.escaped, point.delayed, point.lines_share) for point in points])


def _labelled(
    rows: pd.DataFrame, release: Release, tables: Tables, when: pd.Timestamp, horizon: pd.Timedelta
) -> pd.DataFrame:
    """The modules of a release with what was known at `when` to have happened to them."""
    part = rows[rows.release == release.release].reset_index(drop=True)
    return part.assign(level=worst_levels(tables.as_of(when), release, part.module, horizon))


def _search(
    rows: pd.DataFrame,
    severity: npt.NDArray[np.float64],
    default: RulesFile,
    covered: bool,
    settings: TunePolicy,
    progress: Callable[[], object],
) -> list[Point]:
    """The default and as many further policies as there are trials."""
    lines = gates.decided(gates.scored(rows, default.impact), default.policy).lines_total.sum() or 1.0

    def measured(rules: RulesFile) -> Point:
        gate = standing("", rows, rules, covered)
        asked = 0.0 if gate.asked is None else float(gate.asked.sum())
        escaped = float(((1 - gate.held) * severity).sum() / severity.sum())
        return Point(rules, escaped, float(gate.held.mean()), asked, asked / float(lines))

    points = [measured(default)]

    def objective(trial: optuna.Trial) -> tuple[float, float, float]:
        points.append(measured(candidate(drawn(lambda name: trial.suggest_float(name, 0, 1)), default, covered)))
        progress()
        return points[-1].escaped, points[-1].delayed, points[-1].lines_share

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(seed=settings.seed, population_size=POPULATION)
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    study.enqueue_trial(positions(default, covered))
    study.optimize(objective, n_trials=settings.trials)
    return points


def _judged(
    rows: pd.DataFrame,
    found: RulesFile,
    default: RulesFile,
    covered: bool,
    weights: Sequence[Decimal],
    measure: Backtest,
) -> list[backtest.Row]:
    """The best found beside the default as it stands, the default at equal delay, and the other gates."""
    best, own = standing(BEST, rows, found, covered), standing(DEFAULT, rows, default, covered)
    same = inclusion(own.key, float(best.held.mean()))
    blocked = own.blocked if covered else same >= 0.5  # without coverage a stricter gate blocks more
    equal = dataclasses.replace(
        own, name=f"{DEFAULT} at equal delay", held=same, follows=True, blocked=blocked, asked=None
    )
    scored = gates.scored(rows, found.impact)
    if covered:
        others = gates.compared(scored, found.policy, measure.higher_threshold)[1:]
    else:
        others = gates.without_coverage(scored, found.policy)[1:]
    return backtest.judged([best, own, equal, *others], backtest.outcome(rows, weights, measure))


def _verdict(best: Point | None, confirm: list[backtest.Row], limit: Decimal) -> tuple[bool, str]:
    """Whether the best found is suggested, and why."""
    if best is None:
        return False, f"no policy that was tried delays at most {limit:.0%}: the default stays"
    less, delayed = confirm[2]["less"], confirm[0]["delayed"]
    told = (
        f"{100 * less[0]:+.1f} [{100 * less[1]:+.1f}, {100 * less[2]:+.1f}] points against the default at equal delay"
    )
    if delayed[1] > limit:
        return False, f"on the confirming release it clearly delays more than {limit:.0%}: the default stays"
    if not less[0] >= 0:
        return False, f"on the confirming release it holds back {told}: the default stays"
    return True, f"on the confirming release it holds back {told}: it is suggested"
