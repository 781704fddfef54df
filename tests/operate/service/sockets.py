"""The service on a port of this process, and what is sent to it byte by byte."""

import contextlib
import socket
import threading
import time

import uvicorn

from promotion_gate.operate.service import server
from promotion_gate.operate.service.app import build


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


@contextlib.contextmanager
def listening(service):
    """Serve as `promotion-gate serve` does, and give the port."""
    port = free_port()
    app = build(service, in_background=False)
    made = uvicorn.Server(server._config(app, server.Address("127.0.0.1", port)))
    began = threading.Event()
    made.startup = _then(made.startup, began)
    thread = threading.Thread(target=made.run)
    thread.start()
    assert began.wait(30)
    try:
        yield port
    finally:
        made.should_exit = True
        thread.join()


def _then(startup, began):
    async def started(*arguments, **more):
        await startup(*arguments, **more)
        began.set()

    return started


def connect(port):
    """An open connection that waits ten seconds at most."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_all(made):
    """All that comes until the other side closes; within ten seconds a piece."""
    made.settimeout(10)
    parts = []
    while part := made.recv(65536):
        parts.append(part)
    return b"".join(parts)


def answered(port, sent):
    """What the service says to some bytes until it closes: they ask it to, or are such that it does."""
    with connect(port) as made:
        made.sendall(sent)
        return read_all(made)


def until(condition):
    """Wait for a condition, ten seconds at most."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
