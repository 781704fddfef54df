"""The gates that a back-test compares: ours, those that it replaces, and those that any gate must beat.

Each is an order in which modules are held as it gets stricter (`yield_safety`) and the point where it stands. The
risk-driven gate's order is the critical strictness: coverage / required coverage, the factor on all thresholds from
which on the module is held; what no coverage would let through, blocked or without data, is held first.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.decide.bulk import verdicts
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE
from promotion_gate.decide.yield_safety import HELD_FIRST, Array, inclusion
from promotion_gate.rules import Band, Impact, Policy
from promotion_gate.schema import LEVELS, SuiteCoverage

RISK = "risk-driven"
BASE = "base"
FIS = "FIS alone"
LOC = "lines of code"
RANDOM = "random"
BLOCK = "blocked band alone"
NOTHING = "block nothing"


@dataclasses.dataclass(frozen=True)
class Gate:
    """A gate over n modules.

    Attributes:
        name: as reports say it.
        key: order in which modules are held, lowest first, shape (n,).
        held: probability that each module is held where the gate stands, shape (n,).
        follows: whether it stands where it delays as many as the gate that it is compared with, so that in every
            bootstrap draw it moves along its curve.
        blocked: modules that no coverage lets through, shape (n,).
        asked: lines of test that each module is asked for, by expectation, shape (n,); None where the gate cannot say.
        reviewed: lines that no suite covered of each module that is blocked, shape (n,).
    """

    name: str
    key: Array
    held: Array
    follows: bool
    blocked: npt.NDArray[np.bool_]
    asked: Array | None
    reviewed: Array


def last_level(policy: Policy) -> str:
    """The level that a promotion ends at, production by default: the last that the policy names."""
    return list(policy.base)[-1]


def static(policy: Policy, threshold: Decimal | None = None) -> Policy:
    """The policy without risk: one band, every level at its base, or all at `threshold`."""
    bands = (Band.model_validate({"name": "all", "from": 0, "multiplier": 1}),)
    base = policy.base if threshold is None else dict.fromkeys(policy.base, threshold)
    return policy.model_copy(update={"bands": bands, "base": base, "categories": {}})


def scored(past: pd.DataFrame, impact: Impact) -> pd.DataFrame:
    """The modules with their Failure Impact Score: column fis, from p_negligible to p_critical and criticality."""
    probabilities = past[[f"p_{name}" for name in LEVELS]].to_numpy(float)
    return past.assign(fis=failure_impact_score(probabilities, impact, past.criticality.to_numpy(float)))


def with_coverage(past: pd.DataFrame, coverage: pd.DataFrame) -> pd.DataFrame:
    """The modules with what each suite covered of them: columns covered_SUITE and total_SUITE, NaN where none did.

    Args:
        past: project, release, module, and others, one row a module.
        coverage: the raw table.
    """
    keys = ["project", "release", "module"]
    if not len(coverage):
        return past
    wide = coverage.pivot(index=keys, columns="suite", values=["lines_covered", "lines_total"])
    names = {"lines_covered": "covered", "lines_total": "total"}
    wide.columns = wide.columns.map(lambda one: f"{names[one[0]]}_{one[1]}")
    return past.merge(wide.astype(float), left_on=keys, right_index=True, how="left", validate="1:1")


def by_suite(coverage: pd.DataFrame) -> dict[tuple[str, str, str], dict[str, SuiteCoverage]]:
    """The raw coverage table as one decision reads it: (project, release, module) -> suite -> lines."""
    found: dict[tuple[str, str, str], dict[str, SuiteCoverage]] = {}
    columns = ("project", "release", "module", "suite", "lines_covered", "lines_total")
    for project, release, module, suite, covered, total in zip(*(coverage[name] for name in columns), strict=True):
        lines = SuiteCoverage(lines_covered=int(covered), lines_total=int(total))
        found.setdefault((project, release, module), {})[suite] = lines
    return found


def measured(past: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which modules any suite measured, shape (n,)."""
    totals = past[[name for name in past.columns if str(name).startswith("total_")]]
    return np.asarray(totals.notna().any(axis=1).to_numpy(), dtype=bool)


