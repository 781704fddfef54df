"""A failure -> which of the recent promotions may have caused it, each with a score and its evidence. Pure.

Most outages follow a change (about 70 %: Beyer et al., Site Reliability Engineering, 2016, chapter 1), and what fails
in a module may come from what it depends on, the less likely the farther away (as in the random walk along the call
graph of Kim, Sumbaly and Shah, Root Cause Detection in a Service-Oriented Architecture, SIGMETRICS 2013). So the
suspects are the promotions that run and were in their watch window when it failed, of the failing module and of all it
depends on:

    score = .9 x nearness x recency x prior         where the failure does not name the suspect's version
    score = .9 + .1 x nearness x recency x prior    where it does, which settles it but for a wrong report

    nearness  half for each step from the failing module along `depends_on`
    recency   half for each quarter of the policy's watch time since the promotion
    prior     from a half at FIS 0 to 1 at FIS 1: it is made for severity, not for causes, and only sways; no FIS is 1

The shape is reasoned, not fitted: no log of attributed failures is at hand. A score ranks; it is no probability.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promotion_gate.rules import Rollback
from promotion_gate.schema import Reason

Key = tuple[str, str]
"""Project and module."""

RUNNING = frozenset({"deploying", "watching", "stable", "failed", "rolling-back", "rollback-failed"})
"""States of a promotion whose version is on the level, as the ledger names them."""

UNNAMED_AT_MOST = 0.9
HALF_LIVES = 4
"""Of the recency, in the policy's watch time."""


@dataclass(frozen=True)
class Failure:
    """A failure as it was seen; times are aware. `version` is the one that failed, None where nobody could tell."""

    failure_id: str
    module: Key
    version: str | None
    occurred_at: dt.datetime
    severity: str


@dataclass(frozen=True)
class Promotion:
    """A promotion that reached the level. `fis` is that of its decision, None where there was none; times are aware."""

    promotion_id: str
    module: Key
    level: str
    version: str
    promoted_at: dt.datetime
    watch_until: dt.datetime
    state: str
    fis: float | None


@dataclass(frozen=True)
class Suspect:
    """A promotion that may be to blame: its score (0 to 1), and why it has it."""

    promotion: Promotion
    score: float
    named: bool
    evidence: tuple[Reason, ...]


@dataclass(frozen=True)
class Attribution:
    """All suspects, likeliest first; which of them are to be rolled back, or whether a person is to be asked; why."""

    suspects: tuple[Suspect, ...]
    verdict: Literal["roll-back", "ask", "none"]
    chosen: tuple[Suspect, ...]
    reason: Reason


def attribute(
    failure: Failure, promotions: Sequence[Promotion], dependencies: Mapping[Key, Sequence[Key]], rules: Rollback
) -> Attribution:
    """Return who is suspected of a failure and what is to be done.

    Args:
        failure: what was seen.
        promotions: to the level on which it failed, whatever their state; of a module, the last before the failure is
            what ran, and the others are not looked at.
        dependencies: what each module depends on.
        rules: the policy's.
    """
    paths = _paths(failure.module, dependencies)
    suspects = [
        _suspect(failure, promotion, paths[promotion.module], rules)
        for promotion in _latest(failure, promotions)
        if promotion.module in paths and _may_be_to_blame(failure, promotion)
    ]
    suspects.sort(key=lambda one: (not one.named, -one.score, one.promotion.module, one.promotion.promotion_id))
    return _attribution(tuple(suspects), rules)


def _latest(failure: Failure, promotions: Sequence[Promotion]) -> list[Promotion]:
    """Return what ran when it failed, by module; of two promotions at once the one with the later id."""
    before = [promotion for promotion in promotions if promotion.promoted_at <= failure.occurred_at]
    before.sort(key=lambda one: (one.promoted_at, one.promotion_id))
    return list({promotion.module: promotion for promotion in before}.values())


