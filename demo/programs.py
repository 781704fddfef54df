"""The programs that the story runs: `promotion-gate` as anybody runs it, its service in the background."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import urllib3

COMMAND = [sys.executable, "-m", "promotion_gate"]
START_S = 60
END_S = 25
"""Seconds that the service is given to end: a little more than it gives its requests."""


class StoryError(Exception):
    """The story does not go as it is told: a line that says where and what came instead."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Setting:
    """Where the story happens: the model and rules that decide, a folder that is gone afterwards."""

    models: pathlib.Path
    params: pathlib.Path | None
    folder: pathlib.Path

    @cached_property
    def database(self) -> str:
        """The ledger's address."""
        return f"sqlite:///{self.folder}/ledger.db"

    @cached_property
    def gate(self) -> list[str]:
        """The options that name model and rules."""
        return ["--models", str(self.models), *([] if self.params is None else ["--params", str(self.params)])]

    def run(self, *arguments: str) -> str:
        """Run a command of promotion-gate and return what it prints.

        Raises:
            StoryError: it fails; with its line and its exit code.
        """
        done = subprocess.run(
            [*COMMAND, *arguments], env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).removeprefix("error: ")
            raise StoryError(f"promotion-gate {' '.join(arguments[:2])}: {said}", done.returncode)
        return done.stdout

    @contextlib.contextmanager
    def served(self, deployers: pathlib.Path) -> Iterator[str]:
        """Run the service until the block ends; yields its address once it is ready.

        Raises:
            StoryError: it does not become ready.
        """
        port = _free_port()
        where = ["--port", str(port), "--database", self.database, "--deployers", str(deployers)]
        log = self.folder / "service.log"
        with log.open("wb") as stream:
            # A session of its own: Ctrl-C is the story's, which then ends the service in order.
            service = subprocess.Popen(
                [*COMMAND, "serve", *where, *self.gate],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stderr=stream,
                start_new_session=True,
            )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(service, address, log)
            yield address
        finally:
            service.terminate()
            try:
                service.wait(END_S)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()

    @cached_property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.folder)}  # nothing is left behind, whatever ends it


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def _wait(service: subprocess.Popen[bytes], address: str, log: pathlib.Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if service.poll() is not None:
            break
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            answer = urllib3.request("GET", f"{address}/readyz", retries=False, timeout=5)
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise StoryError(f"the service does not become ready; its last word: {_last_word(log)}")


def _last_word(log: pathlib.Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines() or ["nothing"]
    try:
        told = json.loads(lines[-1])
    except ValueError:  # it ended before its log began
        return lines[-1]
    return str(told.get("trouble", told.get("message")))