def decided(rows: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The policy's verdicts at its last level on modules with scores, as `bulk.verdicts` gives them."""
    return verdicts(rows.drop(columns=["level", "coverage"], errors="ignore").assign(level=last_level(policy)), policy)


def replayed(past: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """What the policy would have decided on each past module, and the worst that happened to it, one row a module."""
    told = ["status", "band", "coverage", "required_coverage", "additional_lines", "reasons"]
    happened = past[["project", "release", "module", "fis"]].assign(severity=np.array(LEVELS)[past.level])
    return happened.join(decided(past, policy)[told])


def strictness(found: pd.DataFrame) -> Array:
    """The critical strictness of each verdict: below 1 where it is not Promote, `HELD_FIRST` where nothing would help.

    Args:
        found: as `bulk.verdicts` gives it.
    """
    covered, required = found.coverage.to_numpy(float), found.required_coverage.to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        key = np.where(required > 0, covered / required, np.inf)
    by_coverage = found.reasons.isin(["coverage-short", "coverage-met"]).to_numpy()
    return np.where(by_coverage, key, HELD_FIRST)


def by_policy(name: str, found: pd.DataFrame) -> Gate:
    """The gate of a policy, standing at its own verdicts."""
    blocked = (found.status == BLOCKED).to_numpy()
    return Gate(
        name=name,
        key=strictness(found),
        held=(found.status != PROMOTE).to_numpy().astype(float),
        follows=False,
        blocked=blocked,
        asked=np.where(found.status == INSUFFICIENT, found.additional_lines.fillna(0.0), 0.0),
        reviewed=np.where(blocked, (found.lines_total - found.lines_covered).fillna(0.0), 0.0),
    )


def compared(rows: pd.DataFrame, policy: Policy, higher: Decimal) -> list[Gate]:
    """All gates on modules that were measured, ours first.

    Args:
        rows: fis, loc, covered_SUITE and total_SUITE, one row a module.
        policy: ours.
        higher: the fixed higher threshold, a share.
    """
    ours, base = by_policy(RISK, decided(rows, policy)), by_policy(BASE, decided(rows, static(policy)))
    delayed = float(ours.held.mean())
    same = inclusion(base.key, delayed)
    told = decided(rows, static(policy, _reaching(base.key, same, policy)))
    lines = told.additional_lines.fillna(0.0).to_numpy(float)
    return [
        ours,
        base,
        by_policy("fixed higher", decided(rows, static(policy, higher))),
        dataclasses.replace(base, name="static at equal delay", held=same, follows=True, asked=same * lines),
        *_following(rows, delayed, (LOC, RANDOM, FIS)),
        _nothing(len(rows)),
    ]


def without_coverage(rows: pd.DataFrame, policy: Policy) -> list[Gate]:
    """What can be compared where no module was measured: the blocked band, which asks for no coverage, first."""
    blocked = (decided(rows, policy).status == BLOCKED).to_numpy()
    held = blocked.astype(float)
    key, none = np.where(blocked, HELD_FIRST, 0.0), np.zeros(len(rows))
    ours = Gate(BLOCK, key, held, follows=False, blocked=blocked, asked=None, reviewed=none)
    return [ours, *_following(rows, float(held.mean()), (LOC, RANDOM)), _nothing(len(rows))]


def orders(rows: pd.DataFrame, policy: Policy) -> Mapping[str, Array]:
    """Keys of the gates that have a curve of their own; those by coverage only where modules were measured."""
    found = {}
    if measured(rows).any():
        found = {RISK: strictness(decided(rows, policy)), BASE: strictness(decided(rows, static(policy)))}
    return found | dict(_keys(rows))


def _reaching(key: Array, held: Array, policy: Policy) -> Decimal:
    """The static threshold that holds so many: the coverage of the least covered module that it surely lets through."""
    base = policy.base[last_level(policy)]
    least = float(key[key > key[held > 0].max(initial=HELD_FIRST)].min(initial=np.inf))
    return min(Decimal(1), Decimal(str(round(least, 9))) * base) if np.isfinite(least) else Decimal(1)


def _keys(rows: pd.DataFrame) -> Iterator[tuple[str, Array]]:
    yield FIS, -rows.fis.to_numpy(float)
    if rows["loc"].any():
        yield LOC, -rows["loc"].to_numpy(float)
    yield RANDOM, np.zeros(len(rows))


def _following(rows: pd.DataFrame, delayed: float, names: tuple[str, ...]) -> Iterator[Gate]:
    keys, none = dict(_keys(rows)), np.zeros(len(rows))
    for name in names:
        if name in keys:
            held = inclusion(keys[name], delayed)
            yield Gate(f"{name} at equal delay", keys[name], held, True, none.astype(bool), asked=None, reviewed=none)


def _nothing(n: int) -> Gate:
    none = np.zeros(n)
    return Gate(NOTHING, none, none, follows=False, blocked=none.astype(bool), asked=none, reviewed=none)
