from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect.git.following import followed
from promotion_gate.collect.git.graph import Graph
from promotion_gate.collect.git.history import Commit, FileChange
from promotion_gate.collect.git.lineage import Lineage

PATHS = ("a.py", "b.py", "c.py")


def change(status, path, old=None, added=1, deleted=0):
    return FileChange(path, old, status, added, deleted)


def commit(place, *changes, parents=None):
    before = [place - 1] if place and parents is None else parents or []
    return Commit(str(place), tuple(map(str, before)), place, "someone", False, "", tuple(changes))


def after(*commits):
    lineage = Lineage()
    for place, one in enumerate(commits):
        lineage.follow(place, one, counts=True)
    return lineage


def places(lineage, path):
    return [touch.place for touch in lineage.touches[lineage.file(path)]]


def test_a_renamed_file_keeps_its_history():
    lineage = after(
        commit(0, change("A", "a.py")), commit(1, change("R", "b.py", "a.py")), commit(2, change("M", "b.py"))
    )
    assert (lineage.present, places(lineage, "b.py")) == ({"b.py": (0, "a.py")}, [0, 1, 2])


def test_two_files_that_swap_names_keep_their_own_histories():
    lineage = after(
        commit(0, change("A", "a.py"), change("A", "b.py")),
        commit(1, change("R", "b.py", "a.py"), change("R", "a.py", "b.py")),
    )
    assert lineage.present == {"b.py": (0, "a.py"), "a.py": (0, "b.py")}


def test_a_new_file_under_a_name_that_was_renamed_away_is_another():
    lineage = after(
        commit(0, change("A", "a.py")), commit(1, change("R", "b.py", "a.py")), commit(2, change("A", "a.py"))
    )
    assert lineage.present == {"b.py": (0, "a.py"), "a.py": (2, "a.py")}


def test_a_deletion_that_is_taken_back_brings_the_file_back():
    lineage = after(commit(0, change("A", "a.py")), commit(1, change("D", "a.py")), commit(2, change("A", "a.py")))
    assert (lineage.present, places(lineage, "a.py")) == ({"a.py": (0, "a.py")}, [0, 1, 2])


def test_a_branch_that_goes_on_under_the_old_name_changes_the_renamed_file():
    lineage = after(
        commit(0, change("A", "a.py")), commit(1, change("R", "b.py", "a.py")), commit(2, change("M", "a.py"))
    )
    assert (lineage.present, places(lineage, "b.py")) == ({"b.py": (0, "a.py")}, [0, 1, 2])


def test_what_does_not_count_moves_files_all_the_same():
    lineage = after(commit(0, change("A", "a.py")))
    lineage.follow(1, commit(1, change("R", "b.py", "a.py")), counts=False)
    assert (lineage.present, places(lineage, "b.py")) == ({"b.py": (0, "a.py")}, [0])


@st.composite
def histories(draw, parents):
    """Commits with up to so many parents, which come before them, each commit but merges with a change of one file."""
    commits = []
    for place in range(draw(st.integers(1, 9))):
        before = draw(st.sets(st.integers(0, place - 1), min_size=1, max_size=parents)) if place else []
        status = draw(st.sampled_from("AMDR"))
        old, path = draw(st.permutations(PATHS))[:2]
        one = change(status, path, old if status == "R" else None)
        commits.append(commit(place, *([] if len(before) > 1 else [one]), parents=sorted(before)))
    return commits


def counts(one):
    return one.time % 3 != 1


@given(histories(parents=1), st.data())
def test_going_on_from_another_release_is_the_same_as_starting_anew(commits, data):
    graph = Graph.of(commits)
    wanted = data.draw(st.sets(st.integers(0, len(commits) - 1), min_size=1))
    seen = []
    for place, lineage in followed(graph, wanted, counts, {}):
        anew = Lineage()
        for at in reversed(list(graph.main_line(place))):
            anew.follow(at, commits[at], counts(commits[at]))
        assert lineage == anew
        seen.append(place)
    assert seen == sorted(wanted)


@given(histories(parents=3), st.data())
def test_every_change_that_counts_is_there_once_whatever_was_merged(commits, data):
    graph = Graph.of(commits)
    wanted = data.draw(st.sets(st.integers(0, len(commits) - 1), min_size=1))
    for place, lineage in followed(graph, wanted, counts, {}):
        reached = graph.ancestors(place)
        due = [at for at, one in enumerate(commits) if reached[at] and one.files and counts(one)]
        assert sorted(touch.place for touches in lineage.touches.values() for touch in touches) == due
        assert set(lineage.touches) <= {(at, path) for at in range(len(commits)) for path in PATHS}


@given(histories(parents=3))
def test_ancestors_are_what_parents_lead_to(commits):
    graph = Graph.of(commits)
    for tip in range(len(commits)):
        reached, todo = set(), [tip]
        while todo:
            reached.add(place := todo.pop())
            todo += graph.parents(place)
        assert {place for place, is_ in enumerate(graph.ancestors(tip)) if is_} == reached
        assert set(graph.main_line(tip)) <= reached
