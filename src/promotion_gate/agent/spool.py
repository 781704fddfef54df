"""The spool: windows on disk until the service has them. At least once, in order, within a bound of bytes.

    000000000007-000000000007-400-<chance>.json.gz    what waits, a segment each: `segment`
    last.json.gz                                      the segment that went last: what the collectors remember
    rejected/                                         what the service will never take, with its answer
    lock                                              held by the agent that has the spool

A segment is written aside, synced and renamed, with what the collectors remember in the same file: so a kill at any
moment leaves both or neither. The name is the batch id, and a segment that may have been sent is never changed.
Where the disk takes nothing, segments are held in memory. One that is sent from there leaves no trace on disk, so what
the collectors remember there is removed first: a restart then begins to count anew rather than twice.
"""

import contextlib
import os
import pathlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from promotion_gate.agent import segment
from promotion_gate.agent.collector import State
from promotion_gate.agent.rejected import Rejected
from promotion_gate.agent.segment import SUFFIX, Content, Segment
from promotion_gate.errors import InputError
from promotion_gate.operate.deployers import durable

LAST = f"last{SUFFIX}"
MAX_MEMORY = 8 << 20
"""Bytes of packed segments that are held in memory."""

LOOSE = 30
"""So many looks that wait are put together: a day of them would be thousands of files."""

Dropped = Callable[[Segment, str], None]
"""Is told of each segment that is lost, and why."""


@dataclass(frozen=True)
class Batch:
    """A segment that is to be sent."""

    segment: Segment
    content: Content


@dataclass(frozen=True)
class Waiting:
    """What waits: segments, windows, bytes of them on disk and in memory; and why the disk takes nothing, if so."""

    segments: int
    windows: int
    disk_bytes: int
    memory_bytes: int
    trouble: str | None


@dataclass(frozen=True)
class _Held:
    """A segment that waits; `packed`: in memory, None: on disk."""

    segment: Segment
    size: int
    packed: bytes | None = None


