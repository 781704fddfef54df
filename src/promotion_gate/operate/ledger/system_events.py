"""What belongs to the service itself: answers that must be given again, tokens, calls that were refused.

A token is known by its hash alone; the token itself is never written.
"""

from typing import ClassVar

from pydantic import Field, JsonValue

from promotion_gate.operate.ledger.payload import Hash, Key, Payload, Time
from promotion_gate.schema import Name


class Answered(Payload):
    """A request with an idempotency key was answered: the same key of the same caller gets the same answer."""

    kind: ClassVar[str] = "answer-stored"
    caller: Key
    key: Key
    body_sha256: Hash
    status: int = Field(ge=100, le=599)
    answer: JsonValue


class TokenIssued(Payload):
    """A token of 256 random bits was given out; `project` None: for all projects, `expires_at` None: never."""

    kind: ClassVar[str] = "token-issued"
    token_sha256: Hash
    name: Key
    scopes: tuple[Key, ...] = Field(min_length=1)
    project: Name | None = None
    expires_at: Time | None = None


class TokenRevoked(Payload):
    """A token counts no longer."""

    kind: ClassVar[str] = "token-revoked"
    token_sha256: Hash


class CallRefused(Payload):
    """Somebody was not let in or not allowed to; `reason` is the answer's code. The ledger's events are the audit."""

    kind: ClassVar[str] = "call-refused"
    method: Key
    path: Name
    status: int = Field(ge=400, le=599)
    reason: Key
