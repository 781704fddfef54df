"""An endpoint: what it takes and gives, who may call it; and the one way in which all of them are called.

let in -> read the body -> answer, in a thread -> or the problem, audited where the call was refused.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import anyio.to_thread
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.service import body, entrance, limits, problems
from promotion_gate.operate.service.caller import Caller, Scope
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.service import Service

logger = logging.getLogger("promotion_gate.service")

M = TypeVar("M", bound=BaseModel)

SMALL = 64 << 10
"""Bytes of a body that is parsed in the event loop: less than a millisecond."""

THREADS = 12
"""Calls that are worked on at once, as many as the ledger has connections."""


@dataclass(frozen=True)
class Answer:
    """What is answered: a model, JSON's bytes or plain JSON values."""

    content: BaseModel | bytes | Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def response(self) -> Response:
        """Return the response."""
        content = self.content
        if isinstance(content, BaseModel):
            content = content.model_dump_json().encode()
        elif not isinstance(content, bytes):
            content = json.dumps(content, allow_nan=False).encode()
        return Response(content, self.status, dict(self.headers), self.media_type)


@dataclass(frozen=True)
class Call:
    """One request, let in and read."""

    service: Service
    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @cached_property
    def body(self) -> Any:
        """The body's JSON. Problem 400 or 422 as `body.parsed`."""
        return body.parsed(self.raw)

    def read(self, model: type[M]) -> M:
        """Return the body as a model. Problem 422 where it is none."""
        return model.model_validate(self.body)

    def actor(self, claimed: str | None = None) -> str:
        """Return who does it: the token's name; where there are no tokens, whoever it claims to be."""
        if not self.service.settings.no_auth or claimed is None:
            return self.caller.name
        entrance.check_actor(claimed, "by")
        return claimed


@dataclass(frozen=True)
class Endpoint:
    """A method and path, and what stands behind them.

    Attributes:
        scope: that a token must have; None: everybody may call it.
        handler: answers, in a thread; raises PromotionGateError.
        takes: what the body is, of several kinds each; none: there is no body.
        gives: what is answered, of several kinds each; none: see the summary.
        query: what may stand after the question mark; None: nothing that counts.
        fails: statuses with a problem that this one answers besides those that any may; see `openapi`.
        swift: answers in the event loop what takes no time and no disk; None where it would.
        most: bytes of the body.
        seconds: in which it must be answered.
    """

    method: str
    path: str
    scope: Scope | None
    handler: Callable[[Call], Answer]
    gives: tuple[type[BaseModel], ...]
    summary: str
    takes: tuple[type[BaseModel], ...] = ()
    query: type[BaseModel] | None = None
    status: int = 200
    fails: tuple[int, ...] = ()
    swift: Callable[[Call], Answer | None] | None = None
    most: int = limits.BODY
    seconds: float = limits.REQUEST_S

    async def answer(self, service: Service, request: Request) -> Response:
        """Answer a request, whatever comes of it."""
        try:
            async with asyncio.timeout(self.seconds):
                caller = await entrance.let_in(service, request, self.scope)
                call = await self._read(service, request, caller)
                return (await self._answer(call)).response()
        except TimeoutError:
            said = (
                f"not answered within {self.seconds:g} s; it may still be done: ask again with the same Idempotency-Key"
            )
            problem = Problem(504, "timeout", said)
        except (PromotionGateError, ValidationError) as error:
            problem = problems.of(error)
        except Exception:
            logger.exception("internal error", extra={"request_id": request.scope.get("promotion_gate.id")})
            problem = Problem(500, "internal", "an internal error; the log has it under the request id")
        return await self._refuse(service, request, problem)

    async def _read(self, service: Service, request: Request, caller: Caller) -> Call:
        query = dict(request.query_params)
        if len(query) < len(request.query_params.multi_items()):
            raise Problem(422, "invalid", "a parameter is there twice", where="query", expected="each once")
        for where, text in (*query.items(), *request.path_params.items()):
            body.check_text(where, "query")
            body.check_text(str(text), where)
        raw = b""
        if self.takes:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                said = f"a body of type {kind or 'unknown'!s:.60} is not read"
                raise Problem(415, "media-type", said, where="Content-Type", expected="application/json")
            coding = request.headers.get("content-encoding", "identity")
            if coding.strip().lower() != "identity":
                said = f"a body in the coding {coding!s:.60} is not read"
                raise Problem(415, "content-coding", said, where="Content-Encoding", expected="none")
            raw = await limits.body(request, self.most)
        return Call(service, caller, request.path_params, query, request.headers, raw)

    async def _answer(self, call: Call) -> Answer:
        if self.swift is not None and len(call.raw) <= SMALL:
            answer = self.swift(call)
            if answer is not None:
                return answer
        return await anyio.to_thread.run_sync(self.handler, call, abandon_on_cancel=True)

    async def _refuse(self, service: Service, request: Request, problem: Problem) -> Response:
        path = str(request.scope["path"])
        if problem.status in (401, 403, 421, 429) or problem.is_refusal:
            name = request.scope.get(entrance.CALLER)
            await anyio.to_thread.run_sync(service.audit, name, request.method, path, problem)
        return told(request, problem)


def told(request: Request, problem: Problem) -> Response:
    """Return the response that tells a problem."""
    # Not `request.url`, which swallows line breaks and cannot be made of every Host.
    instance = request.scope.get("raw_path", b"").decode("ascii", "replace") or str(request.scope["path"])
    document = problem.document(instance, str(request.scope.get("promotion_gate.id", "")))
    return Answer(document, problem.status, problem.headers, problems.MEDIA_TYPE).response()
