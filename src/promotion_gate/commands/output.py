"""What the command line prints: for people aligned text, coloured on terminals only; for programs JSON and CSV."""

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from promotion_gate.decide.policy import BLOCKED, PROMOTE
from promotion_gate.decide.threshold import band_of
from promotion_gate.rules import Band, Policy
from promotion_gate.schema import LEVELS, Decision, FISResult

if TYPE_CHECKING:
    from promotion_gate.operate.gate import Rules

LEADING = ("project", "module", "fis", "band", "severity")
TRAILING = ("interval_low", "interval_high", "top_factor", "model_version", "data_hash")

# The making of the threshold: its steps say the same.
SHOWN_ELSEWHERE = {"fis-band", "base-by-level", "base-by-category", "base-given", "multiplier", "surcharge", "cap"}


def color() -> bool | None:
    """Return False where NO_COLOR asks for plain text, None where the terminal decides."""
    return False if os.environ.get("NO_COLOR") else None


def error_as_json(message: str, line: int) -> str:
    """Return the JSON line that stands for a request that could not be decided."""
    return json.dumps({"error": message, "line": line})


def results_as_json(results: Sequence[FISResult], single: bool) -> str:
    """Return one FISResult as an object, or any number as an array, one a line."""
    if single:
        return results[0].model_dump_json()
    return "[" + ",\n ".join(result.model_dump_json() for result in results) + "]"


def results_as_csv(results: Sequence[FISResult], policy: Policy) -> str:
    """Return results as CSV with a header; probabilities are columns named `p_<level>`."""
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow([*LEADING, *(f"p_{level}" for level in LEVELS), *TRAILING])
    for result in results:
        table.writerow(
            [
                *(result.project, result.module, result.fis, _band(result, policy).name, result.severity),
                *(result.probabilities[level] for level in LEVELS),
                *(result.interval or ("", "")),
                *(_top(result), result.model_version, result.data_hash),
            ]
        )
    return stream.getvalue()


def width() -> int:
    """Return the columns that a line may have: a terminal's, 100 at least; no bound where the output is no terminal."""
    return max(100, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize


def results_as_text(results: Sequence[FISResult], rules: "Rules", columns: int) -> Iterator[str]:
    """Yield one line a module of at most `columns` under a header, and a last one that names model and policy.

    A single module's score is explained between them, in lines as long as they are.
    """
    longest = max(len("module"), *(len(result.module) for result in results))
    names = max(len("band"), *(len(band.name) for band in rules.policy.bands))
    yield f"{'FIS':>5}  {'band':<{names}}  {'severity':<10}  {'P(fail)':>7}  {'module':<{longest}}  top factor"
    for result in results:
        band = _band(result, rules.policy)
        chance = 1 - result.probabilities[LEVELS[0]]
        painted = click.style(f"{band.name:<{names}}", fg=_paint(band, rules.policy))
        line = f"{result.fis:5.3f}  {painted}  {result.severity:<10}  {chance:7.3f}  {result.module:<{longest}}  "
        factor = _top(result)
        room = columns - len(click.unstyle(line))
        yield (line + (factor if len(factor) <= room else factor[: max(room - 1, 0)] + "…")).rstrip()
    if len(results) == 1:
        yield from _explained(results[0])
    yield f"model {results[0].model_version}, policy {rules.version} ({rules.source}), data {results[0].data_hash}"


def _explained(result: FISResult) -> Iterator[str]:
    """The parts of one score, which add up to it, the words for them, and what would change it."""
    parts = result.explanation.fis if result.explanation else {}
    words = {reason.code: reason.message for reason in result.reasons}
    # The base, then what has words, largest first, then what is too small for them.
    told = sorted(parts, key=lambda name: (name != "base", name not in words, -abs(parts[name])))
    for name in told:
        if name == "base" or round(parts[name], 4):
            yield _part(f"{parts[name]:+.4f}", f"{name}: {words[name]}" if name in words else name)
    if parts:
        yield _part(f"{result.fis:.4f}", "FIS, the sum")
    for other in result.counterfactuals:
        yield _part(f"{other.fis:.4f}", other.message)
    for reason in result.reasons:
        if reason.code not in parts:
            yield _part("", f"{reason.code}: {reason.message}")


def _part(figure: str, content: str) -> str:
    return f"  {figure:>7}  {content}"


def decision_as_text(decision: Decision) -> Iterator[str]:
    """Yield the verdict first, then what it rests on, one thing a line."""
    extra = decision.model_extra or {}
    what = "a what-if" if extra.get("what_if") else decision.module
    verdict = "green" if decision.status == PROMOTE else "red" if decision.status == BLOCKED else "yellow"
    yield f"{click.style(decision.status, fg=verdict, bold=True)}: {what} to {decision.level}"
    yield _row("FIS", "none" if decision.fis is None else f"{decision.fis:.4g}, band {decision.band}")
    needed = decision.required_coverage
    required = "no coverage is enough" if needed is None else f"required {needed:.4g}"
    present = "none that counts" if decision.coverage is None else f"{decision.coverage:.4g}"
    yield _row("coverage", f"{present}, {required}")
    for step in decision.steps:
        led = "-" if step.required_coverage is None else f"{step.required_coverage:.4g}"
        yield _row("steps" if step is decision.steps[0] else "", f"{led:<6} {step.detail}")
    told = [reason for reason in decision.reasons if reason.code not in SHOWN_ELSEWHERE]
    for reason in told:
        yield _row("reasons" if reason is told[0] else "", f"{reason.code}: {reason.message}")
    for number, line in enumerate(_unblock(decision.unblock)):
        yield _row("" if number else "unblock", line)
    versions = [f"model {decision.model_version or '-'}", f"policy {decision.policy_version}"]
    if "policy_source" in extra:
        versions[-1] += f" ({extra['policy_source']})"
    yield _row("versions", ", ".join([*versions, f"data {decision.data_hash or '-'}"]))


def _unblock(unblock: Mapping[str, Any]) -> Iterator[str]:
    sentences = {
        "additional_lines": "cover {} more lines",
        "additional_coverage": "raise the coverage by {:.4g}",
        "bounded_suites": "or report which lines {} covered: their union may do",
        "missing_suites": "run {}",
        "stale_suites": "run again on this version: {}",
        "empty_suites": "measure the module in {}",
        "fis_below": "a score below {} would open the gate",
    }
    for item in unblock.get("review", ()):
        yield f"review {item}"
    for key, sentence in sentences.items():
        value = unblock.get(key)
        if value:
            yield sentence.format(", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
        if key == "additional_lines":
            yield from (
                f"{place['uncovered']} uncovered in {place['file']}: {place['lines']}"
                for place in unblock.get("where", ())
            )


def _row(title: str, content: str) -> str:
    return f"  {title:<10}{content}"


def _band(result: FISResult, policy: Policy) -> Band:
    return band_of(Decimal(str(result.fis)), policy)


def _paint(band: Band, policy: Policy) -> str | None:
    if band.multiplier is None:
        return "red"
    return None if band is policy.bands[0] else "yellow"


def _top(result: FISResult) -> str:
    return next((reason.message for reason in result.reasons if (reason.effect or 0) > 0), "")
