"""The back-test: what each policy would have decided at past releases, beside what then happened.

It tells what was held back, not what would have been averted: a held module might have failed all the same once it had
its tests. Modules that no suite measured are counted apart, as every policy holds them.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np
import pandas as pd

from promotion_gate.decide.policy import decide
from promotion_gate.rules import Band, Policy
from promotion_gate.schema import LEVELS, FISResult, ModuleData, SuiteCoverage

RISK = "risk-driven"


def last_level(policy: Policy) -> str:
    """The level that a promotion ends at, production by default: the last that the policy names."""
    return list(policy.base)[-1]


def static(policy: Policy, threshold: Decimal | None = None) -> Policy:
    """The policy without risk: one band, every level at its base, or all at `threshold`."""
    bands = (Band.model_validate({"name": "all", "from": 0, "multiplier": 1}),)
    base = policy.base if threshold is None else dict.fromkeys(policy.base, threshold)
    return policy.model_copy(update={"bands": bands, "base": base, "categories": {}})


@dataclasses.dataclass(frozen=True)
class PastModule:
    """A module at a past release: what the gate would have known, and what then happened.

    Attributes:
        project: name.
        release: name.
        module: name.
        fis: score as of the release's date, 0 to 1.
        level: worst severity within the horizon, index into `LEVELS`.
        coverage: lines covered by suite at the release; None where nothing was measured.
    """

    project: str
    release: str
    module: str
    fis: float
    level: int
    coverage: Mapping[str, SuiteCoverage] | None


def decisions(modules: Iterable[PastModule], policies: Mapping[str, Policy]) -> pd.DataFrame:
    """The verdict of every policy on every measured module.

    Returns:
        project, release, module, fis, level, policy, status, band and coverage (share), one row a module and policy.
    """
    found = []
    for past in modules:
        if past.coverage is None:
            continue
        score = FISResult(
            project=past.project,
            module=past.module,
            fis=past.fis,
            severity="negligible",
            probabilities=dict(zip(LEVELS, (1.0, 0.0, 0.0, 0.0, 0.0), strict=True)),
            model_version="back-test",
            data_hash="back-test",
        )
        module = ModuleData(project=past.project, module=past.module)
        for name, policy in policies.items():
            made = decide(module, last_level(policy), past.coverage, score, policy=policy, policy_version=name)
            told = {"policy": name, "status": made.status, "band": made.band, "coverage": made.coverage}
            keys = {"project": past.project, "release": past.release, "module": past.module}
            found.append({**keys, "fis": past.fis, "level": past.level, **told})
    return pd.DataFrame(found)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one policy did on one or more releases; shares are 0 to 1.

    Attributes:
        modules: measured modules.
        failed: those that failed within the horizon.
        held_back: share of the failures' severity weight in modules that were not promoted.
        delayed: share of the modules that were not promoted.
        blocked: share of the modules that were blocked for review; part of `delayed`.
        false_comfort: modules that were promoted and then failed critically.
        critical: modules that failed critically.
    """

    modules: int
    failed: int
    held_back: float
    delayed: float
    blocked: float
    false_comfort: int
    critical: int


def outcome(rows: pd.DataFrame, weights: Sequence[Decimal]) -> Outcome:
    """Sum up the decisions of one policy.

    Args:
        rows: as `decisions` gives them, of one policy.
        weights: severity weight of each level.
    """
    weight = np.array([float(w) for w in weights])[rows.level.to_numpy(int)]
    held = (rows.status != "Promote").to_numpy()
    critical = (rows.level == len(LEVELS) - 1).to_numpy()
    return Outcome(
        modules=len(rows),
        failed=int((rows.level > 0).sum()),
        held_back=float(weight[held].sum() / weight.sum()) if weight.sum() else float("nan"),
        delayed=float(held.mean()),
        blocked=float(rows.status.str.startswith("Promotion Blocked").mean()),
        false_comfort=int((critical & ~held).sum()),
        critical=int(critical.sum()),
    )


def at_equal_delay(decided: pd.DataFrame) -> pd.DataFrame:
    """A static threshold that delays, in every release, as many modules as the given policy: the least covered ones.

    Args:
        decided: as `decisions` gives them, of one policy.

    Returns:
        The same rows with that threshold's status, under the policy's name `static at equal delay`.
    """
    parts = []
    for _, rows in decided.groupby(["project", "release"], sort=False):
        delayed = int((rows.status != "Promote").sum())
        # Nothing to cover is no coverage to show: such modules are held first, as the policies hold them.
        least = rows.coverage.fillna(-1.0).rank(method="first") <= delayed
        status = least.map({True: "Insufficient Coverage", False: "Promote"})
        parts.append(rows.assign(policy="static at equal delay", status=status, band="all"))
    return pd.concat(parts, ignore_index=True)


def by_suite(coverage: pd.DataFrame) -> dict[tuple[str, str, str], dict[str, SuiteCoverage]]:
    """The raw coverage table as the policy reads it: (project, release, module) -> suite -> lines."""
    found: dict[tuple[str, str, str], dict[str, SuiteCoverage]] = {}
    columns = ("project", "release", "module", "suite", "lines_covered", "lines_total")
    for project, release, module, suite, covered, total in zip(*(coverage[name] for name in columns), strict=True):
        lines = SuiteCoverage(lines_covered=int(covered), lines_total=int(total))
        found.setdefault((project, release, module), {})[suite] = lines
    return found


def policies(policy: Policy, higher: Decimal) -> dict[str, Policy]:
    """The three that are compared: the base threshold alone, a fixed higher one, and the risk-driven policy."""
    return {"base": static(policy), "fixed higher": static(policy, higher), RISK: policy}
