"""The agent put together: from its configuration to two threads, until a signal ends it."""

import pathlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from promotion_gate.agent.agent import Agent, Source, source
from promotion_gate.agent.delivery import TIMEOUT_S, Delivery, Token
from promotion_gate.agent.settings import AgentSettings
from promotion_gate.agent.spool import Spool
from promotion_gate.agent.status import LOGGER, Status
from promotion_gate.operate.service import logs

SCRAPE = 0.5
"""Share of a window that an answer may take."""


def run(settings: AgentSettings) -> None:
    """Collect and deliver until SIGINT or SIGTERM.

    Raises:
        InputError: another agent has the spool, it cannot be used, or the token is not there.
    """
    logs.start()
    folder = pathlib.Path(settings.spool.folder)
    stop = threading.Event()
    status = Status(folder, time.time)
    spool = Spool(folder, settings.spool.max_bytes, status.dropped)
    with spool.opened():
        delivery = Delivery(settings.service, spool, status)
        agent = Agent(
            settings.source, settings.window_seconds, list(sources(settings)), spool, status, delivery.news.set
        )
        _until_signal(stop, delivery.news)
        sender = threading.Thread(target=delivery.run, args=(stop,), name="delivery", daemon=True)
        sender.start()
        LOGGER.info("agent %s: windows of %d s to %s", settings.source, settings.window_seconds, settings.service.url)
        agent.run(stop)
        delivery.news.set()
        sender.join(TIMEOUT_S)


def check(settings: AgentSettings) -> None:
    """Raise InputError where the token is not there."""
    Token(settings.service)


def sources(settings: AgentSettings) -> Iterator[Source]:
    """Yield what the configuration says to look at; of the collectors, those alone are imported."""
    seconds = SCRAPE * settings.window_seconds
    if settings.host is not None:
        from promotion_gate.agent.host import HostCollector

        yield source(HostCollector(settings.host), settings.host.model_dump_json())
    if settings.prometheus_text:
        from promotion_gate.agent.prometheus_text import TextCollector

        for text in settings.prometheus_text:
            yield source(TextCollector(text, seconds), text.model_dump_json())
    if settings.prometheus_server:
        from promotion_gate.agent.prometheus_server import ServerCollector

        for server in settings.prometheus_server:
            yield source(ServerCollector(server, seconds), server.model_dump_json())
    if settings.logs:
        from promotion_gate.agent.logs import LogCollector

        for log in settings.logs:
            yield source(LogCollector(log), log.model_dump_json())


def _until_signal(stop: threading.Event, news: threading.Event) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        news.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
