"""Which series counts what: a metric's name and labels, read by the configuration's mapping."""

import json
import re
from collections.abc import Mapping

from promotion_gate.agent.counters import Series, What
from promotion_gate.agent.settings import MetricsSettings

STARTED = "process_start_time_seconds"
"""What client libraries tell of their process: where it changed, all its counters began anew, seen to fall or not."""

BOUND = "le"


class MetricMapping:
    """Reads names and labels.

    Args:
        settings: which metrics and labels are meant.
    """

    def __init__(self, settings: MetricsSettings) -> None:
        self._settings = settings
        errors = settings.errors
        self._failed = re.compile(errors.matches) if errors and errors.matches else None
        self._latency = f"{settings.latency}_bucket" if settings.latency else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all samples that count."""
        errors = self._settings.errors.metric if self._settings.errors else None
        return tuple(name for name in (self._settings.requests, errors, self._latency) if name)

    @property
    def counts_errors(self) -> bool:
        """Whether it says what a failure is."""
        return self._settings.errors is not None

    def series(self, name: str, labels: Mapping[str, str]) -> Series | None:
        """Return what a series counts; None where it is none of ours, or names no module or no bound."""
        asked = self._settings
        module = asked.module or labels.get(asked.module_label or "")
        version = asked.version or labels.get(asked.version_label or "") or None
        bound = labels.get(BOUND) if name == self._latency else None
        if not module or name not in self.names or (name == self._latency and not _is_bound(bound)):
            return None
        own = {asked.module_label, asked.version_label, BOUND if bound else None}
        rest = {label: value for label, value in sorted(labels.items()) if label not in own}
        what = self._what(name, labels)
        return Series(module, version, what, json.dumps(rest, separators=(",", ":")) if rest else "", bound)

    def _what(self, name: str, labels: Mapping[str, str]) -> What:
        if name == self._latency:
            return "latency"
        errors = self._settings.errors
        if name != self._settings.requests:
            return "errors"
        if errors is None or self._failed is None:
            return "requests"
        return "bad" if self._failed.fullmatch(labels.get(errors.label or "", "")) else "good"


def _is_bound(text: str | None) -> bool:
    return text is not None and (
        text == "+Inf" or re.fullmatch(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text) is not None
    )
