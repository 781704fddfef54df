"""Repositories that are broken, partial or out to harm: each gives a clear error or a counted reject."""

import os
import shutil

import pytest

from promotion_gate.collect.git import repository
from promotion_gate.collect.git.languages.registry import SUFFIXES
from promotion_gate.errors import InputError
from tests.collect.git.built import Built, lines


def things(mined, reason):
    return mined.report["skipped"][reason]["first"]


def modules(mined):
    return {row["module"] for row in mined.modules}


def test_nothing_that_a_repository_configures_is_run(built, mine, tmp_path, monkeypatch):
    marker = tmp_path / "it was run"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    script.chmod(0o755)
    built.commit_files({"a.py": lines(3), ".gitattributes": "*.py diff=evil filter=evil\n"})
    built.commit_files({"a.py": lines(5)})
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "diff.external", "core.askPass",
                "diff.evil.textconv", "diff.evil.command", "filter.evil.smudge", "filter.evil.clean", "pager.log",
                "credential.helper", "uploadpack.packObjectsHook", "alias.log"):  # fmt: skip
        built.git("config", key, f"!{script}" if key.startswith("alias") else str(script))
    for hook in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        shutil.copy(script, built.path / ".git" / "hooks" / hook)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(script))
    monkeypatch.setenv("GIT_PAGER", str(script))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    mined = mine(built.path)
    assert modules(mined) == {"a.py"}
    assert not marker.exists()


def test_a_repository_is_not_written_to(built, mine):
    built.commit_files({"a.py": lines(3)})
    built.commit_files({"a.py": lines(4)})

    def state():
        return {path: path.stat().st_mtime_ns for path in built.path.rglob("*")}

    before = state()
    mine(built.path)
    assert state() == before


def test_odd_paths_are_modules_or_counted(built, mine):
    odd = {b"with space.py": True, b'with "quotes" $(x) `y`.py': True, b"new\nline.py": False, b"\xff.py": False}
    built.commit_files(dict.fromkeys(odd, lines(2)))
    built.commit_files({"b.py": lines(1)})
    mined = mine(built.path)
    assert modules(mined) == {"b.py", *(path.decode() for path, good in odd.items() if good)}
    assert things(mined, "name with control characters, over 1024 characters, or not UTF-8") == [
        "new\\nline.py", "\\xff.py",
    ]  # fmt: skip


def test_links_and_submodules_are_counted_and_not_followed(built, mine, tmp_path):
    other = Built(tmp_path / "other")
    other.commit_files({"o.py": lines(1)})
    (built.path / "passwords.py").symlink_to("/etc/passwd")
    built.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "sub")
    built.commit_files({"a.py": lines(1)})
    built.commit_files({})
    mined = mine(built.path)
    assert modules(mined) == {"a.py"}
    assert (things(mined, "symbolic link"), things(mined, "submodule")) == (["passwords.py"], ["sub"])


def test_a_file_of_200_megabytes_is_listed_and_never_read(built, mine):
    for name in ("big.py", "go.mod", ".git-blame-ignore-revs"):
        with (built.path / name).open("wb") as file:
            file.truncate(200 << 20)
    built.commit_files({"a.py": lines(1)})
    built.commit_files({})
    mined = mine(built.path)
    assert things(mined, "not measured: over the size limit") == ["big.py"]
    assert modules(mined) == {"a.py"}


def test_tags_that_lead_to_no_commit_are_counted(built, mine):
    built.commit_files({"a.py": lines(1)})
    built.git("tag", "v1")
    built.git("tag", "v-blob", built.git("rev-parse", "HEAD:a.py"))
    built.git("tag", "v-tree", built.git("rev-parse", "HEAD^{tree}"))
    built.git("tag", "-a", "-m", "a tag of a tag", "v-nested", "v1")
    mined = mine(built.path, "tags:v*")
    assert [row["release"] for row in mined.releases] == ["v-nested", "v1"]
    assert things(mined, "tag that leads to no commit") == ["v-blob", "v-tree"]
    with pytest.raises(InputError, match=r"no tag fits 'w\*'; the repository's tags: v-nested, v1"):
        mine(built.path, "tags:w*")


