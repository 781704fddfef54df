"""Repositories that tests build commit by commit, with git itself."""

import os
import pathlib
import subprocess
from collections.abc import Mapping

WHO = ("Ada", "ada@example.org")
DAY = 86_400
START = 17_361 * DAY


class Built:
    """A repository; every commit is a day later than the one before, the first one a day after `START`."""

    def __init__(self, path: pathlib.Path, *options: str):
        self.path = path
        self.days = 0
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *arguments: str, who: tuple[str, str] = WHO, given: bytes = b"") -> str:
        name, address = who
        when = f"{START + self.days * DAY} +0000"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environment = {
            **kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address, "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address,
            "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "GIT_ALLOW_PROTOCOL": "file",
        }  # fmt: skip
        command = ["git", "-C", os.fspath(self.path), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=True, env=environment)
        return done.stdout.decode().strip()

    def write(self, path: str | bytes, content: str | bytes) -> None:
        full = self.path / os.fsdecode(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit_files(
        self, files: Mapping[str | bytes, str | bytes | None], message: str = "change", who: tuple[str, str] = WHO
    ) -> str:
        """Commit what is in the working tree, after the given files were written (None: removed)."""
        self.days += 1
        for path, content in files.items():
            if content is None:
                (self.path / os.fsdecode(path)).unlink()
            else:
                self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message, who=who)
        return self.git("rev-parse", "HEAD")

    def move(self, old: str, new: str) -> None:
        (self.path / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)


def lines(count: int, word: str = "x") -> str:
    """Source of so many lines, each its own."""
    return "".join(f"{word}{number} = {number}\n" for number in range(count))
