import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect.git import repository
from promotion_gate.collect.git.history import Authors, FileChange
from promotion_gate.errors import InputError
from tests.collect.git.built import DAY, START, Built, lines


def changes(commit):
    return {change.path: (change.status, change.added, change.deleted) for change in commit.files}


def test_commits_come_parents_first_with_times_messages_and_line_counts(built, read):
    built.commit_files({"a.py": lines(3), "notes.txt": "no source"}, "first\n\nwith a body")
    built.commit_files({"a.py": lines(5), "b.py": lines(2)})
    built.commit_files({"b.py": None})
    first, second, third = read(built.path)
    assert [one.time for one in (first, second, third)] == [START + day * DAY for day in (1, 2, 3)]
    assert first.message == "first\n\nwith a body"
    assert (second.parents, third.parents) == ((first.sha,), (second.sha,))
    assert changes(first) == {"a.py": ("A", 3, 0)}
    assert changes(second) == {"a.py": ("M", 2, 0), "b.py": ("A", 2, 0)}
    assert changes(third) == {"b.py": ("D", 0, 2)}


def test_a_rename_is_one_change_and_names_where_it_came_from(built, read):
    built.commit_files({"old.py": lines(20)})
    built.move("old.py", "sub/new.py")
    built.commit_files({"sub/new.py": lines(20) + "more = 1\n"})
    assert read(built.path)[1].files == (FileChange("sub/new.py", "old.py", "R", 1, 0),)


def test_what_a_merge_brings_is_counted_where_it_was_made(built, read):
    built.commit_files({"a.py": lines(3)})
    built.git("checkout", "--quiet", "-b", "side")
    built.commit_files({"b.py": lines(4)})
    built.git("checkout", "--quiet", "main")
    built.commit_files({"a.py": lines(6)})
    built.days += 1
    built.git("merge", "--quiet", "--no-ff", "--message", "Merge pull request #7", "side")
    *_, merge = commits = read(built.path)
    assert (len(merge.parents), merge.files, merge.message) == (2, (), "Merge pull request #7")
    assert sum(change.added for commit in commits for change in commit.files) == 3 + 4 + 3


def test_commits_without_source_files_are_there_too(built, read):
    shas = [built.commit_files({"a.py": "x = 1\n"}), built.commit_files({"b.txt": "words"}), built.commit_files({})]
    assert [commit.sha for commit in read(built.path)] == shas


@pytest.mark.parametrize(
    "path",
    [
        *(b"with space.py", b'with "quotes".py', b"with\nnewline.py", b"with\ttab.py", b"\xff\xfe.py", b"-rf.py"),
        *(b":(top).py", "größe.py".encode(), b"\x01mark.py", b":100644 100644.py"),
    ],
)
def test_any_path_is_read_as_it_is(built, read, path):
    built.commit_files({path: lines(2), "z.py": lines(1)})
    (commit,) = read(built.path)
    assert changes(commit) == {path.decode("utf-8", "surrogateescape"): ("A", 2, 0), "z.py": ("A", 1, 0)}


@pytest.mark.parametrize("message", ["\x01" + "0" * 40, "a\n:100644 100644 0 0 M\n1\t2\tx.py", "ünïcode — ✓", ":"])
def test_a_message_is_never_taken_for_a_change(built, read, message):
    built.commit_files({"a.py": lines(1)}, message)
    (commit,) = read(built.path)
    assert (commit.message, changes(commit)) == (message, {"a.py": ("A", 1, 0)})


def test_links_and_submodules_are_no_files_and_what_becomes_one_is_added(built, read, tmp_path):
    other = Built(tmp_path / "other")
    other.commit_files({"o.py": lines(1)})
    built.commit_files({"a.py": lines(2)})
    (built.path / "link.py").symlink_to("a.py")
    built.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "sub.py")
    built.commit_files({})
    (built.path / "link.py").unlink()
    built.commit_files({"link.py": lines(4)})
    (built.path / "link.py").unlink()
    (built.path / "link.py").symlink_to("a.py")
    built.commit_files({})
    statuses = [{change.path: change.status for change in commit.files} for commit in read(built.path)]
    assert statuses == [{"a.py": "A"}, {}, {"link.py": "A"}, {"link.py": "D"}]


