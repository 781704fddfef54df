"""Collector of structured logs: JSON lines, each a request of a module, failed by its level."""

import dataclasses
import json
import math
import pathlib
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from promotion_gate.agent import tail
from promotion_gate.agent.collector import Collected, CollectError, State
from promotion_gate.agent.settings import LogSettings
from promotion_gate.agent.spans import Span
from promotion_gate.agent.windows import REST, Window

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds, those of Prometheus' client libraries."""

UNREADABLE = "lines that are no JSON object with the fields of the mapping"
LOST = "files that went before they were read, and lines too long"


@dataclass
class _Seen:
    """What was read of a version: lines, those of them that failed, durations by bucket."""

    requests: int = 0
    errors: int = 0
    durations: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def buckets(self) -> dict[str, float]:
        """Return the cumulative histogram."""
        total, found = 0, {}
        for bound, count in zip((*map(str, BOUNDS), REST), self.durations, strict=True):
            total += count
            found[bound] = float(total)
        return found


class LogCollector:
    """Reads on in a file; the first look only finds its end."""

    def __init__(self, settings: LogSettings) -> None:
        self.name = f"logs {settings.path}"
        self._settings = settings
        self._path = pathlib.Path(settings.path)
        self._failed = frozenset(level.lower() for level in settings.error_levels)

    def collect(self, span: Span, state: State) -> Collected:
        """Read, and tell what was logged since the last time; as `Collector.collect`.

        A version of which lines were seen in the last window has none in this one, and that is told: the file was read.
        """
        since = span.since(state.get("at"))
        try:
            if since is None:
                place = tail.end(self._path)
                return Collected([], self._state(span, place, []), {LOST: 1} if state.get("place") else {})
            before = state["place"]
            found = tail.read(self._path, None if before is None else tail.Place(**before))
        except OSError as error:
            raise CollectError(f"cannot be read: {error.strerror}") from None
        seen: dict[tuple[str, str | None], _Seen] = {
            (module, version): _Seen() for module, version in state["versions"]
        }
        unreadable = sum(not self._count(seen, one) for one in found.lines)
        windows = [self._window(since, *key, one) for key, one in seen.items()]
        active = [key for key, one in seen.items() if one.requests]
        passed_over = Counter({UNREADABLE: unreadable, LOST: found.lost})
        return Collected(windows, self._state(span, found.place, active), +passed_over)

    def _state(self, span: Span, place: tail.Place | None, versions: list[tuple[str, str | None]]) -> State:
        kept = None if place is None else dataclasses.asdict(place)
        return {"at": span.end, "place": kept, "versions": [list(one) for one in versions]}

    def _count(self, seen: dict[tuple[str, str | None], _Seen], text: bytes) -> bool:
        """Count a line; tell whether it could be read."""
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            return False
        asked = self._settings
        if not isinstance(read, dict):
            return False
        module = asked.module or _text(read.get(asked.module_field))
        version = asked.version or _text(read.get(asked.version_field))
        level = _text(read.get(asked.level_field))
        if not module or not level:
            return False
        one = seen.setdefault((module, version), _Seen())
        one.requests += 1
        one.errors += level.lower() in self._failed
        duration = read.get(asked.duration_field) if asked.duration_field else None
        if isinstance(duration, int | float) and math.isfinite(duration) and duration >= 0:
            one.durations[bisect_left(BOUNDS, duration / asked.durations_per_second)] += 1
        return True

    def _window(self, span: Span, module: str, version: str | None, seen: _Seen) -> Window:
        buckets = seen.buckets() if self._settings.duration_field else None
        counts = float(seen.requests), float(seen.errors), buckets
        return Window(self._settings.project, module, version, span.start, span.end, *counts)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
