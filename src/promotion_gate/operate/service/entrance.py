"""Who is let in: tokens, scopes, rates; without tokens only this machine's own programs."""

import ipaddress
import urllib.parse

import anyio.to_thread
from starlette.requests import Request

from promotion_gate.operate.service import body
from promotion_gate.operate.service.caller import LOCAL_SCOPES, Caller, Scope
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.service import Service

ANYBODY = Caller("anybody", frozenset())
CALLER = "promotion_gate.caller"
"""Key of the request's scope under which the log and the audit find who it is."""
ACTOR = "promotion-gate-actor"
"""Header by which a caller names itself where there are no tokens."""

ONCE = frozenset(
    {
        b"host",
        b"origin",
        b"authorization",
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"transfer-encoding",
        b"idempotency-key",
        ACTOR.encode(),
    }
)
"""Headers that may stand once: of two that differ a proxy and this service could each believe another."""


async def let_in(service: Service, request: Request, scope: Scope | None) -> Caller:
    """Return who calls an endpoint.

    Args:
        service: whose tokens count.
        request: its headers say who calls.
        scope: of the endpoint; None: anybody may.

    Raises:
        Problem: 400 a header twice, 401 no valid token, 403 not this scope, 421 another machine's page, 429 too many.
    """
    _check_headers(request)
    if service.settings.no_auth:
        caller = _local(request)
        request.scope[CALLER] = caller.name
        return caller
    if scope is None:
        return ANYBODY
    caller = await _known(service, request)
    request.scope[CALLER] = caller.name
    if not service.callers.take(caller.name):
        said = f"more than {service.settings.rate:g} requests a second"
        raise Problem(429, "too-many", said, headers={"Retry-After": service.callers.wait_s()})
    caller.check(scope)
    return caller


def _check_headers(request: Request) -> None:
    told = [name for name, _ in request.scope["headers"] if name in ONCE]
    if len(set(told)) < len(told):
        twice = max(told, key=told.count).decode()
        raise Problem(400, "twin-headers", f"the header {twice} is there twice", where=twice, expected="each once")
    if {b"content-length", b"transfer-encoding"} <= set(told):  # RFC 9112, 6.3: somebody may be smuggling a request
        said, close = "the body has two lengths", {"Connection": "close"}
        raise Problem(
            400, "twin-headers", said, where="Transfer-Encoding", expected="a Content-Length or it", headers=close
        )


async def _known(service: Service, request: Request) -> Caller:
    authorization, now = request.headers.get("authorization"), service.clock.now()
    try:
        caller = service.tokens.remembered(authorization, now)
        if caller is None:
            caller = await anyio.to_thread.run_sync(service.tokens.caller, authorization, now)
    except Problem:
        address = request.client.host if request.client else ""
        if not service.strangers.take(address):
            said = "too many calls without a valid token"
            raise Problem(429, "too-many", said, headers={"Retry-After": service.strangers.wait_s()}) from None
        raise
    return caller


def _local(request: Request) -> Caller:
    """Anybody on this machine, but no page of another's that a browser here shows (DNS rebinding, forged requests)."""
    for name in ("host", "origin"):
        value = request.headers.get(name)
        if value is not None and not _is_here(value):
            said = "without tokens only this machine's own programs are answered"
            raise Problem(421, "not-local", said, where=name.title(), expected="localhost or 127.0.0.1")
    name = request.headers.get(ACTOR, "local")
    check_actor(name, ACTOR)
    return Caller(name, LOCAL_SCOPES)


def check_actor(name: str, where: str) -> None:
    """Refuse a name that cannot be written down: Problem 422."""
    body.check_text(name, where)
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise Problem(422, "invalid", "an actor is a printable name", where=where, expected="1 to 200 characters")


def _is_here(value: str) -> bool:
    try:
        host = urllib.parse.urlsplit(value if "://" in value else f"//{value}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
