"""The answers that an endpoint may give, for the OpenAPI document: every status, its headers, its body."""

from http import HTTPStatus
from typing import Any

from promotion_gate.operate.service import problems
from promotion_gate.operate.service.endpoint import Endpoint

ANY = (400, 421, 422, 500, 504)
"""Whatever is called: a header twice, another machine's page, an odd parameter, what nobody foresaw, too slow."""

GUARDED = (401, 403, 429, 503)
"""Where a token is needed: it is looked up in the ledger."""

WITH_BODY = (408, 413, 415)
NAMED = (404,)
"""Where the address names a thing."""

OF_STATUS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
"""The header that a problem has besides."""

HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "Names the request in the log; the caller's own, if it sent a plain one",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Retry-After": {
        "description": "Seconds to wait",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "RFC 6750",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Location": {
        "description": "Where the promotion is shown",
        "required": True,
        "schema": {"type": "string", "pattern": "^/v1/promotions/"},
    },
}


def components(problem: Any) -> dict[str, Any]:
    """Return the problems by status, to be referred to.

    Args:
        problem: the schema of a problem document.
    """
    statuses = {*ANY, *GUARDED, *WITH_BODY, *NAMED, 409, 502}
    content = {problems.MEDIA_TYPE: {"schema": problem}}
    return {
        f"Problem{status}": {
            "description": HTTPStatus(status).phrase,
            "headers": _headers(*([OF_STATUS[status]] if status in OF_STATUS else [])),
            "content": content,
        }
        for status in sorted(statuses)
    }


def of(endpoint: Endpoint, path: str, content: Any) -> dict[str, Any]:
    """Return all responses of an endpoint.

    Args:
        endpoint: whose.
        path: as the document writes it.
        content: of the good answer, by media type.
    """
    statuses = {
        *ANY,
        *(GUARDED if endpoint.scope is not None else ()),
        *(WITH_BODY if endpoint.takes else ()),
        *(NAMED if "{" in path else ()),
        *endpoint.fails,
    }
    good = {"description": "Done", "headers": _headers(), "content": content}
    found: dict[str, Any] = {str(endpoint.status): good}
    if path == "/v1/promotions" and endpoint.status == 201:
        good["headers"] = _headers("Location")
    if path == "/readyz":
        found["503"] = {**good, "description": "Not ready"}
    problem = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}
    return {**found, **problem}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
