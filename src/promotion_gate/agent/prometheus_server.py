"""Collector of a Prometheus server: its HTTP API /api/v1/query.

Raw samples are asked for, not `rate` or `increase`: those extrapolate to the ends of their range, and where the server
missed a scrape they tell numbers that nobody counted. The differences are taken here.
"""

import json
import urllib.parse
from typing import Any

from promotion_gate.agent.collector import Collected, CollectError, State
from promotion_gate.agent.counters import put
from promotion_gate.agent.fetching import Client, FetchError, line
from promotion_gate.agent.mapping import STARTED, MetricMapping
from promotion_gate.agent.settings import ServerSettings
from promotion_gate.agent.spans import Span
from promotion_gate.agent.targets import Look, told

LARGEST = 64 << 20
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TARGET = ("job", "instance")
"""The labels that a server gives to a target."""

Sample = tuple[float, float]
"""Time and value."""


class ServerCollector:
    """Asks for the newest samples at the end of a window, of the last two windows' time.

    Where a target was not scraped since the last look, or is not there, nothing is told of it, and its next window is
    wider.
    """

    def __init__(self, settings: ServerSettings, seconds: float) -> None:
        self.name = f"prometheus-server {settings.url}"
        self._settings = settings
        self._mapping = MetricMapping(settings)
        self._client = Client(seconds, LARGEST)

    def collect(self, span: Span, state: State) -> Collected:
        """Ask, and tell what was counted since the last time; as `Collector.collect`."""
        looks = self._looks(self._asked(span))
        if not any(look.counts for look in looks.values()) and not any(past["counts"] for past in state.values()):
            raise CollectError(f"knows none of {', '.join(self._mapping.names)}; see selector")
        return told(self._settings.project, span, state, looks, self._mapping.counts_errors)

    def query(self, span: Span) -> str:
        """Return the question in PromQL."""
        names = "|".join((*self._mapping.names, STARTED))
        within = f",{self._settings.selector}" if self._settings.selector else ""
        return f'{{__name__=~"{names}"{within}}}[{2 * (span.end - span.start)}s]'

    def _asked(self, span: Span) -> list[dict[str, Any]]:
        form = urllib.parse.urlencode({"query": self.query(span), "time": span.end})
        try:
            answer = self._client.ask("POST", f"{self._settings.url.rstrip('/')}/api/v1/query", form.encode(), FORM)
        except FetchError as error:
            raise CollectError(str(error)) from None
        try:
            read = json.loads(answer.body)
            if answer.code != 200 or read["status"] != "success" or read["data"]["resultType"] != "matrix":
                raise CollectError(f"answered {answer.code}: {line(read.get('error', 'no matrix'))}")
            result: list[dict[str, Any]] = read["data"]["result"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise CollectError(f"answered {answer.code}, but not as Prometheus' HTTP API does") from None
        return result

    def _looks(self, result: list[dict[str, Any]]) -> dict[str, Look]:
        targets: dict[str, list[tuple[dict[str, str], Sample]]] = {}
        try:
            for one in result:
                labels = dict(one["metric"])
                at, value = one["values"][-1]
                target = json.dumps([labels.pop(name, "") for name in TARGET])
                targets.setdefault(target, []).append((labels, (float(at), float(value))))
        except (ValueError, LookupError, TypeError):
            raise CollectError("the answer's result is no matrix as Prometheus' HTTP API has it") from None
        looks = {name: self._look(samples) for name, samples in targets.items()}
        return {name: look for name, look in looks.items() if look.counts or look.started is not None}

    def _look(self, samples: list[tuple[dict[str, str], Sample]]) -> Look:
        newest = max(at for _, (at, _) in samples)
        look = Look(
            {}, next((value for labels, (_, value) in samples if labels.get("__name__") == STARTED), None), newest
        )
        for labels, (at, value) in samples:
            series = self._mapping.series(labels.pop("__name__", ""), labels)
            if series is not None and at == newest:  # an older one is gone from the target
                put(look.counts, series, value)
        return look
