"""A tiny service, as it lies in the folder of one version: totals baskets over HTTP, and says which version it is.

    GET /?prices=300,200  ->  200 {"version": "1.0", "total": 500}

Started as `python service.py FD`: FD is a socket that listens already, so that between two versions no caller is
refused.
"""

import contextlib
import http.server
import json
import pathlib
import socket
import sys
import urllib.parse
from typing import Any

from basket import total  # type: ignore[import-not-found]  # of the same version, copied beside this file

VERSION = pathlib.Path("VERSION").read_text(encoding="utf-8").strip()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    def handle(self) -> None:
        """Answer; who has left meanwhile hears nothing."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer the total of a basket; 500 where the program fails."""
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        prices = [int(price) for price in asked.get("prices", [""])[0].split(",") if price]
        try:
            status, told = 200, {"version": VERSION, "total": total(prices)}
        except Exception as error:  # a failure in production is an answer too
            status, told = 500, {"version": VERSION, "error": f"{type(error).__name__}: {error}"}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing: the story tells what was answered."""


def main(descriptor: int) -> None:
    """Serve on a socket until a signal ends it."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=descriptor)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
