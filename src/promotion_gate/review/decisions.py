"""The decisions that would change: both versions asked about the same modules, with the same coverage.

Each side decides with its own scores and its own registered policy. Worst first: what would go live that is held
today, then what is held less firmly, then what would be blocked or held in addition, then what changes in the required
coverage alone; within a kind the longer way first (from blocked to live before from held to live), then the larger
difference of the scores, then by name.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE, decide
from promotion_gate.operate.fis import FISCalculator
from promotion_gate.rules import Policy
from promotion_gate.schema import ModuleData, SuiteCoverage

FIRMNESS = {PROMOTE: 0, INSUFFICIENT: 1, BLOCKED: 2}
"""How firmly a verdict holds a module."""

LETS_THROUGH, HOLDS_LESS, BLOCKS, HOLDS, ASKS_LESS, ASKS_MORE = KINDS = (
    "goes live",
    "held less firmly",
    "newly blocked",
    "newly held",
    "less coverage asked",
    "more coverage asked",
)
"""What a change does, worst first; the last two keep the verdict."""

VERDICT_KINDS = KINDS[:4]
REQUIREMENT = ("fis", "band", "required_coverage")
"""What is told of a side where the verdict stays and only the required coverage differs."""

REASONS = 3
"""Of a score's reasons so many are told, the strongest."""

Coverage = Mapping[tuple[str, str], Mapping[str, SuiteCoverage]]
"""(project, module) -> suite -> lines."""

Verdicts = Mapping[tuple[str, str], Mapping[str, Any]]
"""(project, module) -> the decision in short, as `Judge.verdict` gives it."""


@dataclasses.dataclass(frozen=True)
class Judge:
    """A version with the rules that it decides by, for promotions to one level."""

    calculator: FISCalculator
    policy: Policy
    policy_version: str
    level: str

    def verdicts(self, coverage: Coverage) -> Verdicts:
        """The decision on every module that it has scores of."""
        every = [(owner, name) for owner in self.calculator.projects for name in self.calculator.modules(owner)]
        return {module: self.verdict(*module, coverage.get(module)) for module in every}

    def verdict(self, owner: str, name: str, coverage: Mapping[str, SuiteCoverage] | None) -> dict[str, Any]:
        """The decision in short: status, fis, band, required and shown coverage, severity, reasons, parts of it."""
        module = ModuleData(project=owner, module=name)
        score = self.calculator.score(module)
        made = decide(module, self.level, coverage, score, policy=self.policy, policy_version=self.policy_version)
        of_score = [reason for reason in score.reasons if reason.effect is not None][:REASONS]
        return {
            "status": made.status,
            "fis": round(score.fis, 6),
            "band": made.band,
            "required_coverage": made.required_coverage,
            "coverage": made.coverage,
            "severity": score.severity,
            "reasons": [
                {"code": reason.code, "message": reason.message, "effect": reason.effect}
                for reason in (*made.reasons[:1], *of_score)
            ],
            "parts": {} if score.explanation is None else dict(score.explanation.fis),
        }


def changes(challenger: Verdicts, champion: Verdicts) -> dict[str, Any]:
    """Compare the verdicts of both on every module that both know.

    Returns:
        compared (modules), measured (of them with coverage that counts), verdicts (modules by side and status), counts
        (by kind), changed (verdicts that differ, worst first, each with both sides and what moved the score),
        requirements (same verdict, other required coverage, worst first), only_challenger and only_champion (names).
    """
    common = sorted(challenger.keys() & champion.keys())
    changed, requirements = [], []
    for owner, name in common:
        new, old = challenger[owner, name], champion[owner, name]
        kind = kind_of(new, old)
        if kind is None:
            continue
        told = [key for key in new if key != "parts"] if kind in VERDICT_KINDS else REQUIREMENT
        entry = {
            "project": owner,
            "module": name,
            "kind": kind,
            "fis_change": round(new["fis"] - old["fis"], 6),
            **{side: {key: one[key] for key in told} for side, one in (("challenger", new), ("champion", old))},
        }
        if kind in VERDICT_KINDS:
            changed.append({**entry, "moved": moved_parts(new["parts"], old["parts"])})
        else:
            requirements.append(entry)
    counts = Counter(entry["kind"] for entry in (*changed, *requirements))
    return {
        "compared": len(common),
        "measured": sum(challenger[module]["coverage"] is not None for module in common),
        "verdicts": {
            "challenger": _by_status(challenger[module] for module in common),
            "champion": _by_status(champion[module] for module in common),
        },
        "counts": {kind: counts[kind] for kind in KINDS},
        "changed": worst_first(changed),
        "requirements": worst_first(requirements),
        "only_challenger": _names(challenger.keys() - champion.keys()),
        "only_champion": _names(champion.keys() - challenger.keys()),
    }


def kind_of(challenger: Mapping[str, Any], champion: Mapping[str, Any]) -> str | None:
    """What the change does to a module, one of `KINDS`; None where nothing changes that its team would see."""
    new, old = FIRMNESS[challenger["status"]], FIRMNESS[champion["status"]]
    if new < old:
        return LETS_THROUGH if challenger["status"] == PROMOTE else HOLDS_LESS
    if new > old:
        return BLOCKS if challenger["status"] == BLOCKED else HOLDS
    asked, before = (
        float("inf") if side["required_coverage"] is None else side["required_coverage"]
        for side in (challenger, champion)
    )
    if asked == before:
        return None
    return ASKS_LESS if asked < before else ASKS_MORE


def moved_parts(challenger: Mapping[str, float], champion: Mapping[str, float]) -> list[dict[str, Any]]:
    """By how much the parts of the score differ, the largest first: challenger less champion, of .01 or more."""
    names = dict.fromkeys((*challenger, *champion))
    moved = {name: round(challenger.get(name, 0.0) - champion.get(name, 0.0), 6) for name in names}
    largest = sorted(moved.items(), key=lambda item: -abs(item[1]))[:REASONS]
    return [{"part": name, "change": change} for name, change in largest if abs(change) >= 0.01]


def worst_first(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """By kind as `KINDS` orders them, then the longer way, then by difference of the scores, then by name."""

    def key(entry: Mapping[str, Any]) -> tuple[int, int, float, str, str]:
        firmness = [FIRMNESS[entry[side].get("status", PROMOTE)] for side in ("challenger", "champion")]
        way = abs(firmness[0] - firmness[1])
        return KINDS.index(entry["kind"]), -way, -abs(entry["fis_change"]), entry["project"], entry["module"]

    return sorted(entries, key=key)


def _by_status(verdicts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = Counter(verdict["status"] for verdict in verdicts)
    return {status: found[status] for status in FIRMNESS}


def _names(modules: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{owner} {name}" for owner, name in sorted(modules)]
