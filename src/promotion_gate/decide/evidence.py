"""Coverage reports -> the lines that count, and the gaps that forbid promotion. No data is never a pass.

A report that cannot be used is a gap, whichever suite sent it: one that ran on another version of the module (stale),
one that saw no line of it (empty), and a suite that the level requires and that did not report (missing). None of their
lines count. Of the usable reports the suite `aggregate`, the union of all suites' lines, counts, provided that the
required suites reported usably; else the union of the reports does, see `union`. A suite that ran in several
environments reports once for each, as `unit@py311`; a level that requires `unit` has it once one of them reported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from promotion_gate.decide.union import Union, unite
from promotion_gate.errors import InputError
from promotion_gate.schema import AGGREGATE, Reason, SuiteCoverage

Coverage = float | Mapping[str, SuiteCoverage] | None


@dataclass(frozen=True)
class Evidence:
    """What the reports of a module are worth.

    `share` is the coverage that counts, exactly, None where there is none; `counted` the lines behind it where lines
    are known. `gaps` each forbid promotion; `notes` explain. The names of missing, stale and empty suites are sorted.
    """

    share: Fraction | None
    counted: Union | None
    gaps: tuple[Reason, ...]
    notes: tuple[Reason, ...]
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def weigh(coverage: Coverage, version: str | None, level: str, required: tuple[str, ...]) -> Evidence:
    """Return what the coverage given with a request is worth.

    Args:
        coverage: share of lines, 0 to 1, or the lines by suite, or None.
        version: of the module that is to be promoted; None: unknown, and no report is called stale.
        level: the target level, for the sentences.
        required: suites that must have reported for this level.

    Raises:
        InputError: a share is not between 0 and 1.
    """
    if coverage is None or (isinstance(coverage, Mapping) and not coverage):
        nothing = _gap("no-coverage", "no coverage was reported")
        return Evidence(None, None, (nothing, *_missing(required, level)), (), missing=tuple(sorted(required)))
    if not isinstance(coverage, Mapping):
        if not 0 <= coverage <= 1:
            raise InputError(f"coverage is a share between 0 and 1, for instance 0.85, not {coverage}")
        # A bare number names no suite, so a required one cannot have been shown to report.
        share = Fraction(str(float(coverage)))
        return Evidence(share, None, _missing(required, level), (), missing=tuple(sorted(required)))
    return _weigh_suites(coverage, version, level, required)


def _weigh_suites(
    suites: Mapping[str, SuiteCoverage], version: str | None, level: str, required: tuple[str, ...]
) -> Evidence:
    stale = tuple(name for name in sorted(suites) if version and suites[name].version not in (None, version))
    empty = tuple(name for name in sorted(suites) if not suites[name].lines_total)
    missing = tuple(name for name in sorted(set(required)) if not _reported(name, suites))
    gaps = [*_missing(missing, level)]
    gaps += [
        _gap(
            "stale-report",
            f"suite {name} ran on version {suites[name].version}, not on {version}; its lines do not count",
        )
        for name in stale
    ]
    gaps += [_gap("no-lines", f"suite {name} saw no line of the module: nothing was measured") for name in empty]
    usable = {name: suite for name, suite in suites.items() if name not in stale and name not in empty}
    notes = []
    if version and (unversioned := sorted(name for name in usable if usable[name].version is None)):
        notes.append(
            Reason(
                code="report-without-version",
                message=f"{', '.join(unversioned)}: the report names no version; taken to be of {version}",
            )
        )
    aggregates = {name: suite for name, suite in usable.items() if _suite(name) == AGGREGATE}
    if aggregates and all(_reported(name, usable) for name in required):
        counting = aggregates
    else:
        counting = {name: suite for name, suite in usable.items() if name not in aggregates}
        if aggregates:
            untrusted = "the aggregate does not count: it lacks required suites"
            notes.append(Reason(code="aggregate-untrusted", message=untrusted))
    if not counting:
        return Evidence(None, None, tuple(gaps), tuple(notes), missing, stale, empty)
    counted = unite(counting)
    if counting is not aggregates or len(aggregates) > 1:
        notes.append(_made(counted, sorted(counting)))
    share = Fraction(counted.covered, counted.total)
    return Evidence(share, counted, tuple(gaps), tuple(notes), missing, stale, empty)


def _made(counted: Union, suites: list[str]) -> Reason:
    """How the lines that count were made of several reports."""
    lines = f"{counted.covered} of {counted.total} lines"
    if counted.exact:
        return Reason(code="lines-united", message=f"{', '.join(suites)}: the union of their lines, {lines}, counts")
    bound = f"the largest single suite, {lines}, is the safe bound of the union"
    return Reason(code="aggregate-missing", message=f"no aggregate counts: {bound}")


def _suite(report: str) -> str:
    """The suite of a report: what stands before the environment that it ran in."""
    return report.partition("@")[0]


def _reported(suite: str, reports: Iterable[str]) -> bool:
    """Whether a suite is among the reports, in whichever environment where it names none."""
    return any(suite in (report, _suite(report)) for report in reports)


def _missing(suites: tuple[str, ...], level: str) -> tuple[Reason, ...]:
    return tuple(_gap("suite-missing", f"{level} requires the suite {name}, which did not report") for name in suites)


def _gap(code: str, message: str) -> Reason:
    return Reason(code=code, message=message)
