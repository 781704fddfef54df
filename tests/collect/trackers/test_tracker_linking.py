"""Issues and the commits of repositories that are made here."""

import pytest

from promotion_gate.collect import tables
from promotion_gate.collect.trackers import linking
from promotion_gate.collect.trackers.issue import Export, Issue
from tests.collect.git.built import DAY, START, lines


def jira(*keys, created=START, **further):
    issues = [Issue(key, frozenset({key}), "high", created, **further) for key in keys]
    return Export("jira", "issues.csv", len(issues), issues)


def failures(linked):
    """{(issue, module): days after the start at which it was resolved}."""
    days = {tables.utc(START + day * DAY): day for day in range(100)}
    return {(row["failure_id"], row["module"]): days[row["resolved_at"]] for row in linked.rows}


def reasons(linked):
    return linked.unlinked.things


@pytest.fixture
def shop(built):
    built.commit_files({"a.py": lines(30), "b.py": lines(30, "y"), "test_a.py": lines(9), "words.txt": "words"})
    return built


def test_a_failure_is_an_issue_and_a_module_that_its_last_commit_resolved(shop, mine):
    shop.commit_files({"a.py": lines(31), "test_a.py": lines(10)}, "AMQ-1: mend a")
    shop.commit_files({"a.py": lines(32), "b.py": lines(31, "y")}, "AMQ-1, AMQ-2: mend both")
    linked = linking.link(jira("AMQ-1", "AMQ-2"), [mine(shop.path)])
    assert failures(linked) == {("AMQ-1", "a.py"): 3, ("AMQ-1", "b.py"): 3, ("AMQ-2", "a.py"): 3, ("AMQ-2", "b.py"): 3}
    assert linked.rows[0]["occurred_at"] == "2017-07-14T00:00:00Z"
    assert (linked.issues, linked.severities, reasons(linked)) == (2, {"high": 2}, {})


def test_a_module_has_the_failure_under_every_name_that_it_has_at_a_release(shop, mine):
    shop.commit_files({"a.py": lines(31)}, "AMQ-1: mend a")
    shop.move("a.py", "shop/a.py")
    shop.commit_files({})
    shop.commit_files({})
    linked = linking.link(jira("AMQ-1"), [mine(shop.path)])
    assert failures(linked) == {("AMQ-1", "a.py"): 2, ("AMQ-1", "shop/a.py"): 2}


def test_why_an_issue_has_no_module(shop, mine):
    shop.commit_files({"words.txt": "other words"}, "AMQ-1")
    shop.commit_files({"test_a.py": lines(10)}, "AMQ-2")
    shop.commit_files({"a.py": lines(31)}, "AMQ-3", who=("renovate[bot]", "bot@example.org"))
    shop.commit_files({"a.py": lines(30, "z"), "b.py": lines(30, "z")}, "AMQ-4 reformatted")
    linked = linking.link(jira(*(f"AMQ-{n}" for n in range(6))), [mine(shop.path, mass_commit_files=2)])
    assert not linked.rows
    assert reasons(linked) == {
        linking.NO_SOURCE: {"AMQ-1"},
        linking.NO_MODULE: {"AMQ-2"},
        linking.UNCOUNTED + "by a bot": {"AMQ-3"},
        linking.UNCOUNTED + "mass commit": {"AMQ-4"},
        linking.UNNAMED: {"AMQ-0", "AMQ-5"},
    }


def test_what_was_taken_back_is_no_fix_and_counts_once_when_it_comes_again(shop, mine):
    first = shop.commit_files({"a.py": lines(31)}, "AMQ-1: mend a")
    shop.git("revert", "--no-edit", first)
    only = linking.link(jira("AMQ-1"), [mine(shop.path)])
    assert (only.rows, reasons(only)) == ([], {linking.UNDONE: {"AMQ-1"}})
    shop.commit_files({"b.py": lines(31, "y")}, "AMQ-1: mend b instead")
    assert failures(linking.link(jira("AMQ-1"), [mine(shop.path)])) == {("AMQ-1", "b.py"): 3}


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_taking_back_what_was_taken_back_brings_it_again(shop, mine, times):
    shop.commit_files({"a.py": lines(31)}, "AMQ-1: mend a")
    for _ in range(times):
        shop.git("revert", "--no-edit", "HEAD")
    assert len(linking.link(jira("AMQ-1"), [mine(shop.path)]).rows) == (times + 1) % 2


@pytest.mark.parametrize(
    "message",
    [
        "Backed out changeset {short} (AMQ-1) for breaking the build",
        "Backing out {sha}: AMQ-1 was wrong",
        'Revert "AMQ-1: mend a"',
        "Oops\n\nThis reverts commits {other} and {short}.",
    ],
)
def test_the_ways_of_taking_back(shop, mine, message):
    other = shop.commit_files({"b.py": lines(31, "y")}, "tidy")
    sha = shop.commit_files({"a.py": lines(31)}, "AMQ-1: mend a")
    shop.commit_files({"a.py": lines(30)}, message.format(sha=sha, short=sha[:10], other=other[:12]))
    linked = linking.link(jira("AMQ-1"), [mine(shop.path)])
    assert (linked.rows, reasons(linked)) == ([], {linking.UNDONE: {"AMQ-1"}})


