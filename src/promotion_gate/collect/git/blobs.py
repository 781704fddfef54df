"""Contents of blobs, many from one `git cat-file --batch`."""

import pathlib
import subprocess
from collections.abc import Iterator
from types import TracebackType
from typing import IO

from promotion_gate.collect.git import process
from promotion_gate.collect.git.process import CHUNK


class Blobs:
    """A running `git cat-file`, asked one blob at a time."""

    def __init__(self, scratch: pathlib.Path) -> None:
        line = process.command(scratch, "cat-file", "--batch")
        # What git says of a missing or broken object on the error stream, the answer says, too.
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=process.environment()
        )

    def __enter__(self) -> "Blobs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def read(self, blob: str, max_bytes: int) -> bytes | None:
        """Return the content of a blob, by its hash or as COMMIT:PATH; None where it is missing, broken or larger."""
        given, told = self._process.stdin, self._process.stdout
        if given is None or told is None:
            return None
        try:
            given.write(f"{blob}\n".encode())
            given.flush()
        except BrokenPipeError:
            return None
        words = told.readline().split()
        if len(words) != 3:
            return None
        kind, size = words[1], int(words[2])
        if kind != b"blob" or size > max_bytes:
            _pass_over(told, size + 1)
            return None
        content = told.read(size)
        told.read(1)
        return content


def _pass_over(stream: IO[bytes], size: int) -> None:
    """Read and forget."""
    while size:
        size -= len(stream.read(min(size, CHUNK)))


def sizes(name: str, scratch: pathlib.Path, blobs: list[str]) -> Iterator[tuple[str, int | None]]:
    """Yield each blob with its size in bytes, None where it is missing."""
    given = "".join(f"{blob}\n" for blob in blobs).encode()
    form = "--batch-check=%(objectname) %(objectsize)"
    said = process.run(name, scratch, "cat-file", form, given=given).decode() if blobs else ""
    for line in said.splitlines():
        blob, size = line.split()[:2]
        yield blob, None if size == "missing" else int(size)
