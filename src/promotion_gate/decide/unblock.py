"""What would turn a verdict into Promote: lines to cover and where, suites to run, or what a review must see."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from promotion_gate.decide.evidence import Evidence
from promotion_gate.decide.threshold import Threshold
from promotion_gate.decide.union import Union
from promotion_gate.rules import Policy
from promotion_gate.schema import LEVELS, FISResult


def unblock(limit: Threshold, evidence: Evidence, policy: Policy, score: FISResult | None) -> dict[str, Any]:
    """Return what would turn a verdict that is not Promote into one, each key only where it says something.

    Returns:
        required_coverage (share), lines_required, lines_covered, lines_total and additional_lines where lines are
        known, else additional_coverage; where: files, most uncovered lines first, as many as hold the additional
        lines, each with its uncovered lines (`12-18,40`) and their number; bounded_suites: suites whose line numbers
        might prove enough without a further test; missing_suites, stale_suites, empty_suites; of a blocked module
        review, what a person must see, and fis_below, the score under which coverage decides again.
    """
    found: dict[str, Any] = {}
    if limit.required is None:
        found["review"] = _review(evidence, score)
        blocked = [band.start for band in policy.bands if band.multiplier is None]
        if limit.band != "unknown" and blocked:
            found["fis_below"] = float(blocked[0])
    else:
        found["required_coverage"] = float(limit.required)
        if evidence.counted is not None:
            found |= _lines(limit.required, evidence.counted)
        elif evidence.share is not None:
            found["additional_coverage"] = float(max(Fraction(0), limit.required - evidence.share))
    named = (("missing_suites", evidence.missing), ("stale_suites", evidence.stale), ("empty_suites", evidence.empty))
    return found | {key: list(suites) for key, suites in named if suites}


def _lines(required: Fraction, counted: Union) -> dict[str, Any]:
    lines = int(required * counted.total)  # the share is one of whole lines
    additional = max(0, lines - counted.covered)
    found: dict[str, Any] = {
        "lines_required": lines,
        "lines_covered": counted.covered,
        "lines_total": counted.total,
        "additional_lines": additional,
    }
    if additional and counted.uncovered:
        found["where"] = list(_where(counted.uncovered, additional))
    if additional and counted.at_most >= lines:
        found["bounded_suites"] = list(counted.unnamed)
    return found


def _where(uncovered: Mapping[str, tuple[int, ...]], additional: int) -> Iterator[dict[str, Any]]:
    for file, lines in sorted(uncovered.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        yield {"file": file, "uncovered": len(lines), "lines": ranges(lines)}
        additional -= len(lines)
        if additional <= 0:
            return


def ranges(lines: Sequence[int]) -> str:
    """Return rising line numbers as ranges: 1, 2, 3, 7 is `1-3,7`."""
    runs = itertools.groupby(enumerate(lines), key=lambda pair: pair[1] - pair[0])
    ends = [[line for _, line in run] for _, run in runs]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


def _review(evidence: Evidence, score: FISResult | None) -> list[str]:
    seen = []
    if score is None:
        seen.append("metrics of the module, so that a score can be computed")
    else:
        odds = ", ".join(f"{level} {score.probabilities[level]:.3f}" for level in reversed(LEVELS[1:]))
        seen.append(f"the chance of each severity: {odds}")
        raising = [reason.message for reason in score.reasons if (reason.effect or 0) > 0]
        if raising:
            seen.append(f"what raised the score: {'; '.join(raising[:3])}")
    if evidence.share is None:
        seen.append("test coverage: none was reported that counts")
    else:
        seen.append(f"test coverage: {float(evidence.share):.4g}; no share of it lifts the block")
    return seen
