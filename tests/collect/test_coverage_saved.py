"""What saved reports are worth at a revision: laws on small histories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect import coverage_saved
from promotion_gate.collect.coverage_saved import FORMAT, Folder, Saved, united
from promotion_gate.errors import InputError
from promotion_gate.schema import FileLines


def told(executed=(), missing=()):
    return {"a.py": FileLines(executed_lines=tuple(executed), missing_lines=tuple(missing))}


def saved(revision, time, suite="unit", content="x", environment=None, **modules):
    return Saved(
        format=FORMAT, project="shop", revision=revision, committed_at=time, suite=suite, environment=environment,
        contents={"a.py": content}, modules={"a.py": modules.get("lines", told([1], [2]))},
    )  # fmt: skip


def folder(*reports):
    return Folder("coverage", tuple(sorted(reports, key=lambda one: (one.committed_at, one.revision, one.report))))


def test_a_report_is_carried_forward_while_the_content_is_the_same():
    at = saved("b", 2, "integration")
    standing = folder(saved("a", 1), at).standing("a.py", at, "b")
    assert {name: lines.version for name, lines in standing.suites.items()} == {"unit": "b", "integration": "b"}
    assert standing.carried == {"unit": "a"}


def test_of_a_changed_module_an_earlier_report_is_stale_and_says_so():
    at = saved("b", 2, "integration", content="y")
    standing = folder(saved("a", 1), at).standing("a.py", at, "v2")
    assert {name: lines.version for name, lines in standing.suites.items()} == {"unit": "a", "integration": "v2"}
    assert standing.carried == {}


def test_the_newest_report_of_a_suite_counts_and_a_later_revision_s_never():
    first, at, later = (saved(sha, time, lines=told([time])) for sha, time in (("a", 1), ("b", 2), ("c", 3)))
    standing = folder(first, at, later).standing("a.py", at, "b")
    assert standing.suites["unit"].files["a.py"].executed_lines == (2,)


def test_an_environment_that_is_no_longer_run_does_not_hold_its_suite_up():
    old, at = saved("a", 1, environment="py27"), saved("b", 2, content="y", environment="py313")
    assert set(folder(old, at).standing("a.py", at, "b").suites) == {"unit@py313"}


HISTORIES = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from(["unit", "system", "unit@a", "unit@b"])), min_size=1
)


@given(HISTORIES)
def test_what_counts_ran_on_the_very_content_and_no_lines_are_invented(history):
    reports = []
    for time, (content, name) in enumerate(history):
        suite, _, environment = name.partition("@")
        lines = told([time, time + 100], [time + 200])
        reports.append(saved(f"{time:04}", time, suite, content, environment or None, lines=lines))
    at = reports[-1]
    standing = folder(*reports).standing("a.py", at, "now")
    for name, lines in standing.suites.items():
        time = lines.files["a.py"].executed_lines[0]
        assert reports[time].report == name
        assert (lines.version == "now") == (reports[time].contents["a.py"] == at.contents["a.py"])
    assert at.report in standing.suites
    assert standing.suites[at.report].version == "now"


@given(st.lists(st.tuples(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20))), max_size=5))
def test_a_union_has_each_line_once_and_covered_if_anywhere(reports):
    parts = [told(sorted(ran), sorted(left - ran)) for ran, left in reports]
    every = united(parts).get("a.py", FileLines(executed_lines=(), missing_lines=()))
    ran = set().union(*(one for one, _ in reports))
    assert set(every.executed_lines) == ran
    assert set(every.missing_lines) == set().union(*(left for _, left in reports)) - ran
    assert united([*parts, *parts]) == united(parts) == united(reversed(parts))


def test_a_folder_is_read_back_and_one_report_takes_the_place_of_its_like(tmp_path):
    coverage_saved.write(tmp_path, saved("a" * 40, 1))
    coverage_saved.write(tmp_path, saved("a" * 40, 1, lines=told([1, 2])))
    coverage_saved.write(tmp_path, saved("a" * 40, 1, environment="py313"))
    read = coverage_saved.read(tmp_path)
    assert read.reports == (saved("a" * 40, 1, lines=told([1, 2])), saved("a" * 40, 1, environment="py313"))
    assert read.revision("aaaa").revision == "a" * 40


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no saved coverage: the file"),
        ("[]", "no saved coverage"),
        (
            saved("a", 1).model_dump_json().replace("coverage/1", "coverage/9"),
            "'promotion-gate coverage/1' is expected",
        ),
        (saved("a", 1).model_dump_json().replace("[2]", "[1]"), "a line is there twice"),
        (saved("a", 1).model_copy(update={"project": "other"}).model_dump_json(), "several projects: other, shop"),
    ],
)
def test_what_is_no_saved_coverage_is_refused(tmp_path, content, said):
    coverage_saved.write(tmp_path, saved("b", 1))
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=said):
        coverage_saved.read(tmp_path)


def test_a_revision_is_named_plainly(tmp_path):
    with pytest.raises(InputError, match="no saved coverage in this folder"):
        coverage_saved.read(tmp_path)
    both = folder(saved("ab1", 1), saved("ab2", 2))
    for written, said in ((None, "give --version"), ("ab", "several revisions"), ("c", "no report of a revision 'c'")):
        with pytest.raises(InputError, match=said):
            both.revision(written)
