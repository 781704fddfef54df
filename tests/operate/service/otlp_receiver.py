"""What collects traces: a real OTLP receiver over HTTP on a free port, which keeps what it is sent."""

import contextlib
import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Seen:
    """A span, its ids as hex digits; `parent` is empty where there is none."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict
    resource: dict
    is_error: bool
    events: int


def _plain(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class Receiver:
    """Spans that came, and the headers that they came with."""

    def __init__(self):
        self.spans, self.headers = [], []
        self._came = threading.Condition()

    def take(self, headers, body):
        told = ExportTraceServiceRequest.FromString(body)
        with self._came:
            self.headers.append(headers)
            for resource in told.resource_spans:
                self.spans += [
                    Seen(
                        one.name,
                        one.trace_id.hex(),
                        one.span_id.hex(),
                        one.parent_span_id.hex(),
                        _plain(one.attributes),
                        _plain(resource.resource.attributes),
                        one.status.code == one.status.STATUS_CODE_ERROR,
                        len(one.events),
                    )
                    for scope in resource.scope_spans
                    for one in scope.spans
                ]
            self._came.notify_all()

    def wait_for(self, wanted, seconds=30):
        """Return the spans that fit, once there are any."""
        with self._came:
            found = lambda: [one for one in self.spans if wanted(one)]  # noqa: E731
            assert self._came.wait_for(found, seconds), sorted({one.name for one in self.spans})
            return found()

    def of_trace(self, trace):
        with self._came:
            return [one for one in self.spans if one.trace == trace]


@contextlib.contextmanager
def receiver():
    """Run one; yields it and its address."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            kept.take({name.lower(): value for name, value in self.headers.items()}, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kept, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
