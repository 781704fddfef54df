"""Logs of JSON lines: counted once each, through rotation and restarts."""

import json
import pathlib
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.agent import tail
from promotion_gate.agent.collector import CollectError
from promotion_gate.agent.logs import LOST, UNREADABLE, LogCollector
from promotion_gate.agent.settings import LogSettings
from promotion_gate.agent.spans import Span


class Log:
    """A service's log, and an agent's collector that is told to look; between looks its state goes through JSON."""

    def __init__(self, folder, **settings):
        self.path = folder / "app.log"
        self.settings = LogSettings(path=str(self.path), project="shop", module_field="module", **settings)
        self.end, self.state, self.requests, self.number = 10, {}, 0, 0

    def say(self, count=1, **told):
        with self.path.open("a") as file:
            for _ in range(count):
                self.number += 1
                file.write(json.dumps({"at": self.number, "module": "pay", "level": "info", **told}) + "\n")

    def look(self):
        self.end += 10
        found = LogCollector(self.settings).collect(Span(self.end - 10, self.end), self.state)
        self.state = json.loads(json.dumps(found.state))
        self.requests += sum(one.requests for one in found.windows)
        return found


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path, version_field="version", duration_field="ms", durations_per_second=1000)
    made.say(3)
    made.look()
    return made


def test_what_was_there_before_is_no_traffic_of_this_window(log):
    assert log.look().windows == []


def test_lines_errors_and_durations_by_version(log):
    log.say(2, version="1", ms=40)
    log.say(1, version="2", level="ERROR", ms=3000)
    old, new = log.look().windows
    assert (old.module, old.version, old.requests, old.errors) == ("pay", "1", 2, 0)
    assert (new.version, new.requests, new.errors) == ("2", 1, 1)
    assert (old.latency_buckets["0.025"], old.latency_buckets["0.05"]) == (0, 2)
    assert (new.latency_buckets["2.5"], new.latency_buckets["5.0"], new.latency_buckets["+Inf"]) == (0, 1, 1)


def test_a_version_that_falls_silent_is_told_as_silent(log):
    log.say(2, version="1")
    log.look()
    (told,) = log.look().windows
    assert (told.requests, told.errors) == (0, 0)


def test_a_line_that_is_not_whole_yet_waits(log):
    with log.path.open("a") as file:
        file.write('{"module": "pay", "le')
        file.flush()
        assert log.look().windows == []
        file.write('vel": "info"}\n')
    assert log.look().windows[0].requests == 1


@pytest.mark.parametrize(
    "line", ["no json", "[1]", '{"level": "info"}', '{"module": "pay"}', '{"module": 3, "level": "x"}']
)
def test_lines_that_cannot_be_read_are_counted(log, line):
    with log.path.open("a") as file:
        file.write(line + "\n")
    log.say()
    found = log.look()
    assert found.windows[0].requests == 1
    assert found.passed_over == {UNREADABLE: 1}


def test_rotation_by_renaming(log):
    log.say(2)
    log.path.rename(log.path.with_name("app.log.1"))
    log.say(3)
    assert log.look().windows[0].requests == 5
    log.say(1)
    assert log.look().windows[0].requests == 1


def test_the_writer_may_keep_the_old_file_for_a_while(log):
    with log.path.open("a") as old:
        log.path.rename(log.path.with_name("app.log.1"))
        log.path.touch()
        log.look()
        old.write('{"module": "pay", "level": "info"}\n')
    assert log.look().windows[0].requests == 1
    log.say(2)
    assert log.look().windows[0].requests == 2


def test_between_renaming_and_creation_there_is_no_file(log):
    log.say(2)
    log.path.rename(log.path.with_name("app.log.1"))
    assert log.look().windows[0].requests == 2
    log.say(3)
    assert log.look().windows[0].requests == 3


def test_rotation_by_copy_and_cut(log):
    log.say(20)
    log.look()
    log.say(4)
    log.path.with_name("app.log.1").write_bytes(log.path.read_bytes())
    with log.path.open("r+") as file:
        file.truncate()
    log.say(3)
    found = log.look()
    assert found.windows[0].requests == 7
    assert found.passed_over == {}


def test_a_file_that_was_cut_and_grew_beyond_is_known_by_its_beginning(log):
    with log.path.open("r+") as file:
        file.truncate()
    log.say(10)
    found = log.look()
    assert found.windows[0].requests == 10
    assert found.passed_over == {LOST: 1}  # what may have been written before it was cut


def test_a_file_that_comes_later_is_read_from_its_beginning(tmp_path):
    log = Log(tmp_path)
    assert log.look().windows == []
    log.say(2)
    assert log.look().windows[0].requests == 2


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    log = Log(tmp_path)
    log.path.mkdir()
    with pytest.raises(CollectError, match="cannot be read: Is a directory"):
        log.look()


def test_a_line_longer_than_a_look_is_passed_over(log, monkeypatch):
    monkeypatch.setattr(tail, "MOST", 1000)
    with log.path.open("a") as file:
        file.write("x" * 1500 + "\n")
    log.say(2)
    found = [log.look(), log.look()]
    assert sum(one.passed_over.get(LOST, 0) for one in found) == 1
    assert log.requests == 2


def test_what_is_beyond_a_look_waits_for_the_next(log, monkeypatch):
    monkeypatch.setattr(tail, "MOST", 1000)
    log.say(50)
    log.path.rename(log.path.with_name("app.log.1"))
    log.say(5)
    for _ in range(10):
        log.look()
    assert log.requests == 55


STEPS = st.lists(st.sampled_from(["say", "look", "rename", "fail"]), max_size=25)


@given(STEPS)
def test_every_line_is_counted_once_whatever_happens(steps):
    """Lines, looks, looks that are forgotten as the agent was killed, and rotations of files that a look has found."""
    with tempfile.TemporaryDirectory() as folder:
        log = Log(pathlib.Path(folder))
        log.path.touch()
        log.look()
        is_rotated = False
        for step in steps:
            if step == "say":
                log.say(2)
            elif step == "look":
                log.look()
                is_rotated = is_rotated and not log.path.exists()
            elif step == "fail":
                before = log.state, log.requests
                log.look()
                log.state, log.requests = before
            elif log.path.exists() and not is_rotated:
                log.path.rename(log.path.with_name(f"app.log.{log.number}.{log.end}"))
                is_rotated = True
        log.look()
        log.look()
        assert log.requests == log.number
