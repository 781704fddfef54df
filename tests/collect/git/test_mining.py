"""From a repository to rows: what counts, as of when, under which name."""

import pytest

from promotion_gate.errors import InputError
from tests.collect.git.built import Built, lines

BOT = ("renovate[bot]", "renovate@example.org")
BOB = ("Bob", "bob@example.org")


def at(mined, release):
    return {row["module"]: row for row in mined.modules if row["release"] == release}


def latest(mined):
    return at(mined, mined.releases[-1]["release"])


def test_a_row_knows_what_was_done_until_its_release_and_nothing_later(built, mine):
    built.commit_files({"cart.py": lines(3)})
    built.days += 500
    built.commit_files({"cart.py": lines(5)}, who=BOB)
    built.git("tag", "v1")
    built.commit_files({"cart.py": lines(50)}, who=("Eve", "eve@example.org"))
    (row,) = mine(built.path, "tags:v1").modules
    assert {name: row[name] for name in ("loc", "commits", "churn", "lines_added", "lines_deleted", "commits_1y",
            "churn_1y", "authors", "authors_1y", "top_author_share", "age_days", "idle_days", "files")} == {
        "loc": 5, "commits": 2, "churn": 5, "lines_added": 5, "lines_deleted": 0, "commits_1y": 1,
        "churn_1y": 2, "authors": 2, "authors_1y": 1, "top_author_share": 0.5, "age_days": 501, "idle_days": 0,
        "files": 1,
    }  # fmt: skip


def test_a_renamed_module_keeps_its_history_and_a_fix_counts_under_all_its_names(built, mine):
    built.commit_files({"old.py": lines(20)})
    built.git("tag", "v1")
    built.move("old.py", "new.py")
    built.commit_files({}, "move")
    built.git("tag", "v2")
    built.commit_files({"new.py": lines(21)}, "Fixes #12")
    mined = mine(built.path, "tags:v*")
    assert (list(at(mined, "v1")), list(at(mined, "v2"))) == (["old.py"], ["new.py"])
    assert (at(mined, "v2")["new.py"]["commits"], at(mined, "v2")["new.py"]["churn"]) == (2, 20)
    fix = next(place for place, commit in enumerate(mined.commits) if commit.message == "Fixes #12")
    assert mined.touched[fix] == {"old.py", "new.py"}


def test_bots_and_mass_commits_count_for_nobody_but_move_files(built, mine):
    built.commit_files({f"m{number}.py": lines(9, f"v{number}_") for number in range(5)})
    built.commit_files({f"m{number}.py": lines(8, f"w{number}_") for number in range(5)}, "reformat everything")
    built.move("m0.py", "moved.py")
    built.commit_files({}, "by a bot", who=BOT)
    built.commit_files({"moved.py": lines(10, "w0_")})
    mined = mine(built.path, mass_commit_files=5)
    assert mined.report["commits"] == {"by a bot": 1, "counted": 2, "mass commit": 1}
    row = latest(mined)["moved.py"]
    assert (row["commits"], row["churn"], row["authors"], row["age_days"]) == (2, 9 + 2, 1, 3)


def test_what_the_project_itself_lists_as_reformatting_does_not_count(built, mine):
    built.commit_files({"a.py": lines(9)})
    sha = built.commit_files({"a.py": lines(9, "y")})
    built.commit_files({".git-blame-ignore-revs": f"# black\n{sha}  # all of it\n"})
    mined = mine(built.path)
    assert mined.report["commits"] == {"counted": 2, "listed in .git-blame-ignore-revs": 1}
    assert latest(mined)["a.py"]["churn"] == 9


