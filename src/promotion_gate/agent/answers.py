"""What to do about the service's answer to a batch."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import urllib3

from promotion_gate.agent.fetching import Answer, line

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 20.0
"""First and longest upper bound of a wait between attempts: it doubles each time."""

SLOW_S = 60.0
"""Upper bound of a wait where only a person can help, as with a token that is none."""

LONGEST_ASKED_S = 600.0
"""A service that asks for more patience is asked again all the same."""

Verdict = Literal["done", "again", "slowly", "never"]
NEVER = frozenset({400, 409, 413, 422})
"""The batch itself is refused, and would be the next time: it is not changed."""

DISTURBED = frozenset({408, 425, 429})
FUTURE = "from-the-future"


@dataclass(frozen=True)
class Reply:
    """An answer, read.

    Attributes:
        verdict: done; to be sent again; again but slowly; never again.
        why: for people, one line.
        wait_s: that the service asked for, at least.
    """

    verdict: Verdict
    why: str = ""
    wait_s: float = 0.0


def read(answer: Answer, is_past: bool) -> Reply:
    """Return what an answer means.

    Args:
        answer: to a batch.
        is_past: whether, by this machine's clock, the batch's windows are over. Then `from-the-future` is a matter of
            two clocks and of time; else the clock was set back, and they are nonsense.
    """
    if 200 <= answer.code < 300:
        return Reply("done")
    code, detail = _problem(answer.body)
    why = f"answered {answer.code}{f': {detail}' if detail else ''}"
    if answer.code in DISTURBED or answer.code >= 500:
        return Reply("again", why, _asked(answer.headers))
    if code == FUTURE and is_past:
        return Reply("slowly", f"{why}; the clocks of this machine and of the service differ")
    if answer.code in NEVER:
        return Reply("never", why)
    if answer.code in (401, 403):
        return Reply("slowly", f"{why}; the token needs the scope ingest")
    return Reply("slowly", f"{why}; is service.url that of promotion-gate serve?")


def wait(reply: Reply | None, attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait before the next attempt: exponential back-off with full jitter.

    Marc Brooker, Exponential Backoff And Jitter, AWS Architecture Blog 2015.

    Args:
        reply: None where there was no answer.
        attempt: how many there were, from 1.
        draw: gives a number from 0 to 1.
    """
    if reply is not None and reply.verdict == "slowly":
        return SLOW_S * (1 + draw()) / 2
    back_off = draw() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))
    return max(back_off, reply.wait_s if reply else 0.0)


def _problem(body: bytes) -> tuple[str, str]:
    """Return code and detail of an RFC 9457 problem, or the beginning of whatever it is."""
    try:
        told = json.loads(body)
        return str(told.get("code", "")), line(told.get("detail", ""))
    except (ValueError, AttributeError, RecursionError):
        return "", line(body.decode("utf-8", "replace"))


def _asked(headers: Mapping[str, str]) -> float:
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    if asked is None:
        return 0.0
    try:
        return min(LONGEST_ASKED_S, max(0.0, urllib3.Retry().parse_retry_after(asked)))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0
