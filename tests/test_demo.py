"""The demo on a small bundle: its story is true, and whatever ends it nothing is left."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
import yaml

from demo.__main__ import SIGNALS, main
from demo.story import play
from promotion_gate.operate.gate import Gate
from tests.cli_bundle import PARAMS
from tests.learn.test_serving import entries, fitted, folder  # noqa: F401 - fixtures

ROOT = pathlib.Path(__file__).resolve().parents[1]
BEGUN = "1  Little risk"
FAILS = "6  It fails in production"


@pytest.fixture(scope="module")
def rules(folder, tmp_path_factory):  # noqa: F811 - the fixture
    """The rules of params.yaml, but bands that the scores of a small model reach: a tenth each elevated and blocked."""
    calculator = Gate(PARAMS, folder).calculator
    scores = sorted(calculator.all_scores().values())
    read = yaml.safe_load(PARAMS.read_text())
    elevated, blocked = scores[-len(scores) // 5], scores[-len(scores) // 10]
    for band, start in zip(read["policy"]["bands"], (0, elevated / 2, elevated, blocked), strict=True):
        band["from"] = round(float(start), 4)
    file = tmp_path_factory.mktemp("rules") / "params.yaml"
    file.write_text(yaml.safe_dump(read))
    return file


def left(room):
    """What still runs of a story told in a folder, as Linux tells it, and what lies there."""
    running = [path.parent.name for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if str(room) in _command(path)]
    return running, [path.name for path in room.iterdir()]


def _command(path):
    try:
        return path.read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def begun(room, *options):
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "demo", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(room), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def signals():
    """The program takes the signals of its process, which here is the tests'."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_the_story(folder, rules, tmp_path, monkeypatch, capfd):  # noqa: F811 - the fixture
    seen = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("demo.__main__.play", lambda setting: seen.append(play(setting)))
    with pytest.raises(SystemExit) as ended:
        main(["--models", str(folder), "--params", str(rules)])
    assert ended.value.code == 0
    [facts] = seen
    assert facts.states == {
        "safe": "stable",
        "held": "insufficient",
        "risky": "stable",
        "critical": "watching",
        "failed": "rolled-back",
        "again": "insufficient",
    }
    assert facts.versions == ("1.0", "2.0", "1.0")
    found, back = facts.seconds
    assert 0 < found < 60
    assert 0 < back < 60
    assert facts.required == (0.96, 1.0)
    assert facts.surcharge == 0.05
    before, after = facts.fis
    assert before < after
    assert "none altered, removed or out of place" in facts.ledger
    told = capfd.readouterr()
    assert "403 not-allowed: ann requested promotion" in told.out
    assert "\x1b" not in told.out
    assert told.err == ""
    assert left(tmp_path) == ([], [])


@pytest.mark.usefixtures("signals")
def test_without_prometheus_the_agent_asks_the_services_itself(folder, rules, tmp_path, monkeypatch, capfd):  # noqa: F811
    monkeypatch.setattr("demo.monitoring.shutil.which", lambda _name: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["--models", str(folder), "--params", str(rules)])
    told = capfd.readouterr()
    assert ended.value.code == 0, told.err
    assert "Prometheus is not installed (Debian: apt-get install prometheus)" in told.out
    assert "told by monitor" in told.out
    assert left(tmp_path) == ([], [])


@pytest.mark.parametrize(("number", "chapter"), [(signal.SIGINT, BEGUN), (signal.SIGTERM, FAILS)])
def test_interrupted_it_leaves_nothing(folder, rules, tmp_path, number, chapter):  # noqa: F811 - the fixture
    story = begun(tmp_path, "--models", str(folder), "--params", str(rules))
    assert any(chapter in line for line in story.stdout), story.communicate()
    assert left(tmp_path)[0]
    story.send_signal(number)
    _, err = story.communicate(timeout=60)
    assert (story.returncode, err) == (130, "interrupted: everything was stopped and removed\n")
    assert left(tmp_path) == ([], [])


def test_where_the_story_cannot_be_told_it_says_why(folder, tmp_path):  # noqa: F811 - the fixture
    for options, code, said in (
        (["--models", "nowhere"], 3, "nowhere: no model: run `make repro` first"),
        (["--models", str(folder), "--params", str(PARAMS)], 1, "there is nothing to tell"),
        (["--models", str(folder), "--params", "nowhere.yaml"], 2, "nowhere.yaml"),
    ):
        story = begun(tmp_path, *options)
        _, err = story.communicate(timeout=60)
        assert (story.returncode, err.count("\n")) == (code, 1), err
        assert said in err
        assert left(tmp_path) == ([], [])
