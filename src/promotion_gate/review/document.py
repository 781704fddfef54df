"""The review of a challenger against the champion, as one JSON document: all that the text and the page show.

Pure but for the files of the two bundles: who asks gives two sides as the registry keeps them.
"""

import dataclasses
import json
from typing import Any

import pandas as pd

from promotion_gate import bundle
from promotion_gate.decide.backtest import by_suite, last_level
from promotion_gate.decide.policy import policy_version
from promotion_gate.errors import ModelError
from promotion_gate.learn.tables import Tables
from promotion_gate.operate.fis import FISCalculator
from promotion_gate.registry.compatibility import check_policy
from promotion_gate.review import calibration, checklist, contest, decisions, differences, drift, fairness, figures
from promotion_gate.review.decisions import Coverage, Judge, Verdicts
from promotion_gate.review.side import Side
from promotion_gate.rules import Impact, Policy

RESAMPLES, SEED = 500, 0
"""Of the bootstrap, where a run does not say with which it was registered."""


def build(challenger: Side, champion: Side | None, made_at: str) -> dict[str, Any]:
    """Review a version.

    Args:
        challenger: the version that is reviewed.
        champion: what it is compared with; None where there is no champion.
        made_at: ISO 8601, UTC.

    Returns:
        Plain JSON values: made_at, challenger and champion (what each is), contest, metrics, decisions with coverage
        and notes, calibration, drift, data, policy, code, parameters, fairness and the checklist. Parts that cannot be
        compared are None, and a note says why.
    """
    resamples = challenger.number("evaluate.bootstrap", RESAMPLES)
    seed = challenger.number("train.seed", SEED)
    releases = common_releases(challenger, champion)
    paired = champion is not None
    manifests = [_manifest(side) for side in (challenger, champion)]
    policies, policy_note = _rules(challenger, champion)
    coverage, covered = evidence(challenger, champion)
    verdicts, decisions_note = _verdicts(challenger, champion, policies, coverage)
    compared = paired and len(verdicts) == 2
    document: dict[str, Any] = {
        "made_at": made_at,
        "challenger": _identity(challenger),
        "champion": _identity(champion) if champion else None,
        "contest": _contest(challenger, champion, resamples, seed),
        "releases": list(releases),
        "metrics": figures.side_by_side(releases, paired, resamples, seed) if releases else [],
        "coverage_of": covered,
        "level": last_level(policies["challenger"][1]) if "challenger" in policies else None,
        "decisions": decisions.changes(verdicts["challenger"], verdicts["champion"]) if compared else None,
        "decisions_note": decisions_note,
        "calibration": calibration.compared(releases, paired) if releases else None,
        "drift": _drift(challenger, champion),
        "data": {side: differences.of_data(one) for side, one in _sides(challenger, champion).items()},
        "policy": differences.of_policies(*manifests),
        "policy_note": policy_note,
        "code": differences.of_code(challenger, champion) if champion else [],
        "parameters": differences.of_parameters(challenger, champion) if champion else [],
        "fairness": _fairness(challenger, champion, releases, verdicts),
    }
    items = checklist.checklist(document)
    return {**document, "checklist": items, "counts": checklist.counts(items)}


def as_bytes(document: dict[str, Any]) -> bytes:
    """The document as it is stored and hashed."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def common_releases(challenger: Side, champion: Side | None) -> dict[str, pd.DataFrame]:
    """Test releases that both have predicted; the challenger's own, paired with itself, where there is no champion."""
    other = champion or challenger
    if challenger.predictions is None or other.predictions is None:
        return {}
    return contest.common_releases(challenger.predictions, other.predictions)


def evidence(challenger: Side, champion: Side | None) -> tuple[Coverage, list[str]]:
    """The coverage that both sides are shown: of each project's newest release that has any, the challenger's table.

    Returns:
        Lines by (project, module) and suite, and the `project release` that they are of; both empty where nobody has
        coverage.
    """
    for side in _sides(challenger, champion).values():
        if side.tables is None or side.tables.coverage.empty:
            continue
        suites = by_suite(side.tables.coverage)
        newest = _newest_measured(side.tables)
        found = {
            (project, module): lines
            for (project, release, module), lines in suites.items()
            if newest.get(project) == release
        }
        return found, [f"{project} {release}" for project, release in newest.items()]
    return {}, []


