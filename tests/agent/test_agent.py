"""The agent's tick, with a clock that the test moves."""

import json
import threading

import pytest

from promotion_gate.agent.agent import Agent, source
from promotion_gate.agent.collector import Collected, CollectError
from promotion_gate.agent.status import FILE, Status
from promotion_gate.agent.windows import Window


class Clock:
    def __init__(self, now=1000.0):
        self.time = now

    def __call__(self):
        return self.time


class Counter:
    """A source that counts; it fails, hangs or names as it is told."""

    def __init__(self, name="pay", source="counter"):
        self.name, self.module, self.value = source, name, 0
        self.trouble = None
        self.hang = threading.Event()
        self.hang.set()

    def collect(self, span, state):
        value = self.value
        self.hang.wait(30)
        if self.trouble:
            raise self.trouble
        since = span.since(state.get("at"))
        windows = [] if since is None else [self.window(since, value - state["value"])]
        return Collected(windows, {"at": span.end, "value": value})

    def window(self, span, requests):
        return Window("shop", self.module, None, span.start, span.end, requests)


class World:
    def __init__(self, spool, folder, *counters):
        self.clock, self.spool, self.folder = Clock(), spool, folder
        self.status = Status(folder, self.clock)
        self.counters = counters
        self.restart()

    def restart(self, settings=""):
        sources = [source(one, settings) for one in self.counters]
        self.agent = Agent("host-1", 1, sources, self.spool, self.status, lambda: None, self.clock)

    def pass_(self, seconds=1, count=0):
        self.clock.time += seconds
        for one in self.counters:
            one.value += count
        self.agent.look()

    def told(self):
        found = []
        while batch := self.spool.head():
            self.spool.done(batch)
            found += batch.content.windows
        return [
            (one["module"], int(one["window_start"][-3:-1]), int(one["window_end"][-3:-1]), one["requests"])
            for one in found
        ]

    def written(self):
        return json.loads((self.folder / FILE).read_text())


@pytest.fixture
def counter():
    return Counter()


@pytest.fixture
def world(spool, tmp_path, counter):
    return World(spool, tmp_path, counter)  # 1000 s after the epoch it is 16 minutes and 40 seconds


def test_each_boundary_tells_a_window_of_what_was_counted(world):
    for _ in range(3):
        world.pass_(1, count=5)
    assert world.told() == [("pay", 41, 42, 5), ("pay", 42, 43, 5)]


def test_looking_twice_in_a_window_tells_it_once(world):
    world.pass_()
    world.pass_(1, count=5)
    world.pass_(0.4, count=5)
    world.pass_(0.6, count=5)
    assert world.told() == [("pay", 41, 42, 5), ("pay", 42, 43, 10)]


@pytest.mark.parametrize(
    ("trouble", "why"),
    [(CollectError("cannot be reached"), "cannot be reached"), (KeyError("at"), "internal error: KeyError")],
)
def test_a_source_that_fails_has_no_window_and_others_go_on(spool, tmp_path, trouble, why):
    pay, basket = Counter("pay", "one"), Counter("basket", "other")
    world = World(spool, tmp_path, pay, basket)
    world.pass_()
    pay.trouble = trouble
    world.pass_(1, count=5)
    assert world.told() == [("basket", 41, 42, 5)]
    assert world.written()["failures"] == {"one": 1}
    assert world.written()["troubles"]["one"]["why"] == why
    pay.trouble = None
    world.pass_(1, count=5)
    assert world.told() == [("pay", 41, 43, 10), ("basket", 42, 43, 5)]
    assert world.written()["troubles"] == {}


def test_a_source_that_hangs_is_left_out_until_it_is_done(spool, tmp_path):
    slow, quick = Counter("pay", "slow"), Counter("basket", "quick")
    world = World(spool, tmp_path, slow, quick)
    world.pass_()
    slow.hang.clear()
    world.pass_(1, count=5)
    world.pass_(1, count=5)
    assert world.told() == [("basket", 41, 42, 5), ("basket", 42, 43, 5)]
    assert world.written()["troubles"]["slow"]["why"] == "is still at the window before"
    late = next(iter(world.agent._late.values()))
    slow.hang.set()
    late.result(30)  # what it brings is no longer asked for
    world.pass_(1, count=5)
    assert world.told() == [("pay", 41, 44, 15), ("basket", 43, 44, 5)]


def test_a_restart_counts_on_from_what_is_on_disk(world):
    world.pass_()
    world.pass_(1, count=5)
    told = world.told()
    world.clock.time += 2
    world.restart()
    world.pass_(1, count=7)
    assert told + world.told() == [("pay", 41, 42, 5), ("pay", 42, 45, 7)]


def test_with_other_settings_nothing_is_remembered(world):
    world.pass_()
    world.pass_(1, count=5)
    world.told()
    world.restart(settings="other")
    world.pass_(1, count=7)
    world.pass_(1, count=1)
    assert world.told() == [("pay", 43, 44, 1)]


def test_a_clock_set_back_a_little_is_waited_for(world):
    world.pass_()
    world.pass_(1, count=5)
    world.pass_(-3, count=5)
    world.pass_(2, count=5)
    world.pass_(2, count=5)
    assert world.told() == [("pay", 41, 42, 5), ("pay", 42, 43, 15)]


def test_a_clock_set_ahead_by_hours_makes_a_missing_window(world):
    world.pass_()
    world.pass_(3600, count=5)
    world.pass_(1, count=7)
    assert world.told() == [("pay", 41, 42, 7)]


def test_a_clock_set_back_by_hours_begins_anew(world):
    world.pass_()
    world.pass_(1, count=5)
    world.told()
    world.pass_(-600, count=5)
    world.pass_(1, count=7)
    assert world.told() == [("pay", 42, 43, 7)]


def test_a_name_that_the_service_refuses_takes_no_other_window_with_it(spool, tmp_path):
    world = World(spool, tmp_path, Counter("pay", "one"), Counter("p\u200bay", "two"))
    world.pass_()
    world.pass_(1, count=5)
    assert world.told() == [("pay", 41, 42, 5)]
    totals = world.written()["totals"]
    assert [count for name, count in totals.items() if name.startswith("agent: windows whose")] == [1]


def test_totals_go_on_over_a_restart(world, tmp_path):
    world.status.count("dropped_windows", 3)
    world.pass_()
    Status(tmp_path, world.clock).count("dropped_windows", 4)
    later = Status(tmp_path, world.clock)
    later.count("dropped_windows", 4)
    later.write({})
    assert world.written()["totals"]["dropped_windows"] == 7
