"""A folder that is one process's alone and goes with it: at once when it is left, else when the next one is made.

Who is killed cannot clean up. Each process holds the lock of its folder, which the operating system ends with the
process, however that ends: a folder whose lock is free is nobody's.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile
import time

PREFIX = "promotion-gate-model-"

YOUNG_S = 60.0
"""A folder is made a moment before it is locked: so young a one is left alone."""

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Room:
    """Made by its construction, among the system's temporary files. OSError where that cannot be.

    Attributes:
        path: of the folder.
    """

    def __init__(self) -> None:
        _clear()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock: int | None = os.open(self.path, _OPEN)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def leave(self) -> None:
        """Remove it; a second time nothing happens."""
        lock, self._lock = self._lock, None
        if lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(lock)


def _clear() -> None:
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, another user's, or gone meanwhile
            if time.time() - path.stat().st_mtime > YOUNG_S:
                _remove_if_free(path)


def _remove_if_free(path: pathlib.Path) -> None:
    handle = os.open(path, _OPEN)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(handle)
