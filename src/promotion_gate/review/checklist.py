"""The checklist of a review: what a machine can check, each with a sentence, and what only a person can.

pass and warn and fail are the machine's; `person` items are for whoever promotes. A failed item forbids nothing: the
reviewer decides, and what failed is written down with the promotion.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from promotion_gate.review import drift
from promotion_gate.review.decisions import HOLDS_LESS, LETS_THROUGH
from promotion_gate.review.differences import names

Result = Literal["pass", "warn", "fail", "person"]
RESULTS: tuple[Result, ...] = ("fail", "warn", "pass")

FOR_PEOPLE = (
    ("decisions-read", "I have read the decisions that would change, and know why the worst of them do."),
    ("thresholds-wanted", "The thresholds are those that we want: base coverage, bands, categories, required suites."),
    ("owners-know", "The owners of the modules that would be held in addition know of it."),
    ("way-back", "Somebody watches after the promotion and knows the way back, promotion-gate registry rollback."),
)


def item(code: str, result: Result, sentence: str) -> dict[str, str]:
    """One item: code, result and a sentence."""
    return {"code": code, "result": result, "sentence": sentence}


def checklist(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """All items of a review that has everything but its checklist (`document.build`), the machine's first."""
    machine = [check for part in PARTS for check in part(document)]
    return machine + [item(code, "person", sentence) for code, sentence in FOR_PEOPLE]


def counts(items: list[dict[str, str]]) -> dict[str, int]:
    """How many items of each of the machine's results, worst first."""
    return {result: sum(one["result"] == result for one in items) for result in RESULTS}


def _fits(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    misfit = document["challenger"]["misfit"] or document["challenger"]["unread"]
    said = misfit or "features, levels, thresholds and signature are those of the installed code"
    yield item("fits", "fail" if misfit else "pass", said)
    card = bool(document["challenger"]["has_card"])
    said = "the version has its model card" if card else "the version has no description: its model card is missing"
    yield item("model-card", "pass" if card else "fail", said)


def _contest(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    contest = document["contest"]
    if document["champion"] is None:
        yield item("no-worse", "pass", "the first version: there is no champion to be worse than")
    elif not contest["releases"]:
        yield item("no-worse", "warn", contest["sentence"])
    else:
        yield item("no-worse", "pass" if contest["no_worse"] else "fail", contest["sentence"])


def _calibration(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    found = next((row for row in document["metrics"] if row["figure"] == "calibration error"), None)
    if found is None or document["calibration"] is None:
        yield item("calibration", "warn", "no test release: calibration cannot be judged")
        return
    error, high = document["calibration"]["thresholds"][0]["challenger"]["error"], document["calibration"]["by_chance"]
    said = f"calibration error of any failure {error:.3f} on all test releases together"
    bound = f"95 % of exactly right forecasts stay below {high['high']:.3f}"
    worse = found["difference"] is not None and (found["difference"][1] or 0) > 0
    if worse:
        yield item("calibration", "fail", f"{said}; clearly worse than the champion's (release by release)")
    elif error > high["high"]:
        yield item("calibration", "warn", f"{said}; {bound}")
    else:
        yield item("calibration", "pass", f"{said}; {bound}")


def _data(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if document["champion"] is None:
        return
    new, old = (document["data"][side] for side in ("challenger", "champion"))
    if new["hash"] == old["hash"]:
        yield item("data-not-older", "pass", "both learnt from the same data")
    elif new["end_of_log"] is None or old["end_of_log"] is None:
        yield item("data-not-older", "warn", "the data differs, and which is newer cannot be told: a bundle is missing")
    else:
        older = new["end_of_log"] < old["end_of_log"]
        said = f"its log ends {new['end_of_log']}, the champion's {old['end_of_log']}"
        yield item("data-not-older", "fail" if older else "pass", said)


def _policy(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    champion = document["champion"]
    if champion is None:
        return
    changed = document["policy"]
    if champion["policy_version"] == document["challenger"]["policy_version"]:
        yield item("policy-unchanged", "pass", f"the policy is the champion's, {champion['policy_version']}")
    else:
        said = f"what differs: {names(changed)}" if changed else "what differs cannot be told"
        yield item("policy-unchanged", "warn", f"the policy is not the champion's; {said}")
    if document["policy_note"]:  # without the challenger's own rules there is no level to promote to
        yield item("policy-applies", "fail" if document["level"] is None else "warn", document["policy_note"])


def _code(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    tags = document["challenger"]["tags"]
    commit, dirty = tags.get("git_commit"), tags.get("git_dirty")
    if commit is None or dirty is None:
        yield item("code-committed", "warn", "which code made it is not known: it was registered outside of git")
    elif dirty == "true":
        yield item("code-committed", "warn", f"made with changes that are not committed, on top of {commit:.12}")
    else:
        yield item("code-committed", "pass", f"made by commit {commit:.12}, nothing uncommitted")
    if trial := tags.get("dvc_experiment"):
        yield item("no-experiment", "warn", f"made by the experiment {trial}, not by the committed parameters")


def _decisions(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    found = document["decisions"]
    if document["champion"] is None:
        return
    if found is None:
        yield item("protection-kept", "warn", document["decisions_note"])
        return
    through, less = found["counts"][LETS_THROUGH], found["counts"][HOLDS_LESS]
    told = f"of {found['compared']} modules {through} that are held would go live, {less} would be held less firmly"
    listed = "; each is listed" if through + less else ""
    yield item("protection-kept", "warn" if through + less else "pass", told + listed)
    if not found["measured"]:
        yield item("coverage-known", "warn", "no module has coverage: the verdicts differ where bands do, no more")


def _drift(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    found = document["drift"]
    if found is None:
        return
    moved = [row for row in found["features"] if row["index"] >= drift.MODERATE]
    large = sum(row["index"] >= drift.LARGE for row in moved)
    if moved:
        worst = ", ".join(f"{row['feature']} {row['index']:.2f}" for row in moved[:3])
        said = f"{len(moved)} figures drifted by {drift.MODERATE} or more, {large} by {drift.LARGE}: {worst}"
        yield item("drift-small", "warn", said)
    else:
        yield item("drift-small", "pass", f"no figure drifted by {drift.MODERATE} or more (stability index)")


def _fairness(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    fairness = document["fairness"]
    rows = [row for by in ("size", "category") for row in (fairness or {}).get(by, []) if row["forecast"] is not None]
    if not rows:
        return
    off = [
        row
        for row in rows
        if abs(row["forecast"]["challenger"] - row["forecast"]["observed"]) > row["forecast"]["error"]
    ]
    if off:
        told = ", ".join(
            f"{row['group']} {row['forecast']['challenger']:.3f} against {row['forecast']['observed']:.3f}"
            for row in off[:3]
        )
        more = f" and {len(off) - 3} more" if len(off) > 3 else ""
        said = f"the failures of {len(off)} of {len(rows)} groups are not forecast as they occur: {told}{more}"
        yield item("groups-calibrated", "warn", said)
    else:
        said = f"the failures of all {len(rows)} groups by size and {fairness['categories_are']} are forecast as they"
        yield item("groups-calibrated", "pass", f"{said} occur, within two standard errors")


PARTS = (_fits, _contest, _calibration, _data, _policy, _code, _decisions, _drift, _fairness)
