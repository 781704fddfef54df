"""OpenTelemetry: each request a trace, exported by OTLP over HTTP where the environment asks for it.

The variables are the standard's own (OpenTelemetry specification, "Environment Variable Specification" and "OTLP
Exporter Configuration"). Where they ask for nothing, neither SDK nor exporter is imported. A request that comes with a
W3C `traceparent` continues its caller's trace; baggage is not read.

FastAPI's own spans are off: they hold the query, and end before the gateway writes the request's line in the log.
"""

import contextlib
import importlib.metadata
import logging
import os
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promotion_gate.errors import InputError
from promotion_gate.operate import spans
from promotion_gate.operate.service import logs
from promotion_gate.operate.service.gateway import METHODS

NAME = "promotion-gate"
EXPORTER = "OTEL_TRACES_EXPORTER"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by programs: a trace of each would hide the others."""

END_S = 5.0
"""So long the last spans may take to be exported when the service ends; a collector that is gone holds up nothing."""


def is_wanted() -> bool:
    """Say whether the environment asks for traces.

    Raises:
        InputError: it asks for what this program does not do, or the exporter is not installed.
    """
    exporter = _said(EXPORTER)
    if _said("OTEL_SDK_DISABLED").lower() == "true" or exporter == "none":
        return False
    if exporter not in ("", "otlp"):
        raise InputError(f"{EXPORTER} is {exporter!r:.80}, expected otlp or none")
    endpoints = [name for name in ENDPOINTS if _said(name)]
    if not endpoints and not exporter:
        return False
    _check(endpoints)
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401
    except ImportError:
        asked = (endpoints or [EXPORTER])[0]
        said = f"{asked} asks for traces, but the exporter is not installed"
        raise InputError(f"{said}: pip install 'promotion-gate[opentelemetry]', or unset the variable") from None
    return True


def _check(endpoints: Sequence[str]) -> None:
    for name in endpoints:
        if urllib.parse.urlsplit(_said(name)).scheme not in ("http", "https"):
            raise InputError(f"{name} is no address, expected http://HOST:PORT or https://HOST:PORT")
    for name in PROTOCOLS:
        if _said(name) not in ("", "http/protobuf"):
            raise InputError(f"{name} is {_said(name)!r:.80}, expected http/protobuf; collectors take it on port 4318")
    for name in HEADERS:
        if any("=" not in one for one in _said(name).split(",") if one.strip()):
            raise InputError(f"{name} holds something that is no header, expected NAME=VALUE,NAME=VALUE")


def traced(app: ASGIApp) -> ASGIApp:
    """Return an application whose requests are traced where the environment asks for it, else itself.

    Raises:
        InputError: as `is_wanted`.
    """
    return Traced(app) if is_wanted() else app


class Traced:
    """ASGI around the application; from its construction to the end of the application every span is traced."""

    def __init__(self, app: ASGIApp) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # It would quote a header that it cannot read, and headers hold keys.
        logging.getLogger("opentelemetry.util.re").setLevel(logging.ERROR)
        own = Resource.create({"service.name": NAME, "service.version": importlib.metadata.version(NAME)})
        self._app, self._exporter = app, OTLPSpanExporter()
        self._provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(NAME)
        self._propagator = TraceContextTextMapPropagator()
        spans.trace_with(self._opened)
        logs.add_to_lines(_ids)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] not in QUIET:
            await self._answer(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":  # afterwards nobody waits for us
                await anyio.to_thread.run_sync(self.close)
            await send(message)

        await self._app(scope, receive, sent)

    def close(self) -> None:
        """Export what is left, and trace no more."""
        spans.trace_with(None)
        late = threading.Timer(END_S, self._exporter.shutdown)
        late.daemon = True
        late.start()
        self._provider.shutdown()
        late.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, StatusCode

        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        known = {
            "http.request.method": method if method in METHODS else "_OTHER",
            "url.scheme": scope["scheme"],
            "url.path": urllib.parse.quote(scope["path"])[:500],  # without the query, as in the log
        }
        above = self._propagator.extract(_carrier(scope), Context())
        with self._tracer.start_as_current_span(
            method, above, SpanKind.SERVER, known, record_exception=False, set_status_on_exception=False
        ) as made:

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    made.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        made.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, sent)
            finally:
                route = getattr(scope.get("endpoint"), "template", None)
                if route is not None:
                    made.update_name(f"{method} {route}")
                    made.set_attribute("http.route", route)
                made.set_attribute("promotion_gate.request_id", str(scope.get("promotion_gate.id", "")))

    @contextlib.contextmanager
    def _opened(self, name: str, attributes: Mapping[str, spans.Attribute]) -> Iterator[None]:
        from opentelemetry.trace import StatusCode

        # Of an error the type alone: its words may be another program's, and hold anything.
        with self._tracer.start_as_current_span(
            name,
            attributes={f"promotion_gate.{key}": value for key, value in attributes.items()},
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            try:
                yield
            except BaseException as error:
                made.set_attribute("error.type", type(error).__qualname__)
                made.set_status(StatusCode.ERROR)
                raise


def _said(name: str) -> str:
    return os.environ.get(name, "").strip()


def _carrier(scope: Scope) -> dict[str, str]:
    """The headers of the trace context. `traceparent` must be there once (W3C Trace Context, 3.2), states add up."""
    found: dict[str, list[str]] = {"traceparent": [], "tracestate": []}
    for name, value in scope["headers"]:
        if (key := name.decode("latin-1")) in found:
            found[key].append(value.decode("latin-1"))
    if len(found["traceparent"]) != 1:
        return {}
    return {name: ",".join(values) for name, values in found.items() if values}


def _ids(record: logging.LogRecord) -> bool:
    """Give a line of the log the ids of the span in which it was written."""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = trace.format_trace_id(context.trace_id)
        record.span_id = trace.format_span_id(context.span_id)
    return True
