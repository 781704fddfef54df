"""What tuning a policy found: as points to draw, as JSON, as lines of text, and as a policy file to adopt."""

import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import yaml

from promotion_gate.decide.policy import policy_document, policy_version
from promotion_gate.decide.tuning import Point, Tuned
from promotion_gate.reporting.backtest_table import share, spread, table

SHOWN = 12
"""Points of the front that are printed, evenly chosen; all are in the file of points."""


def points(tuned: Tuned) -> pd.DataFrame:
    """All that was tried: kind (trial, front, default, suggestion), escaped, delayed, lines_asked, lines_share."""
    kinds = [("trial", list(tuned.trials)), ("front", list(tuned.front))]
    kinds += [("default", [tuned.default]), ("suggestion", [tuned.suggestion])]
    return pd.DataFrame([{"kind": kind, **_point(point)} for kind, found in kinds for point in found])


def document(tuned: Tuned, limit: Decimal) -> dict[str, Any]:
    """The outcome as plain values: limits, releases, points with their policies, both judgements, the verdict."""
    best = tuned.best or tuned.default
    return {
        "delay_at_most": float(limit),
        "trials": len(tuned.trials) - 1,
        "front": len(tuned.front),
        "with_coverage": tuned.with_coverage,
        "releases": {"searched": list(tuned.searched), "confirmed": tuned.confirmed, "reported": tuned.reported},
        "adopted": tuned.adopted,
        "because": tuned.because,
        "default": _told(tuned.default),
        "best": _told(best),
        "suggestion": _told(tuned.suggestion),
        "confirm": tuned.confirm,
        "report": tuned.report,
    }


def policy_file(tuned: Tuned, limit: Decimal) -> str:
    """The suggestion as a policy file, with a comment that says how it came about."""
    rules, point = tuned.suggestion.rules, tuned.suggestion
    tried, front, there = len(tuned.trials) - 1, len(tuned.front), ", ".join(tuned.searched)
    head = (
        "Suggested by `promotion-gate tune-policy`; nothing reads it until a person adopts it. "
        f"{tried} policies were tried on {there}, {front} are on the Pareto front; that with the fewest escapes that "
        f"delays at most {limit:.0%} was confirmed on {tuned.confirmed}: {tuned.because}. "
        f"Where it was searched, {share(point.escaped)} % of the failures' severity escapes the policy in this file, "
        f"which {'delays' if tuned.with_coverage else 'blocks'} {share(point.delayed)} % of the modules. "
        f"Policy version {policy_version(rules.impact, rules.policy)}."
    )
    written = yaml.safe_dump(policy_document(rules.impact, rules.policy), sort_keys=False, default_flow_style=None)
    return "".join(f"# {line}\n" for line in textwrap.wrap(head, 118)) + written


def lines(tuned: Tuned, limit: Decimal) -> Iterator[str]:
    """The front, the default and the suggestion, and what became of it on the releases after."""
    yield f"searched on {', '.join(tuned.searched)}: {len(tuned.trials) - 1} policies, {len(tuned.front)} on the front"
    if not tuned.with_coverage:
        yield "no release has coverage: tail, weights and the blocked band alone were tuned, and delayed means blocked"
    every = max(1, -(-len(tuned.front) // SHOWN))
    shown = [("front", point) for point in tuned.front[::every]]
    shown += [("default", tuned.default)]
    shown += [("best found", tuned.best)] if tuned.best is not None else []
    yield from table(
        ("", "escaped", "delayed", "lines asked", "tail", "weights", "bands from", "multipliers"),
        [[kind, *_cells(point)] for kind, point in shown],
    )
    yield ""
    yield f"{tuned.because}"
    for name, release, rows in (
        ("confirmed on", tuned.confirmed, tuned.confirm),
        ("reported on", tuned.reported, tuned.report),
    ):
        yield ""
        yield f"{name} {release}: {rows[0]['modules']} modules, {rows[0]['failed']} failed"
        yield from table(
            ("gate", "held back", "critical escapes", "delayed", "blocked", "lines asked", "best found less it"),
            [
                [
                    row["gate"],
                    spread(row["held_back"]),
                    f"{row['critical_escapes']:g} of {row['critical']}",
                    spread(row["delayed"]),
                    share(row["blocked"]),
                    "-" if row["lines_asked"] is None else f"{row['lines_asked']:,.0f}",
                    "" if row is rows[0] else spread(row["less"], "+"),
                ]
                for row in rows
            ],
        )


def _point(point: Point) -> dict[str, float]:
    return {
        "escaped": point.escaped,
        "delayed": point.delayed,
        "lines_asked": point.lines_asked,
        "lines_share": point.lines_share,
    }


def _told(point: Point) -> dict[str, Any]:
    rules = point.rules
    version = policy_version(rules.impact, rules.policy)
    return {**_point(point), "policy_version": version, **policy_document(rules.impact, rules.policy)}


def _cells(point: Point) -> list[str]:
    impact, bands = point.rules.impact, point.rules.policy.bands
    return [
        share(point.escaped),
        share(point.delayed),
        f"{point.lines_asked:,.0f}",
        f"{impact.tail.normalize():f}",
        " ".join(f"{weight.normalize():f}" for weight in impact.weights),
        " ".join(f"{band.start.normalize():f}" for band in bands),
        " ".join("-" if band.multiplier is None else f"{band.multiplier.normalize():f}" for band in bands),
    ]
