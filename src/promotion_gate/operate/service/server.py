"""uvicorn, set up to be reached by strangers: bounded heads and waits, no server header, our logs, a graceful end."""

import functools
import pathlib
import socket
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import database
from promotion_gate.operate.service import logs, tracing
from promotion_gate.operate.service.app import build
from promotion_gate.operate.service.connection import Connection
from promotion_gate.operate.service.service import Service
from promotion_gate.operate.service.settings import Settings, check_host

KEEP_ALIVE_S = 15
GRACE_S = 20
"""Seconds that requests under way are given when the service is told to end."""

WORKER_S = 60
"""Seconds without a sign of life after which a worker is replaced; a start on a busy machine takes many."""

MAX_HEAD = 32 << 10
MAX_CONNECTIONS = 1_000


@dataclass(frozen=True)
class Address:
    """Where it listens, and the files of its TLS."""

    host: str
    port: int
    tls_cert: pathlib.Path | None = None
    tls_key: pathlib.Path | None = None


def serve(settings: Settings, address: Address, workers: int = 1) -> None:
    """Serve until a signal ends it.

    Raises:
        InputError: without tokens on an address that others reach; TLS by half; several processes on SQLite; traces as
            `tracing.is_wanted`.
        PromotionGateError: as `Service`.
    """
    check_host(address.host, settings.no_auth)
    if (address.tls_cert is None) != (address.tls_key is None):
        raise InputError("--tls-cert and --tls-key go together")
    for file in (address.tls_cert, address.tls_key):
        if file is not None and not file.is_file():
            raise InputError(f"{file}: no such file, expected PEM")
    logs.start()
    tracing.is_wanted()  # what is wrong with that is said before anything is opened
    if workers > 1:
        _serve_by_several(settings, address, workers)
        return
    server = uvicorn.Server(_config(tracing.traced(build(Service(settings))), address))
    server.run()


def app_of(settings: Settings) -> ASGIApp:
    """Return the application of one process of several."""
    logs.start()
    return tracing.traced(build(Service(settings)))


def _serve_by_several(settings: Settings, address: Address, workers: int) -> None:
    if database.is_sqlite(database.parsed(settings.database)):
        raise InputError("--workers is for PostgreSQL: an SQLite ledger has one process")
    config = _config(functools.partial(app_of, settings), address, workers=workers)
    config.factory = True
    listening = config.bind_socket()
    # asyncio does this for the sockets that it opens itself; without, an answer's body waits 40 ms for its head's
    # acknowledgement. What is accepted inherits it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    Multiprocess(config, sockets=[listening]).run()


def _config(app: object, address: Address, workers: int | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=address.host,
        port=address.port,
        http=Connection,
        ws="none",
        lifespan="on",
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who is behind a proxy is known by the token; addresses that clients claim are not
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=WORKER_S,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD,
        ssl_certfile=address.tls_cert,
        ssl_keyfile=address.tls_key,
    )