def test_a_taking_back_is_the_fix_of_an_issue_that_it_alone_names(shop, mine):
    wrong = shop.commit_files({"a.py": lines(31)}, "AMQ-1: mend a")
    shop.commit_files({"a.py": lines(30)}, f"AMQ-2: a was broken by AMQ-1\n\nThis reverts commit {wrong}.")
    linked = linking.link(jira("AMQ-1", "AMQ-2"), [mine(shop.path)])
    assert failures(linked) == {("AMQ-2", "a.py"): 3}
    assert reasons(linked) == {linking.UNDONE: {"AMQ-1"}}


def merged(shop, message, first="first"):
    """A branch of two commits that name nothing, and its merge; the day of the merge."""
    shop.git("checkout", "--quiet", "-b", "branch")
    shop.commit_files({"a.py": lines(31)}, first)
    shop.commit_files({"test_a.py": lines(10)}, "second")
    shop.git("checkout", "--quiet", "main")
    shop.commit_files({"b.py": lines(31, "y")}, "meanwhile")
    shop.days += 1
    shop.git("merge", "--quiet", "--no-ff", "-m", message, "branch")
    return shop.days


def test_a_merge_that_names_an_issue_stands_for_what_it_brought(shop, mine):
    day = merged(shop, "Merge pull request #7 from ada/AMQ-1")
    assert failures(linking.link(jira("AMQ-1"), [mine(shop.path)])) == {("AMQ-1", "a.py"): day}
    numbered = Issue("#3", frozenset({"#3", "pull 7"}), "low", START, project="shop", dated=True)
    github = Export("github", "issues.json", 1, [numbered])
    assert failures(linking.link(github, [mine(shop.path)])) == {("#3", "a.py"): day}


def test_a_merge_stands_for_no_commit_that_names_another_issue(shop, mine):
    merged(shop, "Merge branch 'AMQ-1'", "AMQ-2: something else")
    linked = linking.link(jira("AMQ-1", "AMQ-2"), [mine(shop.path)])
    assert set(failures(linked)) == {("AMQ-2", "a.py")}


def test_a_commit_that_names_the_issue_says_more_than_its_merge(shop, mine):
    shop.git("checkout", "--quiet", "-b", "branch")
    shop.commit_files({"a.py": lines(31)}, "AMQ-1: mend a")
    shop.commit_files({"b.py": lines(31, "y")}, "tidy")
    shop.git("checkout", "--quiet", "main")
    shop.git("merge", "--quiet", "--no-ff", "-m", "Merge branch 'AMQ-1'", "branch")
    shop.commit_files({})
    assert failures(linking.link(jira("AMQ-1"), [mine(shop.path)])) == {("AMQ-1", "a.py"): 2}


def test_a_merge_that_was_taken_back_takes_what_it_brought_with_it(shop, mine):
    merged(shop, "Merge branch 'AMQ-1'")
    shop.git("revert", "--no-edit", "-m", "1", "HEAD")
    linked = linking.link(jira("AMQ-1"), [mine(shop.path)])
    assert (linked.rows, reasons(linked)) == ([], {linking.UNDONE: {"AMQ-1"}})


def test_a_number_in_a_commit_from_before_its_issue_means_another_one(shop, mine):
    shop.commit_files({"a.py": lines(31)}, "Fixes #1, #2")
    issues = [
        Issue(f"#{number}", frozenset({f"#{number}"}), "low", START + day * DAY, project="shop", dated=True)
        for number, day in ((1, 1), (2, 50))
    ]
    linked = linking.link(Export("github", "issues.json", 2, issues), [mine(shop.path)])
    assert failures(linked) == {("#1", "a.py"): 2}
    assert reasons(linked) == {linking.EARLIER: {"#2"}}


def test_incidents_name_their_module_themselves(shop, mine):
    shop.commit_files({})
    issues = [
        Issue("1", frozenset(), "low", START, START + DAY, "a.py", "shop"),
        Issue("1", frozenset(), "low", START, None, "b.py", None),
        Issue("2", frozenset(), "low", START, None, "nowhere.py", "shop"),
        Issue("3", frozenset(), "low", START, None, "a.py", "other"),
    ]
    linked = linking.link(Export("incidents", "incidents.csv", 4, issues), [mine(shop.path)])
    assert [(row["module"], row["resolved_at"]) for row in linked.rows] == [
        ("a.py", "2017-07-15T00:00:00Z"), ("b.py", None),
    ]  # fmt: skip
    assert reasons(linked) == {linking.UNKNOWN: {"2 nowhere.py"}, linking.OTHER: {"3 a.py"}}
