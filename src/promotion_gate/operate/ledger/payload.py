"""What the events' payloads are made of: closed, typed, immutable, and the streams that events belong to."""

import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.chain import canonical, stamp
from promotion_gate.schema import Name

SYSTEM = "system"
"""The stream of what belongs to no promotion and no module."""

MAX_KEY = 2_000
"""Bytes of the names that make one key, together: PostgreSQL's index entries end at 2,704."""


RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _written_out(told: object) -> object:
    """Refuse a number, or a text of one: whether it counts seconds or milliseconds would be guessed by its size."""
    if isinstance(told, dt.datetime) or (isinstance(told, str) and RFC3339.fullmatch(told)):
        return told
    raise PydanticCustomError("time", "a time as RFC 3339 writes it is expected, for instance 2026-01-31T09:00:00Z")


def _in_calendar(when: dt.datetime) -> dt.datetime:
    try:
        stamp(when)
    except InputError as error:
        raise ValueError(str(error)) from None
    return when


Time = Annotated[
    AwareDatetime,
    BeforeValidator(_written_out),
    AfterValidator(_in_calendar),
    PlainSerializer(stamp, return_type=str),
]
"""RFC 3339 with its offset, years 1 to 9999 in UTC; kept in UTC."""
Key = Annotated[Name, Field(max_length=200)]
"""A name that another program gives: an id, a source, an idempotency key."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, Field(max_length=10_000, pattern=r"\S")]
"""What a person says: not blank."""
Surcharge = Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)]
"""A share; written as a decimal's text."""


class Payload(BaseModel):
    """What an event tells; `kind` names it in the ledger. What breaks its types raises pydantic's ValidationError."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    kind: ClassVar[str]

    def text(self) -> str:
        """Return the canonical JSON."""
        return canonical(self.model_dump(mode="json"))


def promotion_stream(promotion: str) -> str:
    """Return the stream of a promotion. Names hold no tab."""
    return f"promotion\t{promotion}"


def module_stream(project: str, module: str) -> str:
    """Return the stream of a module: its failures and scores."""
    return f"module\t{project}\t{module}"


def check_key(*names: str) -> None:
    """Refuse names that are too long to be kept as one key.

    Raises:
        InputError: they have more than `MAX_KEY` bytes together.
    """
    size = sum(len(name.encode()) for name in names)
    if size > MAX_KEY:
        raise InputError(f"the names {names[0]:.40}, ... have {size:,} bytes together, expected {MAX_KEY:,} at most")
