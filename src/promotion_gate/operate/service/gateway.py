"""Around every request: its id, its line in the log, its place in the metrics, and headers that all answers have."""

import logging
import re
import time
import urllib.parse
import uuid
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promotion_gate.operate.service.entrance import CALLER
from promotion_gate.operate.service.metrics import Metrics

logger = logging.getLogger("promotion_gate.service.access")

ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Gateway:
    """ASGI around the application.

    Args:
        app: what answers.
        metrics: where it is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        request_id = _request_id(scope)
        scope["promotion_gate.id"] = request_id.decode()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *HEADERS, (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("endpoint"), "template", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(method, route, status, seconds)
        client: Any = scope.get("client") or ("", 0)
        told = {
            "request_id": scope["promotion_gate.id"],
            "method": method,
            "path": urllib.parse.quote(scope["path"])[
                :500
            ],  # without the query and the headers, which may hold secrets
            "status": status,
            "ms": round(seconds * 1000, 2),
            "caller": scope.get(CALLER),
            "client": client[0],
        }
        logger.info("request", extra=told)


def _request_id(scope: Scope) -> bytes:
    """Return the caller's id of the request if it is a plain word, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and ID.fullmatch(value):
            return bytes(value)
    return uuid.uuid4().hex.encode()
