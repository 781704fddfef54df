"""A tiny service, as it lies in the folder of one version: totals baskets over HTTP, and says which version it is.

    GET /?prices=300,200  ->  200 {"version": "1.0", "total": 500}
    GET /metrics          ->  requests and their latency, by module, version and code, as Prometheus reads them

Started as `python service.py FD`: FD is a socket that listens already, so that between two versions no caller is
refused.
"""

import contextlib
import http.server
import json
import pathlib
import socket
import sys
import time
import urllib.parse
from typing import Any

from basket import total  # type: ignore[import-not-found]  # of the same version, copied beside this file
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

MODULE, VERSION = (pathlib.Path(name).read_text(encoding="utf-8").strip() for name in ("MODULE", "VERSION"))
REQUESTS = Counter("shop_requests", "Baskets totalled", ("module", "version", "code"))
SECONDS = Histogram("shop_request_seconds", "Time to total one", ("module", "version"))
OF_THIS = {"module": MODULE, "version": VERSION}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    def handle(self) -> None:
        """Answer; who has left meanwhile hears nothing."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer the total of a basket, or what was counted so far."""
        path, _, query = self.path.partition("?")
        if path == "/metrics":
            self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            return
        began = time.perf_counter()
        status, told = _totalled(urllib.parse.parse_qs(query).get("prices", [""])[0])
        SECONDS.labels(**OF_THIS).observe(time.perf_counter() - began)
        REQUESTS.labels(**OF_THIS, code=str(status)).inc()
        self._answer(status, json.dumps(told).encode(), "application/json")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing: the story tells what was answered."""

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _totalled(prices: str) -> tuple[int, dict[str, Any]]:
    """Return the status, 500 where the program fails, and the answer."""
    try:
        cents = [int(price) for price in prices.split(",") if price]
        return 200, {"version": VERSION, "total": total(cents)}
    except Exception as error:  # a failure in production is an answer too
        return 500, {"version": VERSION, "error": f"{type(error).__name__}: {error}"}


def main(descriptor: int) -> None:
    """Serve on a socket until a signal ends it."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=descriptor)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
