"""What a caller is told when something is refused or fails: RFC 9457, `application/problem+json`.

    {"type": "urn:promotion-gate:problem:conflict", "title": .., "status": 409, "detail": .., "instance": "/v1/..",
     "code": "conflict", "where"?: .., "expected"?: .., "request_id": ..}

`detail` says what, `where` in which part of the request, `expected` what would have been right.

A 422 has the code `invalid` where a part breaks its own type, as the OpenAPI document gives it; `contradiction` where
the parts, each right, do not go together; `unsafe-text` where a text holds what no text may; and `not-possible`, or a
code of its own, where what is asked is understood and cannot be done.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from promotion_gate.errors import InputError, ModelError, PromotionGateError
from promotion_gate.operate.deployers.protocol import DeployError
from promotion_gate.operate.fis import UnknownModuleError
from promotion_gate.operate.ledger.errors import Conflict, IllegalTransition, LedgerUnavailable, NotAllowed, NotFound
from promotion_gate.operate.look_alikes import LookAlike
from promotion_gate.operate.requests import explain

MEDIA_TYPE = "application/problem+json"
RETRY_S = "2"


class Problem(PromotionGateError):  # noqa: N818 - RFC 9457's word
    """A refusal with its HTTP status and a code for programs.

    `is_refusal`: it is audited as one though its status does not say so, as where another project's promotion is said
    not to be there.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_refusal: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.where, self.expected = status, code, where, expected
        self.headers = dict(headers or {})
        self.is_refusal = is_refusal

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """Return the JSON object for a request."""
        told = {
            "type": f"urn:promotion-gate:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": str(self),
            "instance": instance,
            "code": self.code,
            "where": self.where,
            "expected": self.expected,
            "request_id": request_id,
        }
        return {name: value for name, value in told.items() if value is not None}


OF_ERRORS: tuple[tuple[type[PromotionGateError], int, str], ...] = (
    (IllegalTransition, 409, "illegal-transition"),
    (Conflict, 409, "conflict"),
    (NotFound, 404, "not-found"),
    (NotAllowed, 403, "not-allowed"),
    (LedgerUnavailable, 503, "ledger-unavailable"),
    (ModelError, 503, "no-model"),
    (DeployError, 502, "deployer-failed"),
    (LookAlike, 422, "look-alike"),
    (UnknownModuleError, 404, "unknown-module"),
    (InputError, 422, "not-possible"),
)


def of(error: PromotionGateError | ValidationError) -> Problem:
    """Return the problem that an error of ours, or a request that breaks its contract, is for a caller."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        first = max(error.errors(include_url=False), key=lambda found: len(found["loc"]))
        where = ".".join(map(str, first["loc"]))
        code = "contradiction" if first["type"] == "value_error" else "invalid"  # of a validator of several
        return Problem(422, code, explain(error), where=where or "body", expected=first["msg"])
    for kind, status, code in OF_ERRORS:
        if isinstance(error, kind):
            return Problem(status, code, str(error), headers={"Retry-After": RETRY_S} if status == 503 else None)
    return Problem(422, "refused", str(error))
