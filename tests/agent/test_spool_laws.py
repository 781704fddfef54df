"""Laws of the spool, over all orders of looks, answers that get lost, kills, a full disk and a small bound."""

import contextlib
import pathlib
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from promotion_gate.agent.segment import Content, unpacked
from promotion_gate.agent.spool import Spool

BOUND = 700
"""Bytes: four or five looks of this test."""


class Spooling(RuleBasedStateMachine):
    """A spool between an agent, which counts on from what it remembers, and a service that knows batches by name.

    Time is a number of ticks; a window is the ticks from one look to the next, so each must be told once at most.
    """

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = self.at = self.begin = 0
        self.windows_by_look: dict[int, range] = {}
        self.received: dict[str, list] = {}
        self.given_up: set[int] = set()
        self.is_full = False
        self.start()

    def start(self):
        self.spool = Spool(pathlib.Path(self.folder.name), BOUND, self.lose, max_memory=BOUND)
        self.held = contextlib.ExitStack()
        self.held.enter_context(self.spool.opened())
        self.write, self.spool._write = self.spool._write, self.disk

    def teardown(self):
        self.held.close()
        self.folder.cleanup()

    def disk(self, *told):
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.write(*told)

    def lose(self, segment, why):
        for look in range(segment.first, segment.last + 1):
            self.given_up |= set(self.windows_by_look[look])

    def told(self):
        return [tick for windows in self.received.values() for window in windows for tick in range(*window["ticks"])]

    def waiting(self):
        for held in self.spool._waiting:
            content = unpacked(held.packed or self.spool._path(held.segment).read_bytes())
            yield from (tick for window in content.windows for tick in range(*window["ticks"]))

    @rule(passed=st.integers(1, 3))
    def look(self, passed):
        self.now += passed
        self.windows_by_look[self.spool._next] = range(self.at, self.now)
        self.spool.append(Content("a", [{"ticks": [self.at, self.now]}], {"end": self.now}))
        self.at = self.now

    @rule(outcome=st.sampled_from(["taken", "unanswered", "refused"]))
    def send(self, outcome):
        batch = self.spool.head()
        if batch is None:
            return
        if outcome == "refused":
            self.given_up |= {tick for window in batch.content.windows for tick in range(*window["ticks"])}
            self.spool.reject(batch, {"answer": "422"})
            return
        known = self.received.setdefault(batch.segment.name, list(batch.content.windows))
        assert known == list(batch.content.windows), "one name, two contents"
        if outcome == "taken":
            self.spool.done(batch)

    @rule(passed=st.integers(0, 3))
    def kill(self, passed):
        self.held.close()
        self.start()
        self.now += passed
        remembered = self.spool.state()
        if remembered:
            self.at = remembered["end"]
            assert max(self.told(), default=0) < max(self.at, 1), "what was told would be told again"
        else:  # counting begins anew; what was not told never will be
            self.given_up |= set(range(self.now)) - set(self.told())
            self.at = self.now

    @rule()
    def fill_or_empty(self):
        self.is_full = not self.is_full

    @invariant()
    def nothing_is_told_twice(self):
        told = self.told()
        assert len(told) == len(set(told))

    @invariant()
    def nothing_is_lost_but_what_is_said(self):
        assert set(range(self.at)) <= {*self.told(), *self.waiting(), *self.given_up}

    @invariant()
    def within_the_bound(self):
        waiting = self.spool.waiting()
        assert max(waiting.disk_bytes, waiting.memory_bytes) <= BOUND


TestSpooling = Spooling.TestCase
TestSpooling.settings = settings(deadline=None, max_examples=150, stateful_step_count=25)
