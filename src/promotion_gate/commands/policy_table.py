"""A policy for people: the required coverage by level, category and band as a table, and what a writer may not mean."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from promotion_gate.decide.threshold import base_for, text, threshold
from promotion_gate.rules import Band, Impact, Policy
from promotion_gate.schema import LEVELS

if TYPE_CHECKING:
    import pandas as pd

REVIEW = "review"


def lines(impact: Impact, policy: Policy) -> Iterator[str]:
    """Yield a policy: a table with a row a level and category, then what else it says, one thing a line."""
    heads = [band.name for band in policy.bands]
    ranges = [_range(policy, number) for number in range(len(policy.bands))]
    rows = [["level", "category", "base", *heads], ["", "", "", *ranges]]
    categories = [None, *policy.categories]
    rows += [
        _row(level, category, policy)
        for level in policy.base
        for category in categories
        if category is None or level in policy.categories[category]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for level, suites in policy.required_suites.items():
        yield f"{level} requires the suites {', '.join(suites)}"
    added = policy.surcharge
    decay = f"{percent(added.decay)} of it left after each clean promotion"
    yield f"a rollback of a module adds {percent(added.step)}, {percent(added.cap)} at most; {decay}"
    yield f"coverage is never required over {percent(policy.cap)}, and in whole lines, rounded in the module's favour"
    yield f"an override or hotfix lasts {policy.override_days} days at most"
    asked = policy.review
    waits = f"within {text(asked.review_hours)} h, good for {text(asked.approval_hours)} h"
    yield f"what is blocked needs the approval of {asked.reviewers} other than the requester, {waits}"
    failed = policy.rollback
    yield f"a failure within {text(failed.watch_hours)} h of a promotion is attributed; rolled back: {failed.suspects}"
    weights = ", ".join(f"{level} {text(weight)}" for level, weight in zip(LEVELS, impact.weights, strict=True))
    yield f"score: mean weight over the worst {percent(1 - impact.tail)} of what may happen; {weights}"
    gains = f"criticality {percent(impact.criticality_gain)}, load {percent(impact.load_gain)}"
    yield f"towards 1 the weights are lifted by up to: {gains}"


def warnings(policy: Policy) -> list[str]:
    """Return what is allowed and may not be meant, a sentence each."""
    found = []
    for (below, low), (above, high) in itertools.pairwise(policy.base.items()):
        if high < low:
            found.append(f"policy.base: {above} requires {text(high)}, less than {below} before it with {text(low)}")
    for one, other in itertools.pairwise(policy.bands):
        if one.multiplier == other.multiplier:
            found.append(f"policy.bands: {other.name} requires what {one.name} does: one band would do")
    if policy.bands[-1].multiplier is not None:
        found.append("policy.bands: no band blocks, so no module is ever reviewed by a person")
    for level, base in policy.base.items():
        capped = [band.name for band in policy.bands if band.multiplier and base * band.multiplier > policy.cap]
        if capped:
            found.append(f"policy.bands: at {level} {', '.join(capped)} is over the cap of {text(policy.cap)}")
    return found


def percent(share: Decimal) -> str:
    """Return a share as a percentage: .885 is `88.5 %`."""
    return f"{text(share * 100)} %"


def _range(policy: Policy, number: int) -> str:
    start = text(policy.bands[number].start)
    if number + 1 == len(policy.bands):
        return f"FIS >= {start}"
    return f"{start} <= FIS < {text(policy.bands[number + 1].start)}"


def _row(level: str, category: str | None, policy: Policy) -> list[str]:
    base = base_for(level, category, policy).coverage
    return [level, category or "", percent(base), *(_cell(level, category, band, policy) for band in policy.bands)]


def _cell(level: str, category: str | None, band: Band, policy: Policy) -> str:
    made = threshold(base_for(level, category, policy), band.start, policy)
    if made.required is None:
        return REVIEW
    capped = " (capped)" if any(step.name == "cap" for step in made.steps) else ""
    return f"{float(made.required * 100):.6g} %{capped}"


def changes_as_text(found: "pd.DataFrame", measured: bool) -> Iterator[str]:
    """Yield the changes between two policies: how many of each kind, then one line a module.

    Args:
        found: as `policy_diff.changes` gives it.
        measured: whether coverage is known; else a status says nothing, and bands are told alone.
    """
    what = "status" if measured else "band"
    if not measured:
        yield "the tables hold no coverage: bands and required coverage are compared, not decisions"
    for (before, after), rows in found.groupby([f"{what}_before", f"{what}_after"], sort=False):
        yield f"  {len(rows):>5}  {before} -> {after}"
    for row in found.to_dict("records"):
        scores = f"{row['fis_before']:.3f} -> {row['fis_after']:.3f}"
        needed = f"{_needed(row['required_coverage_before'])} -> {_needed(row['required_coverage_after'])}"
        has = f", has {row['coverage']:.4g}" if row["coverage"] == row["coverage"] else ""
        told = f"{row[f'{what}_before']} -> {row[f'{what}_after']}"
        yield f"{row['module']}: {told}; FIS {scores}; required {needed}{has}"


def _needed(required: float) -> str:
    return f"{required:.4g}" if required == required else REVIEW
