"""The agent: at each boundary of the clock it looks at all sources, and what they tell goes to the spool."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from promotion_gate.agent import spans, windows
from promotion_gate.agent.collector import Collected, CollectError, Collector, State
from promotion_gate.agent.segment import Content
from promotion_gate.agent.spans import Span
from promotion_gate.agent.spool import Spool
from promotion_gate.agent.status import LOGGER, Status

PATIENCE = 0.8
"""Share of a window that a collector may take; one that takes longer is left out until it is done."""

MOST_AT_ONCE = 16
JUMP_S = 1.0
"""Seconds by which the wall clock may differ from the monotonic one within a window before that is said."""

BAD_NAME = "windows whose project, module or version is no name that the service takes"


@dataclass(frozen=True)
class Source:
    """A collector, and the key of what it remembers: with other settings it would misread that."""

    collector: Collector
    key: str


def source(collector: Collector, settings: str) -> Source:
    """Return a source; `settings` are its settings as text."""
    return Source(collector, f"{collector.name} {hashlib.sha256(settings.encode()).hexdigest()[:12]}")


class Agent:
    """Collects.

    Args:
        name: of the agent, as the service knows it.
        width: of a window, seconds.
        sources: what is looked at.
        spool: takes what they tell; open.
        status: is told how it goes.
        kept: is called when something was appended to the spool.
        now: the wall clock, seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        width: int,
        sources: Sequence[Source],
        spool: Spool,
        status: Status,
        kept: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._width, self._sources = name, width, sources
        self._spool, self._status, self._kept, self._now = spool, status, kept, now
        self._pool = ThreadPoolExecutor(min(len(sources), MOST_AT_ONCE), thread_name_prefix="collector")
        self._late: dict[str, Future[Collected]] = {}
        remembered = spool.state()
        self._states: dict[str, State] = remembered.get("sources", {})
        self._last_end = spans.floor(now(), width)
        end = remembered.get("end")
        if end is not None and not spans.is_behind(now(), end):
            self._last_end = max(self._last_end, end)

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set."""
        wall, monotonic = self._now(), time.monotonic()
        while not stop.wait(self._width - self._now() % self._width):
            jumped = (self._now() - wall) - (time.monotonic() - monotonic)
            wall, monotonic = self._now(), time.monotonic()
            if abs(jumped) > JUMP_S:
                self._status.count("clock_jumps")
                LOGGER.warning("the clock was set %+.1f s", jumped)
            self.look()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self) -> None:
        """Collect the window that is due, if one is."""
        now = self._now()
        if spans.is_behind(now, self._last_end):
            self._last_end = spans.floor(now, self._width) - self._width
        span = spans.due(now, self._last_end, self._width)
        if span is None:
            return
        self._last_end = span.end
        found = self._collected(span)
        told = windows.merged(one for each in found.values() for one in each.windows)
        fit = [one.as_json() for one in told if windows.has_names(one)]
        if len(fit) < len(told):
            self._status.passed_over("agent", {BAD_NAME: len(told) - len(fit)})
        self._states = {one.key: self._states.get(one.key, {}) for one in self._sources}
        self._states.update({key: one.state for key, one in found.items()})
        if fit:
            self._spool.append(Content(self._name, fit, {"end": span.end, "sources": self._states}))
            self._kept()
        self._say(span, len(fit))

    def _collected(self, span: Span) -> dict[str, Collected]:
        self._late = {key: future for key, future in self._late.items() if not future.done()}
        asked: dict[Future[Collected], Source] = {}
        for one in self._sources:
            if one.key in self._late:
                self._status.failed(one.collector.name, "is still at the window before")
            else:
                asked[self._pool.submit(one.collector.collect, span, self._states.get(one.key, {}))] = one
        done, late = wait(asked, timeout=PATIENCE * self._width)
        for future in late:
            self._late[asked[future].key] = future
            self._status.failed(asked[future].collector.name, f"took more than {PATIENCE * self._width:g} s")
        found = {}
        for future, one in asked.items():
            if future not in done:
                continue
            try:
                found[one.key] = future.result()
            except CollectError as error:
                self._status.failed(one.collector.name, str(error))
            except Exception as error:  # ours; the other sources go on all the same
                LOGGER.exception("%s", one.collector.name)
                self._status.failed(one.collector.name, f"internal error: {type(error).__name__}")
            else:
                self._status.well(one.collector.name)
                self._status.passed_over(one.collector.name, found[one.key].passed_over)
        return found

    def _say(self, span: Span, told: int) -> None:
        waiting = self._spool.waiting()
        if waiting.trouble is None:
            self._status.well("disk")
        else:
            self._status.failed("disk", f"{waiting.trouble}; windows are held in memory")
        report: Mapping[str, Any] = {
            "source": self._name,
            "window_end": span.end,
            "windows": told,
            "collectors": [one.collector.name for one in self._sources],
            "waiting": {
                "segments": waiting.segments,
                "windows": waiting.windows,
                "disk_bytes": waiting.disk_bytes,
                "memory_bytes": waiting.memory_bytes,
            },
        }
        self._status.write(report)
