"""The application: every endpoint of the table, its OpenAPI document, the work in the background."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio.to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from promotion_gate.operate.service import (
    openapi,
    routes_fis,
    routes_modules,
    routes_promotions,
    routes_system,
    routes_watch,
)
from promotion_gate.operate.service.endpoint import THREADS, Endpoint, told
from promotion_gate.operate.service.gateway import Gateway
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.service import Service

ENDPOINTS: tuple[Endpoint, ...] = (
    *routes_fis.ENDPOINTS,
    *routes_promotions.ENDPOINTS,
    *routes_modules.ENDPOINTS,
    *routes_watch.ENDPOINTS,
    *routes_system.ENDPOINTS,
)
"""Every endpoint that there is; nothing is answered but by one of them."""

LOOK_S = 1.0
"""Seconds between two looks for a new champion and for what other processes wrote."""

DUE_S = 5.0
"""Seconds between two looks for what is due."""

WATCH_S = 5.0
"""Seconds between two looks at the watches where no telemetry comes."""

GATHER_S = 0.2
"""Seconds that telemetry is waited for after some came: agents tell theirs at the same time."""

UNMATCHED = {
    404: ("no-such-address", "there is nothing at this address"),
    405: ("method", "this method is not possible here"),
}


def build(service: Service, *, in_background: bool = True) -> ASGIApp:
    """Return the ASGI application of a service; the service is closed when the application ends.

    Args:
        service: opened.
        in_background: whether time passes for it; without, its owner calls `look_around` and `do_what_is_due`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        working = []
        if in_background:
            await anyio.to_thread.run_sync(service.quietly, service.management.resume)
            working = [
                asyncio.create_task(_every(LOOK_S, service, service.look_around)),
                asyncio.create_task(_every(DUE_S, service, service.do_what_is_due)),
                asyncio.create_task(_watch(service)),
            ]
        yield
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        service.close()

    app = FastAPI(
        title="promotion-gate",
        version="1",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # see `tracing`
    )
    app.router.redirect_slashes = False
    for endpoint in ENDPOINTS:
        app.add_api_route(endpoint.path, _route(endpoint, service), methods=[endpoint.method], include_in_schema=False)
    service.description = json.dumps(openapi.document(ENDPOINTS)).encode()
    app.exception_handler(HTTPException)(_unmatched)
    return Gateway(app, service.metrics)


def _route(endpoint: Endpoint, service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        return await endpoint.answer(service, request)

    route.template = endpoint.path  # type: ignore[attr-defined]  # the gateway's name for it
    return route


async def _every(seconds: float, service: Service, work: Callable[[], object]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await anyio.to_thread.run_sync(service.quietly, work)


async def _watch(service: Service) -> None:
    """Look at the watches whenever telemetry came, at once again where a look did not get through all of it."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    def again() -> None:
        loop.call_soon_threadsafe(came.set)

    def look() -> None:
        if not service.watch():
            again()

    service.telemetry_came = again
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(came.wait(), WATCH_S)
        await asyncio.sleep(GATHER_S)
        came.clear()
        await anyio.to_thread.run_sync(service.quietly, look)


async def _unmatched(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, said = UNMATCHED.get(status, ("refused", "refused"))
    headers = {"Allow": ", ".join(_methods(request))} if status == 405 else None
    return told(request, Problem(status, code, said, expected=f"what {openapi.PATH} describes", headers=headers))


def _methods(request: Request) -> list[str]:
    """All methods of the address; the router tells those of the first route alone."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in route.methods})
