"""`promotion-gate collect git --tracker`, as a user runs it."""

import csv
import json

import pytest
from click.testing import CliRunner

from promotion_gate import cli
from promotion_gate.learn import ingest
from tests.collect.git.built import Built, lines

JIRA = """Issue key,Issue Type,Priority,Status,Resolution,Created
SHOP-1,Bug,Critical,Closed,Fixed,14/Jul/17 00:30
SHOP-2,Bug,Major,Closed,Fixed,14/Jul/17 00:30
SHOP-3,Bug,Odd,Closed,Fixed,14/Jul/17 00:30
"""


@pytest.fixture
def shop(tmp_path):
    built = Built(tmp_path / "shop")
    built.commit_files({"cart.py": "import till\n" + lines(30), "till.py": lines(20)})
    built.commit_files({"cart.py": "import till\n" + lines(31)}, "SHOP-1: mend the cart. Fixes #4")
    return built


def collect(tmp_path, *arguments):
    options = ("--releases", "every:1d", "--workers", "1", "--cache", tmp_path / "cache", "--out", tmp_path / "raw")
    return CliRunner().invoke(cli.main, ["collect", "git", *map(str, (*arguments, *options))])


def test_failures_keep_the_contract_and_all_rows_are_accounted_for(shop, tmp_path):
    (tmp_path / "issues.csv").write_text(JIRA)
    done = collect(tmp_path, shop.path, "--tracker", tmp_path / "issues.csv")
    assert done.exit_code == 0, done.stderr
    assert "linked to modules: 1 (1 high), 1 failures" in done.stdout
    assert "not linked, no commit names it: 1 (SHOP-2)" in done.stdout
    assert "could not be read: 1, see collect-rejects.csv" in done.stdout
    read = ingest.read_raw(tmp_path / "raw")
    assert not len(read.rejects)
    assert read.tables["failures"].drop(columns=["occurred_at", "resolved_at"]).to_dict("records") == [
        {"failure_id": "SHOP-1", "project": "shop", "module": "cart.py", "severity": "high"}
    ]
    with (tmp_path / "raw" / "collect-rejects.csv").open(newline="") as stream:
        [reject] = csv.DictReader(stream)
    assert (reject["file"], reject["row"], reject["column"], reject["value"]) == ("issues.csv", "4", "Priority", "Odd")
    [told] = json.loads((tmp_path / "raw" / "collect-failures.json").read_text())
    parts = (
        told["rejected"],
        sum(told["set_aside"].values()),
        told["linked"],
        told["unlinked"]["no commit names it"]["count"],
    )
    assert (told["rows"], parts) == (3, (1, 0, 1, 1))


def test_twice_the_same_bytes(shop, tmp_path):
    (tmp_path / "issues.csv").write_text(JIRA)
    written = []
    for _ in range(2):
        assert collect(tmp_path, shop.path, "--tracker", tmp_path / "issues.csv").exit_code == 0
        written.append({path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()})
    assert written[0] == written[1]


def test_numbers_belong_to_one_repository_and_keys_to_any(shop, tmp_path):
    other = Built(tmp_path / "other")
    other.commit_files({"a.py": lines(3)})
    other.commit_files({"a.py": lines(4)}, "SHOP-1 again, and fixes #4")
    (tmp_path / "issues.csv").write_text(JIRA)
    bug = {"number": 4, "labels": [{"name": "bug"}], "state": "CLOSED", "stateReason": "COMPLETED"}
    days = {"createdAt": "2017-07-15T00:00:00Z", "closedAt": "2017-07-17T00:00:00Z"}
    (tmp_path / "issues.json").write_text(json.dumps([{**bug, **days}]))
    whose = collect(tmp_path, shop.path, other.path, "--tracker", tmp_path / "issues.json")
    assert (whose.exit_code, "whose issues? Give it as PROJECT=FILE; there are shop, other" in whose.stderr) == (
        2,
        True,
    )
    nobody = collect(tmp_path, shop.path, "--tracker", f"nobody={tmp_path / 'issues.json'}")
    assert (nobody.exit_code, "there is no project nobody; there are shop" in nobody.stderr) == (2, True)
    trackers = "--tracker", f"other={tmp_path / 'issues.json'}", "--tracker", tmp_path / "issues.csv"
    assert collect(tmp_path, shop.path, other.path, *trackers).exit_code == 0
    table = ingest.read_raw(tmp_path / "raw").tables["failures"]
    assert sorted(zip(table.failure_id, table.project, table.module, strict=True)) == [
        ("#4", "other", "a.py"), ("SHOP-1", "other", "a.py"), ("SHOP-1", "shop", "cart.py"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\xff", b"a,b\n1,2\n", b"[]", b"{}", b"<xml/>"])
def test_a_bad_export_stops_the_run_before_its_long_work_with_one_line(shop, tmp_path, content):
    (tmp_path / "issues").write_bytes(content)
    done = collect(tmp_path, shop.path, "--tracker", tmp_path / "issues")
    assert (done.exit_code, len(done.stderr.splitlines()), (tmp_path / "cache").exists()) == (2, 1, False)
    assert str(tmp_path / "issues") in done.stderr


def test_failures_in_another_form_are_not_joined_by_a_second_table(shop, tmp_path):
    (tmp_path / "issues.csv").write_text(JIRA)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "failures.csv").touch()
    done = collect(tmp_path, shop.path, "--tracker", tmp_path / "issues.csv")
    assert (done.exit_code, "failures.csv.gz is written, and a table may be there once" in done.stderr) == (2, True)
