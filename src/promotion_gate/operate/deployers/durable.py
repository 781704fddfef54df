"""Files that survive a crash whole: written aside, synced, renamed; and a lock that dies with its holder."""

import contextlib
import fcntl
import os
import pathlib
import time
from collections.abc import Iterator

POLL_S = 0.02


def sync_folder(path: pathlib.Path) -> None:
    """Make the entries of a folder durable: a rename is not before its folder is synced."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: pathlib.Path, content: str) -> None:
    """Replace a file: after a crash it is there as it was or as it is to be. Callers hold a lock."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with aside.open("x", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def locked(path: pathlib.Path, seconds: float) -> Iterator[None]:
    """Hold the lock file at `path`, among threads and processes of this machine.

    Raises:
        TimeoutError: another held it for all of `seconds`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not _taken(handle):
            if time.monotonic() >= deadline:
                raise TimeoutError
            time.sleep(POLL_S)
        yield
    finally:
        os.close(handle)  # and with it the lock


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
