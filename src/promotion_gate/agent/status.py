"""What the agent did and does: counted, logged where it changes, and written as `status.json` beside the spool."""

import datetime as dt
import json
import logging
import pathlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from promotion_gate.agent.segment import Segment
from promotion_gate.operate.deployers import durable

FILE = "status.json"
LOGGER = logging.getLogger("promotion_gate.agent")
_TOTALS = (
    "delivered_windows",
    "dropped_windows",
    "dropped_batches",
    "rejected_windows",
    "rejected_batches",
    "clock_jumps",
)


class Status:
    """Safe for several threads. What failed is logged when it begins, when its reason changes, and when it ends.

    Args:
        folder: of the spool. Totals go on from those of the agent before.
        now: the clock, seconds since 1970.
    """

    def __init__(self, folder: pathlib.Path, now: Callable[[], float]) -> None:
        self._path, self._now = folder / FILE, now
        self._turn = threading.Lock()
        self._totals = Counter(_known(self._path))
        self._troubles: dict[str, tuple[str, float]] = {}
        self._failures: Counter[str] = Counter()
        self._dropped_untold = 0

    def count(self, what: str, by: int = 1) -> None:
        """Add to a total."""
        with self._turn:
            self._totals[what] += by

    def dropped(self, one: Segment, why: str) -> None:
        """Say that windows are lost."""
        with self._turn:
            self._totals["dropped_windows"] += one.windows
            self._totals["dropped_batches"] += 1
            self._dropped_untold += one.windows
        LOGGER.error("dropped %d windows: %s", one.windows, why, extra={"batch": one.name})

    def rejected(self, one: Segment, why: str) -> None:
        """Say that the service will never take a batch."""
        with self._turn:
            self._totals["rejected_windows"] += one.windows
            self._totals["rejected_batches"] += 1
        LOGGER.error("set aside %d windows: %s", one.windows, why, extra={"batch": one.name})

    def failed(self, what: str, why: str) -> None:
        """Say that a collector, the service or the disk does not do its part."""
        with self._turn:
            self._failures[what] += 1
            known = self._troubles.get(what)
            if known is not None and known[0] == why:
                return
            self._troubles[what] = why, self._now() if known is None else known[1]
        LOGGER.warning("%s: %s", what, why)

    def well(self, what: str) -> None:
        """Say that it does again; of the service also what was lost meanwhile."""
        with self._turn:
            ended = self._troubles.pop(what, None)
            lost, self._dropped_untold = (self._dropped_untold, 0) if what == "service" else (0, self._dropped_untold)
        if ended is not None:
            LOGGER.info("%s: well again after %.0f s", what, self._now() - ended[1])
        if lost:
            LOGGER.error("service: back, but %d windows were dropped meanwhile and will never come", lost)

    def passed_over(self, what: str, counts: Mapping[str, int]) -> None:
        """Count what a collector could not use; say so the first time, and when there are about twice as many."""
        for reason, count in counts.items():
            with self._turn:
                before = self._totals[f"{what}: {reason}"]
                after = self._totals[f"{what}: {reason}"] = before + count
            if after.bit_length() > before.bit_length():
                LOGGER.warning("%s: passed over %d by now: %s", what, after, reason)

    def write(self, told: Mapping[str, Any]) -> None:
        """Write the file; where the disk takes nothing it stays as it was."""
        with self._turn:
            content = {
                "at": dt.datetime.fromtimestamp(self._now(), dt.UTC).isoformat(timespec="seconds"),
                **told,
                "troubles": {
                    what: {"why": why, "since": dt.datetime.fromtimestamp(since, dt.UTC).isoformat(timespec="seconds")}
                    for what, (why, since) in self._troubles.items()
                },
                "failures": dict(self._failures),
                "totals": {**dict.fromkeys(_TOTALS, 0), **self._totals},
            }
        try:
            durable.write(self._path, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            LOGGER.debug("%s: %s", self._path, error.strerror)


def _known(path: pathlib.Path) -> dict[str, int]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))["totals"]
        return {str(name): int(count) for name, count in read.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
