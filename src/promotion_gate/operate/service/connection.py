"""uvicorn's connection, with what it lacks: whoever opens one and does not send a request's head in time is cut off."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from promotion_gate.operate.service.limits import HEAD_S


class Connection(H11Protocol):
    """HTTP/1.1; the head of each request must be there `HEAD_S` after its first byte, or after the connection."""

    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read; what comes while no request is under way must make a head in time."""
        before = self.cycle
        if self._head_due is None and (before is None or before.response_complete):
            self._wait()
        super().data_received(data)
        if self.cycle is not before:
            self._cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Answered; a pipelined request may begin at once, and has its head then."""
        before = self.cycle
        super().on_response_complete()
        if self.cycle is not before:
            self._cancel()

    def _wait(self) -> None:
        self._head_due = self.loop.call_later(HEAD_S, self._cut)

    def _cancel(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _cut(self) -> None:
        self._head_due = None
        transport: Any = self.transport
        if not transport.is_closing():
            transport.abort()
