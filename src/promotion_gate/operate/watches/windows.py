"""Telemetry as the ledger has it -> windows as the detector takes them."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.telemetry_queries import Counted
from promotion_gate.operate.monitoring.window import REST, Key, Window

LOG = logging.getLogger(__name__)


def of_batch(told: Iterable[Mapping[str, Any]], keys: frozenset[Key]) -> Iterator[Window]:
    """Yield a batch's windows of some modules; those that tell of no requests, as a host's load, are no windows here.

    A window that the detector cannot take, as one with more errors than requests, is told in the log and left out.
    """
    for one in told:
        if (one["project"], one["module"]) in keys and not (one["requests"] is None and one["errors"] is None):
            try:
                yield Window(
                    project=one["project"],
                    module=one["module"],
                    version=one.get("version"),
                    start=unstamp(one["window_start"]),
                    end=unstamp(one["window_end"]),
                    requests=one["requests"],
                    errors=one["errors"],
                    latency_buckets=whole(one.get("latency_buckets")),
                    load=one.get("load"),
                    source=one["source"],
                )
            except InputError as error:
                LOG.warning("a window is not counted: %s", error)


def of_row(key: Key, row: Counted) -> Iterator[Window]:
    """Yield a row's window, as `of_batch`."""
    project, module = key
    named = {"project": project, "module": module, "version": row.version or None}
    buckets = None if row.latency_buckets is None else json.loads(row.latency_buckets)
    yield from of_batch([{**row._asdict(), **named, "latency_buckets": buckets}], frozenset([key]))


def whole(buckets: Mapping[str, float] | None) -> Mapping[str, float] | None:
    """Return a histogram that counts all requests; None where it does not say how many are above its last bound."""
    return buckets if buckets is not None and REST in buckets else None
