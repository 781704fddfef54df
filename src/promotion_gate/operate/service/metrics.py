"""What Prometheus is told, of this process."""

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from promotion_gate.operate.monitoring.verdict import Standing

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Metrics:
    """Counters of one service; names of modules and callers are no labels: there may be any number of them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "promotion_gate_requests", "Requests answered", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "promotion_gate_request_seconds", "Time to answer", ("route",), buckets=BUCKETS, registry=registry
        )
        self._refused = Counter("promotion_gate_refused", "Calls refused", ("reason",), registry=registry)
        self._decisions = Counter("promotion_gate_decisions", "Decisions", ("status", "kind"), registry=registry)
        self._reloads = Counter("promotion_gate_model_reloads", "Models tried", ("outcome",), registry=registry)
        self._failed_ticks = Counter("promotion_gate_tick_failures", "Ticks that failed", registry=registry)
        self._watches = Gauge("promotion_gate_watches", "Promotions under watch", ("state",), registry=registry)
        self.watched(())
        self._ready = Gauge("promotion_gate_ready", "1: a model answers and the ledger is there", registry=registry)
        self._model = Gauge("promotion_gate_model", "The live model", ("version",), registry=registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a call that was not let in."""
        self._refused.labels(reason).inc()

    def decided(self, status: str, kind: str) -> None:
        """Count a decision."""
        self._decisions.labels(status, kind).inc()

    def model_tried(self, outcome: str) -> None:
        """Count a model that went live or was refused."""
        self._reloads.labels(outcome).inc()

    def tick_failed(self) -> None:
        """Count a tick that did not do its work."""
        self._failed_ticks.inc()

    def watched(self, states: Iterable[str]) -> None:
        """Take what each watch says now."""
        found = list(states)
        for state in get_args(Standing):
            self._watches.labels(state).set(found.count(state))

    def text(self, ready: bool, version: str | None) -> bytes:
        """Return Prometheus' text format."""
        self._ready.set(ready)
        self._model.clear()
        if version is not None:
            self._model.labels(version).set(1)
        return generate_latest(self._registry)