def _may_be_to_blame(failure: Failure, promotion: Promotion) -> bool:
    another = promotion.module == failure.module and failure.version not in (None, promotion.version)
    return promotion.state in RUNNING and failure.occurred_at <= promotion.watch_until and not another


def _paths(start: Key, dependencies: Mapping[Key, Sequence[Key]]) -> dict[Key, tuple[Key, ...]]:
    """Return a shortest way from a module to each that it depends on, both ends included; equal ways by name."""
    found: dict[Key, tuple[Key, ...]] = {start: (start,)}
    waiting = [start]
    for module in waiting:  # grows as it is gone through: breadth first
        for need in sorted(set(dependencies.get(module, ())) - set(found)):
            found[need] = (*found[module], need)
            waiting.append(need)
    return found


def _suspect(failure: Failure, promotion: Promotion, path: tuple[Key, ...], rules: Rollback) -> Suspect:
    steps = len(path) - 1
    hours = (failure.occurred_at - promotion.promoted_at).total_seconds() / 3600
    nearness = 0.5**steps
    recency = 0.5 ** (HALF_LIVES * hours / float(rules.watch_hours))
    prior = 1.0 if promotion.fis is None else (1 + promotion.fis) / 2
    product = nearness * recency * prior
    named = steps == 0 and failure.version == promotion.version
    score = UNNAMED_AT_MOST + (1 - UNNAMED_AT_MOST) * product if named else UNNAMED_AT_MOST * product
    place = "the failing module itself was promoted"
    if steps:
        place = f"{steps} step{'s' * (steps > 1)} away: " + " depends on ".join(module for _, module in path)
    risk = "has no score, which counts as 1" if promotion.fis is None else f"was promoted with FIS {promotion.fis:.3f}"
    evidence: tuple[Reason, ...] = (
        Reason(code="dependency" if steps else "own-module", message=place, effect=nearness),
        Reason(code="recency", message=f"promoted {hours:.1f} h before the failure", effect=recency),
        Reason(code="risk", message=f"{promotion.version} {risk}", effect=prior),
    )
    if named:
        said = f"the failure names the version {promotion.version}"
        evidence = (Reason(code="named-version", message=said, effect=UNNAMED_AT_MOST), *evidence)
    return Suspect(promotion, score, named, evidence)


def _attribution(suspects: tuple[Suspect, ...], rules: Rollback) -> Attribution:
    if not suspects:
        said = "no running promotion of the module or of what it depends on was in its watch window"
        return Attribution((), "none", (), Reason(code="no-suspect", message=said))
    first, least = suspects[0], float(rules.least_score)
    if first.named:  # the report itself says what failed: no other is weighed against it
        return _rolled_back(suspects, suspects[:1], "version-named", "the failure names its version")
    likely = tuple(suspect for suspect in suspects if suspect.score >= least)
    if not likely:
        return _asked(suspects, "score-low", f"the highest score, {first.score:.3f}, is below {least:g}")
    if len(suspects) == 1:
        return _rolled_back(suspects, suspects, "single-suspect", "only this promotion can be to blame")
    if rules.suspects == "all":
        return _rolled_back(suspects, likely, "all-suspects", f"the policy rolls back all with a score from {least:g}")
    if rules.suspects == "ask":
        return _asked(suspects, "policy-asks", f"the policy asks: {len(suspects)} promotions can be to blame")
    lead = first.score - suspects[1].score
    if lead < float(rules.margin):
        return _asked(suspects, "too-close", f"the likeliest leads by {lead:.3f}, the policy wants {rules.margin}")
    return _rolled_back(suspects, suspects[:1], "likeliest-suspect", f"the likeliest leads by {lead:.3f}")


def _rolled_back(suspects: tuple[Suspect, ...], chosen: tuple[Suspect, ...], code: str, said: str) -> Attribution:
    return Attribution(suspects, "roll-back", chosen, Reason(code=code, message=said))


def _asked(suspects: tuple[Suspect, ...], code: str, said: str) -> Attribution:
    return Attribution(suspects, "ask", (), Reason(code=code, message=said))