class Spool:
    """Safe for two threads: one appends, one sends.

    Args:
        folder: made if it is not there.
        max_bytes: of the segments on disk. Beyond it the oldest are dropped.
        dropped: is told of what is lost.
        max_memory: as `max_bytes`, of the segments in memory.
    """

    def __init__(self, folder: pathlib.Path, max_bytes: int, dropped: Dropped, max_memory: int = MAX_MEMORY) -> None:
        self._folder, self._max_bytes, self._dropped, self._max_memory = folder, max_bytes, dropped, max_memory
        self._rejected = Rejected(folder / "rejected")
        self._turn = threading.RLock()
        self._waiting: list[_Held] = []
        self._sent: Segment | None = None
        self._next = 1
        self._trouble: str | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator["Spool"]:
        """Hold the spool, with what an agent before left in it.

        Raises:
            InputError: another agent holds it, or the folder cannot be made or read.
        """
        with contextlib.ExitStack() as held:
            try:
                self._rejected.folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(durable.locked(self._folder / "lock", seconds=0))
                self._find()
            except TimeoutError:
                raise InputError(f"{self._folder}: another agent has this spool; give each its own") from None
            except OSError as error:
                raise InputError(f"{self._folder}: the spool cannot be used: {error.strerror}") from None
            yield self

    def state(self) -> State:
        """Return what was remembered with the newest segment on disk; empty where there is none, or it is damaged."""
        with self._turn:
            newest = next((self._path(one.segment) for one in reversed(self._waiting) if one.packed is None), None)
            try:
                return segment.unpacked((newest or self._folder / LAST).read_bytes()).state
            except (OSError, ValueError):
                return {}

    def waiting(self) -> Waiting:
        """Return how much waits."""
        with self._turn:
            windows = sum(one.segment.windows for one in self._waiting)
            disk, memory = self._bytes(is_memory=False), self._bytes(is_memory=True)
            return Waiting(len(self._waiting), windows, disk, memory, self._trouble)

    def append(self, content: Content) -> None:
        """Keep windows: on disk, or in memory where that takes nothing; drop the oldest where there are too many."""
        with self._turn:
            made = segment.named(self._next, self._next, len(content.windows))
            self._next += 1
            packed = content.packed()
            self._waiting.append(_Held(made, len(packed), packed))
            self._write_down()
            self._put_loose_together()
            self._keep_bounds()

    def head(self) -> Batch | None:
        """Return what is to be sent next, None where nothing waits. It may be sent from now on.

        Raises:
            OSError: what waits cannot be read, or what is remembered on disk cannot be removed.
        """
        with self._turn:
            while self._waiting:
                if self._waiting[0].segment != self._sent:
                    self._put_together(0)
                held = self._waiting[0]
                if held.packed is not None:
                    (self._folder / LAST).unlink(missing_ok=True)
                try:
                    content = segment.unpacked(held.packed or self._path(held.segment).read_bytes())
                except ValueError as error:
                    self._set_aside(held, {"error": str(error)})
                    self._dropped(held.segment, str(error))
                    continue
                self._sent = held.segment
                return Batch(held.segment, content)
            return None

    def done(self, batch: Batch) -> None:
        """Forget a batch: the service has it. OSError where its file cannot be removed."""
        with self._turn:
            for held in self._waiting:
                if held.segment == batch.segment:
                    self._remove(held)
                    return

    def reject(self, batch: Batch, answer: dict[str, object]) -> None:
        """Set a batch aside that the service will never take. OSError where its file cannot be removed."""
        with self._turn:
            for held in self._waiting:
                if held.segment == batch.segment:
                    self._set_aside(held, answer)
                    return

    def _find(self) -> None:
        found = []
        for path in sorted(self._folder.iterdir()):
            if path.name.startswith(".") and path.name.endswith(".new"):
                path.unlink()
            elif named := segment.parsed(path.name):
                found.append(_Held(named, path.stat().st_size))
        whole = [one for one in found if not any(other.segment.holds(one.segment) for other in found)]
        for one in found:
            if one not in whole:
                self._path(one.segment).unlink()
        self._waiting = whole
        # The last agent may have sent the first of them.
        self._sent = whole[0].segment if whole else None
        self._next = 1 + max((one.segment.last for one in whole), default=0)

    def _path(self, one: Segment) -> pathlib.Path:
        return self._folder / f"{one.name}{SUFFIX}"

    def _bytes(self, is_memory: bool) -> int:
        return sum(one.size for one in self._waiting if (one.packed is not None) == is_memory)

    def _write_down(self) -> None:
        """Write what is in memory, oldest first, as far as the disk takes it."""
        self._trouble = None
        for number, held in enumerate(self._waiting):
            if held.packed is not None:
                try:
                    self._write(held.segment, held.packed)
                except OSError as error:
                    self._trouble = error.strerror or type(error).__name__
                    return
                self._waiting[number] = _Held(held.segment, held.size)

    def _write(self, one: Segment, packed: bytes) -> None:
        path = self._path(one)
        aside = path.with_name(f".{path.name}.new")
        try:
            with aside.open("wb") as file:
                file.write(packed)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        durable.sync_folder(self._folder)

    def _put_loose_together(self) -> None:
        loose = 0
        for held in reversed(self._waiting[1:]):
            if held.packed is not None or held.segment.first != held.segment.last:
                break
            loose += 1
        if loose >= LOOSE:
            self._put_together(len(self._waiting) - loose)

    def _put_together(self, start: int) -> None:
        """Make one segment of as many as one request takes, from a place in the queue on; none of them was sent."""
        contents: list[Content] = []
        size = windows = 0
        for held in self._waiting[start:]:
            windows += held.segment.windows
            if held.packed is not None or windows > segment.MAX_WINDOWS:
                break
            try:
                content = segment.unpacked(self._path(held.segment).read_bytes())
            except (OSError, ValueError):
                break
            size += segment.size(content)
            if size > segment.MAX_BODY or (contents and content.source != contents[0].source):
                break
            contents.append(content)
        if len(contents) < 2:
            return
        parts = self._waiting[start : start + len(contents)]
        whole = Content(contents[0].source, [one for each in contents for one in each.windows], contents[-1].state)
        made = segment.named(parts[0].segment.first, parts[-1].segment.last, len(whole.windows))
        packed = whole.packed()
        try:
            self._write(made, packed)
        except OSError:  # as they are, then
            return
        self._waiting[start : start + len(contents)] = [_Held(made, len(packed))]
        for part in parts:
            self._path(part.segment).unlink(missing_ok=True)

    def _keep_bounds(self) -> None:
        for is_memory, most in ((False, self._max_bytes), (True, self._max_memory)):
            while self._bytes(is_memory) > most:
                oldest = next(one for one in self._waiting if (one.packed is not None) == is_memory)
                self._remove(oldest)
                why = f"the disk takes nothing ({self._trouble})" if is_memory else f"more than {most:,} bytes wait"
                self._dropped(oldest.segment, why)

    def _remove(self, held: _Held) -> None:
        if held.packed is None:
            path = self._path(held.segment)
            on_disk = [one for one in self._waiting if one.packed is None]
            if on_disk[-1] == held:  # one step: it went, and this is what is remembered
                path.replace(self._folder / LAST)
            else:
                path.unlink(missing_ok=True)
        self._waiting.remove(held)

    def _set_aside(self, held: _Held, answer: dict[str, object]) -> None:
        packed = held.packed or self._path(held.segment).read_bytes()
        self._rejected.put(held.segment.name, packed, answer)
        self._remove(held)
