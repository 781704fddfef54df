"""Customers of a deployed service: so many baskets a second, of which a share is empty."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from demo.programs import StoryError

PER_SECOND = 50
FULL, EMPTY = "300,200", ""
ANSWERS_S = 60
PATIENCE_S = 30
"""Seconds that one waits for an answer; between two versions it takes a moment."""


class Customers:
    """Buy until the block ends; what they were answered is kept.

    Args:
        port: of the service, on the loopback.
        every: each so many-th basket is empty, 0: none. It may be changed at any time.

    Attributes:
        answers: time (monotonic), version and status of each; version and status None where there was no answer.
    """

    def __init__(self, port: int, every: int = 0) -> None:
        self.every, self.answers = every, list[tuple[float, str | None, int | None]]()
        self._port, self._ended = port, threading.Event()
        self._thread = threading.Thread(target=self._buy)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def await_answers(self, version: str, count: int) -> None:
        """Wait until so many more answers of a version have come. StoryError where they do not."""
        wanted = count + self._count(version)
        self._await(f"{count} answers of version {version}", lambda: self._count(version) >= wanted)

    def await_version(self, version: str, since: float) -> float:
        """Wait until a version answers after a time; return when it did. StoryError where it does not."""
        self._await(f"an answer of version {version}", lambda: self._first(version, since) is not None)
        found = self._first(version, since)
        assert found is not None  # noqa: S101 - it was waited for
        return found

    def _await(self, what: str, has_come: Callable[[], bool]) -> None:
        end = time.monotonic() + ANSWERS_S
        while not has_come():
            if time.monotonic() > end:
                raise StoryError(f"{what} should have come within {ANSWERS_S} s")
            time.sleep(0.05)

    def _count(self, version: str) -> int:
        return sum(one == version for _, one, _ in list(self.answers))

    def _first(self, version: str, since: float) -> float | None:
        return next((at for at, one, _ in list(self.answers) if at > since and one == version), None)

    def _buy(self) -> None:
        number, due = 0, time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            number += 1
            is_empty = self.every > 0 and number % self.every == 0
            version, status = self._bought(EMPTY if is_empty else FULL)
            self.answers.append((time.monotonic(), version, status))
            due = max(due + 1 / PER_SECOND, time.monotonic())

    def _bought(self, prices: str) -> tuple[str | None, int | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request("GET", f"/?prices={prices}")
            answer = connection.getresponse()
            return str(json.loads(answer.read())["version"]), answer.status
        except (OSError, http.client.HTTPException):  # the version ended under it
            return None, None
        finally:
            connection.close()
