"""A tiny real service at the other end: keeps batches by source and id, and answers as it is told."""

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, dict[str, str], dict[str, Any]]
"""Status, headers, body."""

TAKEN: Answer = 200, {}, {"recorded": True}


@dataclass
class Receiver:
    """What came. `answer` is asked for each request, with its number from 0; what it answers 2xx is kept."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    batches: dict[tuple[str, str], Any] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    answer: Callable[[int], Answer] = lambda number: TAKEN
    changed: threading.Condition = field(default_factory=threading.Condition)

    def windows(self) -> list[dict[str, Any]]:
        """All that was taken, each batch once."""
        with self.changed:
            return [window for windows in self.batches.values() for window in windows]

    def total(self, what: str = "requests", **names: str) -> float:
        """The sum of a count over all windows of a module."""
        return sum(
            window.get(what, 0)
            for window in self.windows()
            if all(window.get(key) == name for key, name in names.items())
        )

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something holds, asked each time a request was answered."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "it did not come in time"

    def take(self, headers: dict[str, str], body: bytes) -> Answer:
        read = json.loads(body)
        with self.changed:
            answer = self.answer(len(self.requests))
            self.requests.append(read)
            self.headers.append(headers)
            if answer[0] < 300:
                key = read["source"], read["batch_id"]
                if self.batches.setdefault(key, read["windows"]) != read["windows"]:
                    self.differing.append(read["batch_id"])
            self.changed.notify_all()
        return answer


@contextlib.contextmanager
def receiving(port: int = 0, into: Receiver | None = None) -> Iterator[Receiver]:
    """Serve on the loopback."""
    found = into or Receiver()
    connections: set[socket.socket] = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            connections.add(self.connection)
            with contextlib.suppress(ConnectionError):
                super().handle()
            connections.discard(self.connection)

        def do_POST(self) -> None:
            with found.changed:
                found.at_once += 1
                found.most_at_once = max(found.most_at_once, found.at_once)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code, headers, told = found.take(dict(self.headers), body)
            raw = json.dumps(told).encode()
            with found.changed:
                found.at_once -= 1
            with contextlib.suppress(ConnectionError):
                self.send_response(code)
                for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        for connection in list(connections):  # kept alive, they would be served on
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
