"""The chain: every event's hash covers the event and the hash before it. Pure.

    hash of event n = SHA-256 of the canonical JSON of {previous: hash of event n-1, sequence: n, kind, at, actor,
                      stream, payload}, the payload as the text that is stored

so that nothing can be altered, removed or put elsewhere without every later hash being another one.
"""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from promotion_gate.decide.digest import digest
from promotion_gate.errors import InputError

GENESIS = "0" * 64
"""What stands for the hash before the first event."""


@dataclass(frozen=True)
class Entry:
    """An event as it is stored.

    Attributes:
        sequence: from 1, without gaps: the order of events. Times are no order, clocks go backwards.
        kind: which of `events.KINDS`.
        at: of the clock of whoever wrote it, see `stamp`.
        actor: who did it.
        stream: what it is about, see `events.promotion_stream`.
        payload: canonical JSON.
        hash: 64 hex digits.
    """

    sequence: int
    kind: str
    at: str
    actor: str
    stream: str
    payload: str
    hash: str


def link(previous: str, sequence: int, kind: str, at: str, actor: str, stream: str, payload: str) -> Entry:
    """Return the entry that follows the one whose hash is `previous`."""
    document = {
        "previous": previous,
        "sequence": sequence,
        "kind": kind,
        "at": at,
        "actor": actor,
        "stream": stream,
        "payload": payload,
    }
    return Entry(sequence, kind, at, actor, stream, payload, digest(document))


def follows(entry: Entry, previous: str) -> bool:
    """Say whether an entry's hash is the one that it must have after `previous`."""
    again = link(previous, entry.sequence, entry.kind, entry.at, entry.actor, entry.stream, entry.payload)
    return again.hash == entry.hash


def canonical(document: Any) -> str:
    """Return the JSON text that `decide.digest.digest` takes the hash of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def stamp(when: dt.datetime) -> str:
    """Return a time as text of one width, UTC, so that later sorts after earlier: 2026-01-31T09:00:00.000000Z.

    Raises:
        InputError: it has no offset, or lies outside the calendar.
    """
    if when.tzinfo is None:
        raise InputError(f"a time with its offset from UTC is expected, not {when.isoformat()}")
    try:
        return when.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except OverflowError:
        raise InputError(f"{when.isoformat()} is not a time of the years 1 to 9999 in UTC") from None


def unstamp(text: str) -> dt.datetime:
    """Return the time that `stamp` wrote."""
    return dt.datetime.fromisoformat(text)
