"""How much a caller may ask for: bytes, seconds, requests a second."""

import asyncio
import time

from starlette.requests import ClientDisconnect, Request

from promotion_gate.operate.service.problems import Problem

BODY = 1 << 20
BATCH_BODY = 16 << 20
"""Bytes of a body, of one and of many."""

BODY_S = 10.0
"""Seconds in which a body must have come."""

HEAD_S = 10.0
"""Seconds in which a request's head must have come, and that a connection may idle."""

REQUEST_S = 60.0
"""Seconds in which a request must be answered. A deployer may take longer: see `endpoint.Endpoint.seconds`."""

MAX_BUCKETS = 10_000


class RateLimit:
    """A bucket of tokens for each name, filled evenly.

    Args:
        per_second: how many requests a second may be made in the long run.
        depth: how many at once; None: those of two seconds.
    """

    def __init__(self, per_second: float, depth: float | None = None) -> None:
        self.per_second = per_second
        self._deep = 2 * per_second if depth is None else depth
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> bool:
        """Take one for a name; False where there is none left."""
        now, deep = time.monotonic(), self._deep
        left, at = self._buckets.get(name, (deep, now))
        left = min(deep, left + (now - at) * self.per_second)
        if len(self._buckets) >= MAX_BUCKETS and name not in self._buckets:
            self._buckets.clear()  # full again for all: memory is bounded, and a flood of names is no lock-out
        self._buckets[name] = (max(left - 1, 0.0) if left >= 1 else left, now)
        return left >= 1

    def wait_s(self) -> str:
        """Return after how many seconds to come again."""
        return str(max(1, round(1 / self.per_second)))


async def body(request: Request, most: int) -> bytes:
    """Return a request's body.

    Raises:
        Problem: 413 it is too large; 408 it came too slowly; 400 the caller went away before its end.
    """
    said = f"the body has more than {most:,} bytes"
    too_large = Problem(413, "too-large", said, expected=f"{most:,} bytes at most", headers={"Connection": "close"})
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told[:20]) > most:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        said = f"the body did not come within {BODY_S:g} s"
        raise Problem(408, "too-slow", said, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "cut-off", "the body ended before its end", where="body") from None
    return b"".join(parts)
