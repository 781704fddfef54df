"""The programs that the story runs: `promotion-gate` as anybody runs it, its service and others in the background."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import urllib3

COMMAND = [sys.executable, "-m", "promotion_gate"]
START_S = 60
END_S = 25
"""Seconds that a program is given to end: a little more than the service gives its requests."""


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
        port = free_port()
        where = ["--port", str(port), "--database", self.database, "--deployers", str(deployers)]
        log = self.folder / "service.log"
        with self.background([*COMMAND, "serve", *where, *self.gate], log) as service:
            address = f"http://127.0.0.1:{port}"
            if not awaited(service, f"{address}/readyz"):
                raise StoryError(f"the service does not become ready; its last word: {_last_word(log)}")
            yield address

    @contextlib.contextmanager
    def background(self, command: Sequence[str], log: pathlib.Path, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a program until the block ends.

        Args:
            command: the program and its arguments.
            log: takes what it says.
            more: variables of its environment.
        """
        with log.open("wb") as stream:
            # A session of its own: Ctrl-C is the story's, which then ends the program in order.
            program = subprocess.Popen(
                command,
                env={**self._environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        try:
            yield program
        finally:
            program.terminate()
            try:
                program.wait(END_S)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    @cached_property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.folder)}  # nothing is left behind, whatever ends it


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def awaited(program: "subprocess.Popen[bytes]", address: str) -> bool:
    """Wait until a program answers 200 at an address; False where it ends, or does not in time."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and program.poll() is None:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            if urllib3.request("GET", address, retries=False, timeout=5).status == 200:
                return True
        time.sleep(0.05)
    return False


def _last_word(log: pathlib.Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines() or ["nothing"]
    try:
        told = json.loads(lines[-1])
    except ValueError:  # it ended before its log began
        return lines[-1]
    return str(told.get("trouble", told.get("message")))
