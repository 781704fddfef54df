"""Runs what is deployed: the program behind a module's link `current`, after each switch of the link the new one."""

import contextlib
import pathlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

LOOK_S = 0.05
END_S = 5


@contextlib.contextmanager
def supervised(home: pathlib.Path) -> Iterator[int]:
    """Run a module's current version on a port until the block ends; before the first deployment callers wait.

    Args:
        home: the module's folder of the deployer `directory`.

    Yields:
        the port, on the loopback. It listens all the time, whichever version runs.
    """
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        watching = threading.Thread(target=_watch, args=(home / "current", listening, ended))
        watching.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            watching.join()


def _watch(link: pathlib.Path, listening: socket.socket, ended: threading.Event) -> None:
    version, program = None, None
    try:
        while not ended.wait(LOOK_S):
            with contextlib.suppress(FileNotFoundError):  # nothing is deployed yet
                found = link.resolve(strict=True)
                if found != version:
                    _end(program)
                    version, program = found, _start(found, listening)
    finally:
        _end(program)


def _start(folder: pathlib.Path, listening: socket.socket) -> subprocess.Popen[bytes]:
    descriptor = listening.fileno()
    command = [sys.executable, "-B", str(folder / "service.py"), str(descriptor)]  # -B: nothing is written beside it
    # A session of its own: Ctrl-C is the story's, which then ends this in order.
    return subprocess.Popen(command, cwd=folder, pass_fds=[descriptor], start_new_session=True)


def _end(program: subprocess.Popen[bytes] | None) -> None:
    if program is None:
        return
    program.terminate()
    try:
        program.wait(END_S)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
