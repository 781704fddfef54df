"""A program run by its argument list: never longer than its time, never more of its output kept than asked for."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

GRACE_S = 2.0
"""Between asking a process group to end and ending it."""

LINGER_S = 0.5
"""How long output is waited for that a program's children may still write after its end."""

TICK_S = 0.1
CHUNK = 65536


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit code (negative: the signal), None where its time was up; the ends of its output.

    `cut` says that the output was longer than what was kept, first of stdout, then of stderr.
    """

    code: int | None
    stdout: bytes
    stderr: bytes
    cut: tuple[bool, bool]


def run(arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float, keep: int) -> Finished:
    """Run a program to its end, or end it and its process group when its time is up.

    Args:
        arguments: the program and what it is given; no shell sees them.
        environment: all of it.
        timeout_s: seconds.
        keep: bytes kept of each output, the last ones.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument holds a NUL.
    """
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            start_new_session=True,
        ) as process,
        selectors.DefaultSelector() as selector,
    ):
        tails = [_Tail(process.stdout, keep), _Tail(process.stderr, keep)]
        for tail in tails:
            selector.register(tail.stream, selectors.EVENT_READ, tail)
        ended = False
        try:
            ended = _watch(process, selector, time.monotonic() + timeout_s)
        finally:  # an interrupt from the keyboard must not leave it running either
            if not ended:
                _end(process.pid, selector)
        code = process.wait()
    return Finished(code if ended else None, bytes(tails[0].kept), bytes(tails[1].kept), (tails[0].cut, tails[1].cut))


class _Tail:
    """The last bytes of a stream."""

    def __init__(self, stream: IO[bytes] | None, keep: int) -> None:
        assert stream is not None  # noqa: S101 - it was asked for as a pipe
        self.stream, self.kept, self.cut, self._keep = stream, bytearray(), False, keep

    def read(self) -> bool:
        """Take what is there; say whether more may come."""
        chunk = os.read(self.stream.fileno(), CHUNK)
        self.kept += chunk
        if len(self.kept) > self._keep:
            self.cut = True
            del self.kept[: -self._keep]
        return bool(chunk)


def _watch(process: "subprocess.Popen[bytes]", selector: selectors.BaseSelector, deadline: float) -> bool:
    """Read until the program has ended; say whether it did before the deadline."""
    lingers: float | None = None  # a child in the background may hold the pipes open for ever
    while (now := time.monotonic()) < deadline:
        if process.poll() is not None:
            lingers = now + LINGER_S if lingers is None else lingers
            if now >= lingers or not selector.get_map():
                return True
        _read(selector, min(TICK_S, deadline - now))
    return process.poll() is not None


def _read(selector: selectors.BaseSelector, seconds: float) -> None:
    if not selector.get_map():
        time.sleep(min(seconds, TICK_S / 10))
        return
    for key, _ in selector.select(seconds):
        if not key.data.read():
            selector.unregister(key.fileobj)


def _end(group: int, selector: selectors.BaseSelector) -> None:
    """End a process group: asked first, then killed. Its leader is not waited for before, so that its number holds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while selector.get_map() and (now := time.monotonic()) < deadline:
        _read(selector, deadline - now)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
