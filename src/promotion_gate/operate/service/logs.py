"""Logs: a JSON object a line on stderr. JSON's own escapes keep a name with a line break from making a line."""

import datetime as dt
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

LOGGER = "promotion_gate"
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """A record as one JSON object: at, level, logger, message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told.update((name, value) for name, value in vars(record).items() if name not in _PLAIN)
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def start() -> None:
    """Send the logs of the service, of uvicorn and of OpenTelemetry to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in (LOGGER, "uvicorn", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)


def add_to_lines(fill: Callable[[logging.LogRecord], bool]) -> None:
    """Have each record filled in before it becomes a line, in the thread that it comes from."""
    for handler in logging.getLogger(LOGGER).handlers:
        handler.addFilter(fill)
