"""A web server on this machine that answers as told, in turn, and keeps what came."""

import contextlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Answers as told, in turn; keeps what came."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.seen = [], []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        code, headers, answer = self.server.answers.pop(0) if self.server.answers else (200, {}, b"")
        if code is None:
            self.close_connection = True
            return
        self.send_response(code)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            if callable(headers.get("slow")):
                headers["slow"](self.wfile)
            else:
                self.wfile.write(answer)

    def log_message(self, *_):
        pass