def test_binary_and_large_files_have_no_lines(built, read):
    built.commit_files({"a.py": b"\0\1\2", "b.py": "x" * 2_000_000})
    assert changes(read(built.path)[0]) == {"a.py": ("A", None, None), "b.py": ("A", None, None)}


def test_authors_are_hashes_that_mean_nothing_elsewhere(built, read):
    built.commit_files({"a.py": "x = 1\n"}, who=("Ada", "ADA@example.org"))
    built.commit_files({"a.py": "x = 2\n"}, who=("A. Lovelace", "ada@example.org"))
    built.commit_files({"a.py": "x = 3\n"}, who=("Bob", "bob@example.org"))
    one, other = read(built.path), read(built.path)
    assert one[0].author == one[1].author != one[2].author
    assert not {commit.author for commit in one} & {commit.author for commit in other}
    assert "ada" not in repr([dataclasses.asdict(commit) for commit in one]).lower()


def test_a_mailmap_says_who_is_the_same_person(built, read):
    built.commit_files({"a.py": "x = 1\n"}, who=("Ada", "ada@home.example"))
    built.commit_files({".mailmap": "Ada <ada@work.example> <ada@home.example>\n"}, who=("Ada", "ada@work.example"))
    assert len({commit.author for commit in read(built.path)}) == 1


def test_bots_are_told_by_name_or_address(built, read):
    for who in (("dependabot[bot]", "1@users.example"), ("Ada", "ada@example.org"), ("x", "y[BOT]@example.org")):
        built.commit_files({"a.py": str(who)}, who=who)
    assert [commit.bot for commit in read(built.path)] == [True, False, True]


@given(st.text(max_size=20), st.emails())
def test_one_address_is_one_author_whatever_the_name(name, address):
    authors = Authors((), b"salt")
    assert authors.hash(name, address) == authors.hash("other", address.upper())
    assert authors.hash(name, address) != Authors((), b"pepper").hash(name, address)


def test_a_commit_whose_time_cannot_be_read_is_old(built, read):
    sha = built.commit_files({"a.py": lines(1)})
    raw = built.git("cat-file", "commit", sha).replace(f"{START + DAY} +0000", "99999999999999999999 +0000")
    broken = built.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=f"{raw}\n".encode())
    built.git("update-ref", "refs/heads/main", broken)
    assert [commit.time for commit in read(built.path)] == [0]


def test_without_trees_the_history_is_not_whole(built, read, tmp_path):
    built.commit_files({"sub/a.py": lines(1)})
    tree = built.git("rev-parse", "HEAD:sub")
    (built.path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(InputError, match=f"{tree}.*the history is not whole here; fetch it again without a filter"):
        read(built.path)


def test_a_repository_is_opened_by_its_tree_its_git_folder_or_bare(built, tmp_path):
    sha = built.commit_files({"a.py": lines(1)})
    built.git("tag", "v1")
    built.git("clone", "--quiet", "--bare", str(built.path), str(tmp_path / "bare.git"))
    built.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked tree"))
    for path in (built.path, built.path / ".git", tmp_path / "bare.git", tmp_path / "linked tree"):
        with repository.opened("shop", path, 1000) as opened:
            assert (opened.head, opened.tags) == (sha, {"v1": sha})


def test_sha256_repositories_are_read(tmp_path, read):
    built = Built(tmp_path / "long", "--object-format=sha256")
    built.commit_files({"a.py": lines(3)})
    assert changes(read(built.path)[0]) == {"a.py": ("A", 3, 0)}


def test_no_repository_and_an_empty_one_are_said_to_be_so(tmp_path, read):
    with pytest.raises(InputError, match="no such folder"):
        read(tmp_path / "none")
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError, match="not a git repository"):
        read(tmp_path / "plain")
    with pytest.raises(InputError, match="HEAD leads to no commit: the repository is empty"):
        read(Built(tmp_path / "empty").path)
