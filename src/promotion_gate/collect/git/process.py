"""git as a subprocess that runs nothing of a repository's own and never reaches for the network.

Of the environment no GIT_ variable is passed on, neither system nor user configuration is read, and no transport is
allowed: a partial clone's missing object is an error here, not a download. Times and messages are in the C locale.
"""

import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from promotion_gate.errors import InputError

CHUNK = 1 << 20


class GitError(InputError):
    """git could not do what it was asked; `said` is its own last line."""

    def __init__(self, name: str, verb: str, said: str) -> None:
        super().__init__(f"{name}: git {verb}: {said or 'failed without a word'}")
        self.said = said


def environment(stand_ins: bool = False) -> dict[str, str]:
    """Return the variables that git runs with; only with `stand_ins` does it see one in the place of a missing blob."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        **({} if stand_ins else {"GIT_NO_REPLACE_OBJECTS": "1"}),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "none",  # lazy fetches of a partial clone included, with gits that lack the next line
        "GIT_NO_LAZY_FETCH": "1",
    }


def command(git_dir: pathlib.Path, *arguments: str) -> list[str]:
    """Return a command line; a git directory that is named needs no discovery, so no owner is asked after."""
    off = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", f"core.attributesFile={os.devnull}")
    options = [part for one in off for part in ("-c", one)]
    return ["git", "--no-pager", f"--git-dir={git_dir}", *options, *arguments]


def run(name: str, git_dir: pathlib.Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run git to its end and return what it wrote. GitError, under the repository's name, where it failed."""
    try:
        done = subprocess.run(command(git_dir, *arguments), input=given, capture_output=True, env=environment())
    except FileNotFoundError:
        raise InputError("git is not installed; install it (on Debian: apt-get install git)") from None
    if done.returncode:
        raise GitError(name, arguments[0], last_line(done.stderr))
    return done.stdout


def last_line(said: bytes) -> str:
    """Return the last line that git complained with, without its `fatal:`."""
    lines = said.decode("utf-8", "backslashreplace").strip().splitlines()
    return lines[-1].removeprefix("fatal: ").removeprefix("error: ") if lines else ""


def fields(
    name: str, git_dir: pathlib.Path, *arguments: str, given: bytes = b"", stand_ins: bool = False
) -> Iterator[bytes]:
    """Yield the NUL-ended fields of what git writes, as it writes them. GitError where it failed."""
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as errors:
        asked.write(given)
        asked.seek(0)
        line = command(git_dir, *arguments)
        with (
            subprocess.Popen(
                line, stdin=asked, stdout=subprocess.PIPE, stderr=errors, env=environment(stand_ins)
            ) as process,
            _ended(process),
        ):
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            rest = b""
            while block := process.stdout.read(CHUNK):
                *whole, rest = (rest + block).split(b"\0")
                yield from whole
            if process.wait():
                errors.seek(0)
                raise GitError(name, arguments[0], last_line(errors.read()))


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A reader that stops early leaves no git behind."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
