"""The lines of one file that a report tells of -> what the suite covered of it."""

from collections.abc import Iterable

from promotion_gate.schema import FileLines, SuiteCoverage


def lines_of(file: str, covered: Iterable[int], missing: Iterable[int]) -> SuiteCoverage:
    """Return a file's coverage; a line that is named twice is one line, and covered if it is anywhere.

    Args:
        file: its path.
        covered: numbers of the lines that ran, 0 or more.
        missing: numbers of the lines that did not.

    Raises:
        ValueError: a number is negative or none.
    """
    executed = sorted(set(covered))
    left = sorted(set(missing) - set(executed))
    lines = FileLines(executed_lines=tuple(executed), missing_lines=tuple(left))
    return SuiteCoverage(lines_covered=len(executed), lines_total=len(executed) + len(left), files={file: lines})


def by_hits(hits: dict[str, dict[int, int]]) -> dict[str, SuiteCoverage]:
    """Return the coverage of files from how often each line ran. ValueError as `lines_of`."""
    return {
        file: lines_of(file, (line for line, count in lines.items() if count > 0), lines)
        for file, lines in hits.items()
    }


def add(hits: dict[str, dict[int, int]], file: str, line: int, count: int) -> None:
    """Note that a line ran so often; of a line that is told several times the largest counts."""
    lines = hits.setdefault(file, {})
    lines[line] = max(lines.get(line, 0), count)