def _newest_measured(tables: Tables) -> dict[str, str]:
    pairs = set(zip(tables.coverage.project, tables.coverage.release, strict=True))
    return {one.project: one.release for one in tables.timeline() if (one.project, one.release) in pairs}


def _sides(challenger: Side, champion: Side | None) -> dict[str, Side]:
    return {"challenger": challenger} | ({"champion": champion} if champion else {})


def _manifest(side: Side | None) -> bundle.Manifest | None:
    return None if side is None or side.folder is None else bundle.read_manifest(side.folder)


def _identity(side: Side) -> dict[str, Any]:
    return {
        "version": side.version,
        "run_id": side.run_id,
        "registered_at": side.registered_at,
        "data_hash": side.tags.get("data_hash"),
        "policy_version": side.tags.get("policy_version"),
        "tags": {key: side.tags[key] for key in differences.CODE_TAGS if key in side.tags},
        "has_card": bool(side.description.strip()),
        "unread": side.unread,
        "misfit": side.misfit,
    }


def _contest(challenger: Side, champion: Side | None, resamples: int, seed: int) -> dict[str, Any]:
    """The comparison that moves the champion by itself, and its sentence."""
    if champion is None:
        return {"releases": [], "no_worse": True, "sentence": "the first version: there is no champion to compare with"}
    if challenger.predictions is None or champion.predictions is None:
        found = contest.Contest(())
    else:
        found = contest.compare(challenger.predictions, champion.predictions, resamples, seed)
    told = dataclasses.asdict(found)
    return {
        **told,
        "releases": list(found.releases),
        "no_worse": found.no_worse,
        "sentence": found.sentence(champion.version),
    }


def _rules(challenger: Side, champion: Side | None) -> tuple[dict[str, tuple[Impact, Policy]], str]:
    """Each side's own rules; where the champion's do not apply any more the challenger's, and a note says so."""
    found: dict[str, tuple[Impact, Policy]] = {}
    problems = {}
    for name, side in _sides(challenger, champion).items():
        if side.folder is None:
            continue
        try:
            found[name] = check_policy(side.folder, side.version)
        except ModelError as error:
            problems[name] = str(error)
    if "champion" in problems and "challenger" in found:
        found["champion"] = found["challenger"]
        return found, f"both sides are judged by the challenger's policy: {problems['champion']}"
    return found, problems.get("challenger", "")


def _verdicts(
    challenger: Side, champion: Side | None, policies: dict[str, tuple[Impact, Policy]], coverage: Coverage
) -> tuple[dict[str, Verdicts], str]:
    """Each side's decisions, and why one has none."""
    found: dict[str, Verdicts] = {}
    notes = []
    for name, side in _sides(challenger, champion).items():
        if side.folder is None:
            notes.append(f"the decisions of {side.version} are not known: {side.unread}")
        elif name not in policies:
            notes.append(f"the decisions of {side.version} are not known: its policy cannot be applied")
        else:
            impact, policy = policies[name]
            try:
                calculator = FISCalculator(side.folder, bundle.read_manifest(side.folder), impact)
                judge = Judge(calculator, policy, policy_version(impact, policy), last_level(policy))
                found[name] = judge.verdicts(coverage)
            except ModelError as error:
                said = str(error).replace(str(side.folder), "its bundle")
                notes.append(f"the decisions of {side.version} are not known: {said}")
    return found, "; ".join(notes)


def _drift(challenger: Side, champion: Side | None) -> dict[str, Any] | None:
    """Drift from the champion's newest releases to the challenger's; None where there is no such pair."""
    if champion is None:
        return None
    new, old = challenger.newest_figures(), champion.newest_figures()
    return None if new is None or old is None else drift.compared(new, old)


def _fairness(
    challenger: Side, champion: Side | None, releases: dict[str, pd.DataFrame], verdicts: dict[str, Verdicts]
) -> dict[str, Any] | None:
    """Held, blocked and forecast shares by size and category of both sides; None without the challenger's bundle."""
    if challenger.tables is None:
        return None
    groups, kind = fairness.groups_of(challenger.tables)
    told: dict[str, Any] = {"categories_are": kind}
    for by in ("size", "category"):
        told[by] = fairness.rows(groups, by, releases, verdicts, champion is not None)
    return told