def test_what_a_merge_brings_counts_once(built, mine):
    built.commit_files({"a.py": lines(3)})
    built.git("checkout", "--quiet", "-b", "side")
    built.commit_files({"b.py": lines(4)})
    built.git("checkout", "--quiet", "main")
    built.commit_files({"a.py": lines(4)})
    built.days += 1
    built.git("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    built.git("tag", "v1")
    mined = mine(built.path, "tags:v1")
    assert {name: (row["commits"], row["churn"]) for name, row in latest(mined).items()} == {
        "a.py": (2, 4), "b.py": (1, 4),
    }  # fmt: skip
    assert mined.report["commits"] == {"counted": 3, "merges": 1}


def test_releases_of_parallel_lines_know_only_their_own_past(built, mine):
    built.commit_files({"a.py": lines(3)})
    built.git("tag", "v1.0")
    built.commit_files({"a.py": lines(10)})
    built.git("tag", "v2.0")
    built.git("checkout", "--quiet", "-b", "old", "v1.0")
    built.commit_files({"a.py": lines(4)})
    built.git("tag", "v1.1")
    built.git("checkout", "--quiet", "main")
    mined = mine(built.path, "tags:v*")
    assert [(row["release"], at(mined, row["release"])["a.py"]["churn"]) for row in mined.releases] == [
        ("v1.0", 3), ("v2.0", 10), ("v1.1", 4),
    ]  # fmt: skip


def test_directories_add_up_and_count_a_commit_once(built, mine):
    built.commit_files(
        {"shop/a.py": "import till.c\n" + lines(3), "shop/b.py": "import shop.a\n", "till/c.py": lines(5)}
    )
    built.commit_files({"shop/a.py": lines(4), "shop/b.py": "import shop.a\nimport till.c\n"}, who=BOB)
    built.git("tag", "v1")
    mined = mine(built.path, "tags:v1", "directory:1")
    shop = latest(mined)["shop"]
    assert (shop["files"], shop["loc"], shop["commits"], shop["churn"], shop["authors"]) == (2, 6, 2, 4 + 1 + 2 + 1, 2)
    assert [(row["module"], row["depends_on"]) for row in mined.dependencies] == [("shop", "till")]


def test_files_that_no_map_names_are_counted(built, mine, tmp_path):
    (tmp_path / "modules").write_text("/shop/ shop\n")
    built.commit_files({"shop/a.py": lines(1), "till.py": lines(1)})
    built.commit_files({})
    mined = mine(built.path, module=f"map:{tmp_path / 'modules'}")
    assert set(latest(mined)) == {"shop"}
    assert mined.report["skipped"]["no module in the map"] == {"count": 1, "first": ["till.py"]}


def test_what_is_left_out_and_what_is_empty_is_counted_and_imported_by_nobody(built, mine):
    built.commit_files({"shop/__init__.py": "", "shop/a.py": "import shop\nimport tests.x\n", "tests/x.py": lines(2)})
    built.commit_files({})
    mined = mine(built.path)
    assert set(latest(mined)) == {"shop/a.py"}
    assert {reason: one["first"] for reason, one in mined.report["skipped"].items()} == {
        "left out by a pattern": ["tests/x.py"], "no line of code": ["shop/__init__.py"],
    }  # fmt: skip
    assert mined.report["imports_without_an_edge"] == {"python: not of this repository, or left out": 2}


def test_go_s_module_path_is_read_at_each_release(built, mine):
    built.commit_files({"go.mod": "module old.org/x\n", "b/b.go": "package b\nvar B = 1\n",
                        "a.go": 'package a\nimport "old.org/x/b"\nvar A = b.B\n'})  # fmt: skip
    built.git("tag", "v1")
    built.commit_files({"go.mod": "module new.org/x\n"})
    built.git("tag", "v2")
    mined = mine(built.path, "tags:v*")
    assert [row["release"] for row in mined.dependencies] == ["v1"]


def test_two_workers_find_what_one_finds(built, mine, tmp_path):
    built.commit_files({f"m{number}.py": f"import m{number // 2}\n" + lines(number) for number in range(120)})
    built.commit_files({})
    one = mine(built.path, workers=1)
    for file in (tmp_path / "cache").iterdir():
        file.unlink()
    two = mine(built.path, workers=2)
    assert (one.modules, one.dependencies, one.report) == (two.modules, two.dependencies, two.report)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("tags:v*", r"no tag fits 'v\*'; the repository's tags: none"),
        ("yearly:1990:1991", "no release: nothing was committed by 1990, 1991"),
        ("every:90d", "no release: no commit lies 90 days after the first"),
    ],
)
def test_without_a_release_there_is_nothing_to_read(tmp_path, mine, plan, said):
    built = Built(tmp_path / "young")
    built.commit_files({"a.py": lines(1)})
    with pytest.raises(InputError, match=said):
        mine(built.path, plan)
