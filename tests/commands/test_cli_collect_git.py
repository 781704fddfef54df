"""`promotion-gate collect git`, as a user runs it."""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from promotion_gate import cli
from promotion_gate.learn import ingest
from tests.collect.git.built import Built, lines

EXE = pathlib.Path(sys.executable).with_name("promotion-gate")


@pytest.fixture
def shop(tmp_path):
    built = Built(tmp_path / "shop")
    built.commit_files({"shop/cart.py": "import shop.till\n" + lines(30), "shop/till.py": lines(20)})
    built.commit_files({"shop/till.py": lines(25), "go.py": "import shop.cart\n"})
    return built


def collect(*arguments):
    return subprocess.run([EXE, "collect", "git", *map(str, arguments)], capture_output=True, text=True)


def options(tmp_path, out="raw"):
    return "--out", tmp_path / out, "--cache", tmp_path / "cache"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_tables_keep_their_contract_and_come_out_byte_by_byte_again(shop, tmp_path):
    done = collect(shop.path, "--releases", "every:1d", *options(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 modules, 2 dependencies" in done.stdout
    tables = ["dependencies.csv.gz", "modules.csv.gz", "releases.csv"]
    assert sorted(contents(tmp_path / "raw")) == ["collect-git.json", *tables]
    again = collect(shop.path, "--releases", "every:1d", "--workers", 1, *options(tmp_path, "again"))
    assert again.stdout.replace("again", "raw") == done.stdout
    assert contents(tmp_path / "again") == contents(tmp_path / "raw")
    (tmp_path / "raw" / "failures.csv").write_text(
        "failure_id,project,module,severity,occurred_at,resolved_at\n1,shop,go.py,low,2017-08-01T00:00:00Z,\n"
    )
    read = ingest.read_raw(tmp_path / "raw")
    assert {name: len(read.tables[name]) for name in ("releases", "modules", "dependencies")} == {
        "releases": 1, "modules": 3, "dependencies": 2,
    }  # fmt: skip
    assert not len(read.rejects)


def test_several_repositories_and_the_report_as_json(shop, tmp_path):
    other = Built(tmp_path / "elsewhere" / "shop")
    other.commit_files({"a.go": "package a\nvar A = 1\n"})
    other.commit_files({})
    clash = collect(shop.path, other.path, "--releases", "every:1d", *options(tmp_path))
    assert (clash.returncode, clash.stdout) == (2, "")
    assert "two projects shop; name them as NAME=PATH" in clash.stderr
    done = collect(shop.path, f"other={other.path}", "--releases", "every:1d", "--json", *options(tmp_path))
    assert [report["project"] for report in json.loads(done.stdout)] == ["shop", "other"]
    assert (tmp_path / "raw" / "releases.csv").read_text() == (
        "project,release,released_at\nother,2017-07-16,2017-07-16T00:00:00Z\nshop,2017-07-16,2017-07-16T00:00:00Z\n"
    )


def test_names_and_addresses_are_nowhere_in_what_is_written(shop, tmp_path):
    collect(shop.path, "--releases", "every:1d", *options(tmp_path))
    written = [path for folder in ("raw", "cache") for path in (tmp_path / folder).iterdir()]
    assert len(written) >= 5
    for path in written:
        assert b"ada" not in path.read_bytes().lower()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/no/such/folder", "--releases", "yearly:2012:2013"], "no such folder; a git repository is expected"),
        (["{shop}", "--releases", "monthly"], "tags:PATTERN"),
        (["{shop}", "--releases", "tags:v*"], "no tag fits 'v*'; the repository's tags: none"),
        (["{shop}", "--releases", "every:1d", "--module", "function"], "directory:DEPTH"),
        (["{shop}", "--releases", "every:1d", "--config", "/no/such/file"], "no such file"),
        (["{shop}", "--releases", "every:1d", "--workers", "0"], "--workers"),
        (["--releases", "every:1d"], "REPO"),
        (["{shop}"], "--releases"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(shop, tmp_path, arguments, said):
    arguments = [argument.format(shop=shop.path) for argument in arguments]
    done = CliRunner().invoke(cli.main, ["collect", "git", *arguments, *map(str, options(tmp_path))])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
    assert not (tmp_path / "raw").exists()


def test_a_table_in_another_form_is_not_joined_by_a_second_one(shop, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "modules.parquet").touch()
    done = collect(shop.path, "--releases", "every:1d", *options(tmp_path))
    assert done.returncode == 2
    assert "modules.parquet: modules.csv.gz is written, and a table may be there once; remove it first" in done.stderr


def test_without_a_module_nothing_is_written(tmp_path):
    built = Built(tmp_path / "words")
    built.commit_files({"a.txt": "words\n"})
    built.commit_files({})
    done = collect(built.path, "--releases", "every:1d", *options(tmp_path))
    assert (done.returncode, (tmp_path / "raw").exists()) == (2, False)
    assert "no module in any release" in done.stderr


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path):
    built = Built(tmp_path / "large")
    source = "def f(a):\n" + "".join(f"    if a > {number}: a = a - {number}\n" for number in range(150))
    built.commit_files({f"m{number}.py": f"x = {number}\n{source}" for number in range(150)})
    built.commit_files({})
    arguments = [EXE, "collect", "git", built.path, "--releases", "every:1d", *options(tmp_path)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    # In a group of its own, as a terminal would stop it: with all its workers.
    with subprocess.Popen([*map(str, arguments)], start_new_session=True, **quiet) as process:
        wait_for(lambda: measured(tmp_path) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1].decode()
    before = measured(tmp_path)
    assert (process.returncode, said.splitlines()[-1]) == (130, "error: interrupted")
    assert 0 < before < 150
    assert not (tmp_path / "raw").exists()
    wait_for(lambda: not alive(process.pid))
    assert subprocess.run([*map(str, arguments)], **quiet).returncode == 0
    assert measured(tmp_path) == 150


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def alive(group):
    """Whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def measured(tmp_path):
    """How many files the cache knows."""
    path = tmp_path / "cache" / "blobs.sqlite"
    if not path.exists():
        return 0
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute("SELECT count(*) FROM measures").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.OperationalError:  # it is being made
        return 0
