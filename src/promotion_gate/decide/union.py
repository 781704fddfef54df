"""The union of the lines that several suites and environments covered: exact where lines are known, else bounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from promotion_gate.schema import SuiteCoverage


@dataclass(frozen=True)
class Union:
    """Lines that at least one suite covered.

    Attributes:
        covered: lines, 0 to `total`: all of the union where `exact`, else at least so many are in it.
        total: lines that any suite could have covered, 1 or more.
        exact: whether every report named its lines.
        at_most: the largest number of lines that the union can have.
        uncovered: numbers of the lines that no suite covered, rising, by file; empty unless `exact`.
        unnamed: reports that did not name their lines, sorted; empty where `exact`.
    """

    covered: int
    total: int
    exact: bool
    at_most: int
    uncovered: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()


def unite(reports: Mapping[str, SuiteCoverage]) -> Union:
    """Return the union of reports on one version of a module.

    Reports that name their lines are united line by line; a line counts once, however many ran it. Of the others only
    the counts are known: the union has at least the lines of the largest, never their sum.

    Args:
        reports: of at least one line each, one or more.
    """
    named = {name: report for name, report in reports.items() if report.files is not None}
    executed: dict[str, set[int]] = {}
    seen: dict[str, set[int]] = {}
    for report in named.values():
        for file, lines in (report.files or {}).items():
            executed.setdefault(file, set()).update(lines.executed_lines)
            seen.setdefault(file, set()).update(lines.executed_lines, lines.missing_lines)
    covered, total = sum(map(len, executed.values())), sum(map(len, seen.values()))
    unnamed = tuple(sorted(set(reports) - set(named)))
    if not unnamed:
        missing = {file: tuple(sorted(seen[file] - executed[file])) for file in sorted(seen)}
        uncovered = {file: lines for file, lines in missing.items() if lines}
        return Union(covered, total, exact=True, at_most=covered, uncovered=uncovered)
    # Suites may have seen different totals: most lines of the longest total is what the union has at least.
    counts = [(reports[name].lines_covered, reports[name].lines_total) for name in unnamed]
    total = max(total, *(lines for _, lines in counts))
    at_most = min(total, covered + sum(lines for lines, _ in counts))
    covered = max(covered, *(lines for lines, _ in counts))
    return Union(covered, total, exact=False, at_most=at_most, unnamed=unnamed)
