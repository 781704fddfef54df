"""Laws of the union of lines: exact where lines are known, a safe bound where they are not."""

from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.unblock import ranges
from promotion_gate.decide.union import unite
from promotion_gate.schema import FileLines, SuiteCoverage

FILES = ("a.py", "b.py")
lines = st.sets(st.integers(1, 12))


def report(executed, missing, named=True):
    """Lines by file -> a report, with or without their numbers."""
    told = {
        file: FileLines(executed_lines=tuple(sorted(executed[file])), missing_lines=tuple(sorted(missing[file])))
        for file in FILES
    }
    covered = sum(map(len, executed.values()))
    return SuiteCoverage(
        lines_covered=covered, lines_total=covered + sum(map(len, missing.values())), files=told if named else None
    )


@st.composite
def reports(draw):
    """The same reports with line numbers and without, each of one line or more."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        executed = {file: draw(lines) for file in FILES}
        missing = {file: draw(lines) - executed[file] for file in FILES}
        if any(executed.values()) or any(missing.values()):
            found.append((executed, missing))
    return found or [({"a.py": {1}, "b.py": set()}, {"a.py": set(), "b.py": set()})]


def united(parts, named=lambda number: True):
    return unite({f"s{number}": report(*part, named(number)) for number, part in enumerate(parts)})


@given(reports())
def test_the_union_is_that_of_the_line_sets(parts):
    union = united(parts)
    executed = {(file, line) for one, _ in parts for file in FILES for line in one[file]}
    seen = executed | {(file, line) for _, left in parts for file in FILES for line in left[file]}
    assert (union.covered, union.total, union.exact, union.at_most) == (len(executed), len(seen), True, len(executed))
    told = {(file, line) for file, missing in union.uncovered.items() for line in missing}
    assert told == seen - executed


@given(reports(), st.data())
def test_what_is_told_of_reports_without_lines_bounds_what_they_would_tell_with_them(parts, data):
    named = [data.draw(st.booleans()) for _ in parts]
    bound, exact = united(parts, lambda number: named[number]), united(parts)
    assert bound.covered <= exact.covered <= bound.at_most or bound.total < exact.total
    assert bound.total <= exact.total
    assert bound.exact == all(named)
    assert bound.exact or (bound.unnamed and not bound.uncovered)


@given(reports(), reports())
def test_another_report_never_takes_a_covered_line_away(parts, more):
    assert united(parts + more).covered >= united(parts).covered
    assert united(parts + more, lambda number: False).covered >= united(parts, lambda number: False).covered


@given(lines)
def test_ranges_name_exactly_the_lines(numbers):
    found = set()
    for part in ranges(sorted(numbers)).split(",") if numbers else ():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == numbers
    assert ranges([1, 2, 3, 7]) == "1-3,7"