def test_references_and_folders_that_look_like_options_are_none(tmp_path, mine, monkeypatch):
    built = Built(tmp_path / "--upload-pack=evil")
    sha = built.commit_files({"a.py": lines(1)})
    built.git("update-ref", "refs/tags/--output=x", sha)
    built.git("update-ref", "refs/heads/--exec=x", sha)
    built.git("symbolic-ref", "HEAD", "refs/heads/--exec=x")
    monkeypatch.chdir(tmp_path)
    mined = mine(built.path.relative_to(tmp_path), "tags:--*")
    assert [row["release"] for row in mined.releases] == ["--output=x"]


def test_a_folder_with_quotes_and_newlines_in_its_name_is_opened(tmp_path, mine):
    built = Built(tmp_path / 'a "b"\nc:d\\e')
    built.commit_files({"a.py": lines(1)})
    built.commit_files({})
    assert modules(mine(built.path)) == {"a.py"}


def test_a_partial_clone_is_read_without_its_blobs_and_asks_nobody_for_them(built, mine, tmp_path):
    built.commit_files({"a.py": lines(3)})
    built.commit_files({"a.py": lines(5)})
    built.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial.git"
    built.git("clone", "--quiet", "--bare", "--filter=blob:none", built.path.as_uri(), str(clone))
    marker = tmp_path / "it was asked"
    built.git("-C", str(clone), "config", "remote.origin.url", f"ext::sh -c 'touch {marker}'")
    built.git("-C", str(clone), "config", "protocol.ext.allow", "always")
    mined = mine(clone)
    blobs = {built.git("rev-parse", f"{commit}:a.py") for commit in ("HEAD", "HEAD^")}
    assert set(things(mined, "lines of changes not counted: missing blob")) == blobs
    assert things(mined, "not measured: missing blob") == [f"a.py {built.git('rev-parse', 'HEAD:a.py')}"]
    (row,) = mined.modules
    assert (row["commits"], row["churn"], row["loc"]) == (2, 0, None)
    assert not marker.exists()


def test_one_missing_blob_costs_its_own_lines_alone(built, mine):
    built.commit_files({"a.py": lines(3), "b.py": lines(7)})
    gone = built.git("rev-parse", "HEAD:a.py")
    built.commit_files({"a.py": lines(5), "b.py": lines(8)})
    built.commit_files({"a.py": lines(6)})
    (built.path / ".git" / "objects" / gone[:2] / gone[2:]).unlink()
    mined = mine(built.path)
    last = {row["module"]: row for row in mined.modules if row["release"] == mined.releases[-1]["release"]}
    assert (last["a.py"]["churn"], last["a.py"]["commits"], last["a.py"]["loc"]) == (1, 3, 6)
    assert (last["b.py"]["churn"], last["b.py"]["loc"]) == (8, 8)
    assert things(mined, "lines of changes not counted: missing blob") == [gone]


def test_a_shallow_clone_counts_from_its_edge_and_says_so(built, mine, tmp_path):
    for count in (3, 5, 8):
        built.commit_files({"a.py": lines(count)})
    clone = tmp_path / "shallow"
    built.git("clone", "--quiet", "--depth=2", built.path.as_uri(), str(clone))
    mined = mine(clone)
    assert mined.report["shallow"] == [built.git("rev-parse", "HEAD^")]
    assert mined.report["commits"] == {"counted": 1, "edge of a shallow clone": 1}
    (row,) = mined.modules
    assert (row["commits"], row["churn"], row["loc"]) == (1, 3, 8)


def test_a_broken_configuration_is_one_clear_line(built, mine):
    built.commit_files({"a.py": lines(1)})
    (built.path / ".git" / "config").write_text("[core\n")
    with pytest.raises(InputError, match="shop: git rev-parse: bad config line 1"):
        mine(built.path)


def test_a_repository_of_somebody_else_is_read(built, mine):
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    built.commit_files({"a.py": lines(1)})
    built.commit_files({})
    for path in (built.path, *built.path.rglob("*")):
        os.lchown(path, 12_345, 12_345)
    assert modules(mine(built.path)) == {"a.py"}


def test_a_scratch_repository_is_gone_after_use(built):
    built.commit_files({"a.py": lines(1)})
    with repository.opened("shop", built.path, 1000) as opened:
        scratch = opened.scratch
        assert scratch.is_dir()
    assert not scratch.parent.exists()


def test_endings_of_all_languages_are_lower_case():
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
