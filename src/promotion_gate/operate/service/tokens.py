"""Tokens: 256 random bits, given out once, known to the ledger by their SHA-256 alone.

A fast hash is right here: what is hashed is random, not a password that could be guessed.
"""

import datetime as dt
import hashlib
import secrets
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.errors import NotFound
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.payload import SYSTEM
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.operate.ledger.system_events import TokenIssued, TokenRevoked
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.look_alikes import person
from promotion_gate.operate.service.caller import Caller, Scope
from promotion_gate.operate.service.problems import Problem

PREFIX = "pgt_"
"""Lets scanners of source code find a token that was committed."""

REMEMBERED_S = 1.0
"""How long a token that was found is not looked up again: a revocation takes so long at most."""

MAX_REMEMBERED = 10_000
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="promotion-gate"'}


def sha256(token: str) -> str:
    """Return what the ledger knows of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue(
    writer: Writer,
    name: str,
    scopes: Sequence[str],
    project: str | None = None,
    expires_at: dt.datetime | None = None,
) -> str:
    """Write a new token and return it; it cannot be read again.

    Raises:
        InputError: a scope is unknown, the expiry is over, or the name is no name or reads as that of another token.
    """
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not scopes:
        raise InputError(f"scope {unknown[0] if unknown else ''!r:.40}: expected {', '.join(Scope)}")
    _check_name(writer, name)
    if expires_at is not None and expires_at <= writer.now:
        raise InputError("the token would be expired at once")
    token = PREFIX + secrets.token_urlsafe(32)
    told = TokenIssued(
        token_sha256=sha256(token), name=name, scopes=tuple(sorted(set(scopes))), project=project, expires_at=expires_at
    )
    writer.append(SYSTEM, told)
    return token


def _check_name(writer: Writer, name: str) -> None:
    """Refuse what cannot be the actor of what is written: it must be seen, and be told from every other token's."""
    if name != name.strip() or not 0 < len(name) <= 200 or not name.isprintable():
        raise InputError("the token's name must be printable, 1 to 200 characters, without space around it")
    if not unicodedata.is_normalized("NFC", name):
        raise InputError("the token's name must be in Unicode's normal form C")
    for row in known(writer.queries):
        if row["revoked_at"] is None and row["name"] != name and person(row["name"]) == person(name):
            said = f"a token that is not revoked is called {row['name']!r:.80}, which reads the same"
            raise InputError(f"{said}: use that name, or another one")


def known(queries: Queries) -> list[Mapping[str, Any]]:
    """Return all tokens that were ever issued, the oldest first."""
    query = select(tables.tokens).order_by(tables.tokens.c.sequence)
    return [dict(row) for row in queries.connection.execute(query).mappings()]


def revoke(writer: Writer, named: str) -> list[str]:
    """Revoke the tokens of a name, or the one whose hash begins so; return the hashes.

    Raises:
        NotFound: no token in force is called so.
    """
    found = [
        row["token_sha256"]
        for row in known(writer.queries)
        if row["revoked_at"] is None
        and (row["name"] == named or (len(named) >= 8 and row["token_sha256"].startswith(named)))
    ]
    if not found:
        raise NotFound(f"no token in force is called {named!r:.80}; see `promotion-gate token list`")
    for token_sha256 in found:
        writer.append(SYSTEM, TokenRevoked(token_sha256=token_sha256))
    return found


class Tokens:
    """Finds out who calls. Each token is looked up in the ledger once a second at most."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._remembered: dict[str, tuple[float, Mapping[str, Any] | None]] = {}

    def remembered(self, authorization: str | None, now: dt.datetime) -> Caller | None:
        """Return who calls if that is known without asking the ledger, else None. Problem 401 as `caller`."""
        token_sha256 = _hash_of(authorization)
        found = self._remembered.get(token_sha256)
        if found is None or found[0] < time.monotonic():
            return None
        return _checked(found[1], now)

    def caller(self, authorization: str | None, now: dt.datetime) -> Caller:
        """Return who calls.

        Args:
            authorization: the header of that name.
            now: of the service's clock.

        Raises:
            Problem: 401, the same words for a token that is unknown, expired or revoked.
            LedgerUnavailable: it cannot be found out.
        """
        token_sha256 = _hash_of(authorization)
        with self._ledger.read() as queries:
            row = queries.token(token_sha256)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        if row is not None:  # strangers' inventions are not remembered
            self._remembered[token_sha256] = (time.monotonic() + REMEMBERED_S, row)
        return _checked(row, now)


def _hash_of(authorization: str | None) -> str:
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        said = "no token came with the request"
        raise Problem(401, "no-token", said, expected="the header `Authorization: Bearer TOKEN`", headers=CHALLENGE)
    return sha256(token.strip())


def _checked(row: Mapping[str, Any] | None, now: dt.datetime) -> Caller:
    is_over = row is not None and row["expires_at"] is not None and unstamp(row["expires_at"]) <= now
    if row is None or row["revoked_at"] is not None or is_over:
        said = "the token is unknown, expired or revoked"
        headers = {"WWW-Authenticate": CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'}
        raise Problem(401, "token-not-valid", said, expected="a token in force", headers=headers)
    return Caller(row["name"], frozenset(row["scopes"]), row["project"])
