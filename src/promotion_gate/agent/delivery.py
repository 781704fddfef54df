"""Delivery: from the spool to the service, one request at a time."""

import datetime as dt
import os
import pathlib
import threading
import time
from collections.abc import Callable

from promotion_gate.agent import answers, segment
from promotion_gate.agent.fetching import Client, FetchError
from promotion_gate.agent.settings import ServiceSettings
from promotion_gate.agent.spool import Batch, Spool
from promotion_gate.agent.status import LOGGER, Status
from promotion_gate.errors import InputError

PATH = "/v1/telemetry"
TIMEOUT_S = 30.0
LARGEST_ANSWER = 1 << 20
SERVICE = "service"


class Token:
    """The bearer token: of a variable, or of a file, which is read anew each time so that it can be replaced.

    Raises:
        InputError: it is named but not there.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._of_variable = os.environ.get(settings.token_env, "") if settings.token_env else ""
        if settings.token_env and not self._of_variable:
            raise InputError(f"service.token_env: the environment variable {settings.token_env} must hold the token")
        if settings.token_file:
            self._of_file(settings.token_file)

    def headers(self) -> dict[str, str]:
        """Return the header that shows it, none without a token. InputError where its file is not there any more."""
        told = self._of_file(self._settings.token_file) if self._settings.token_file else self._of_variable
        return {"Authorization": f"Bearer {told}"} if told else {}

    def _of_file(self, path: str) -> str:
        try:
            told = pathlib.Path(path).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise InputError(f"service.token_file: {path} cannot be read ({type(error).__name__})") from None
        if not told.isprintable() or not told:
            raise InputError(f"service.token_file: {path} must hold the token, in one line")
        return told


class Delivery:
    """Sends what waits until it is told to stop.

    Args:
        settings: where to.
        spool: of what waits.
        status: is told of all that goes wrong.
        now: the clock, seconds since 1970.
    """

    def __init__(
        self, settings: ServiceSettings, spool: Spool, status: Status, now: Callable[[], float] = time.time
    ) -> None:
        self._url = settings.url.rstrip("/") + PATH
        self._token = Token(settings)
        self._client = Client(TIMEOUT_S, LARGEST_ANSWER, settings.ca_file)
        self._spool, self._status, self._now = spool, status, now
        self._attempts = 0
        self.news = threading.Event()
        """Set when something was appended."""

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; `news` must be set with it."""
        while not stop.is_set():
            self.news.clear()
            try:
                pause = self.send()
            except Exception as error:  # ours; windows would wait for ever if this thread ended
                LOGGER.exception("delivery")
                self._status.failed(SERVICE, f"internal error: {type(error).__name__}")
                pause = answers.SLOW_S
            if pause is None:
                self.news.wait()
            elif pause > 0:
                stop.wait(pause)

    def send(self) -> float | None:
        """Send one batch; return the seconds to wait before the next, None until something new is there."""
        try:
            batch = self._spool.head()
            if batch is None:
                return None
            reply = self._told(batch)
            if reply is None or reply.verdict in ("again", "slowly"):
                self._attempts += 1
                return answers.wait(reply, self._attempts)
            self._attempts = 0
            if reply.verdict == "never":
                self._status.rejected(batch.segment, reply.why)
                self._spool.reject(batch, {"answer": reply.why, "at": _time(self._now())})
            else:
                self._spool.done(batch)
                self._status.count("delivered_windows", batch.segment.windows)
        except OSError as error:
            self._attempts += 1
            self._status.failed("spool", f"{error.strerror}; what waits is sent again")
            return answers.wait(None, self._attempts)
        return 0.0

    def _told(self, batch: Batch) -> answers.Reply | None:
        """Return the worst reply to the batch's requests, None where nobody answered."""
        latest = max(str(one["window_end"]) for one in batch.content.windows)
        reply = answers.Reply("done")
        refused = None
        for body in segment.bodies(batch.segment, batch.content):
            try:
                headers = {"Content-Type": "application/json", **self._token.headers()}
                answer = self._client.ask("POST", self._url, body, headers)
            except InputError as error:
                reply = answers.Reply("slowly", str(error))
            except FetchError as error:
                self._status.failed(SERVICE, str(error))
                return None
            else:
                reply = answers.read(answer, is_past=latest <= _time(self._now()))
            if reply.verdict in ("again", "slowly"):
                self._status.failed(SERVICE, reply.why)
                return reply
            refused = reply if reply.verdict == "never" else refused
        self._status.well(SERVICE)
        return refused or reply


def _time(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
