"""What a monitor hands over with a failure or a window: evidence and latency histograms; closed, bounded, immutable."""

import itertools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from promotion_gate.operate.ledger.chain import canonical
from promotion_gate.operate.ledger.payload import Words
from promotion_gate.schema import Name

MAX_EVIDENCE = 20_000
"""Characters of evidence as JSON: it becomes one cell of a raw table, and readers of CSV end at 131,072."""

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fact = Annotated[str, Field(max_length=1_000)] | bool | int | float | None


def _bounded(facts: Mapping[str, Fact]) -> Mapping[str, Fact]:
    size = len(canonical(dict(facts)))
    if size > MAX_EVIDENCE:
        raise ValueError(f"evidence has {size:,} characters as JSON, expected {MAX_EVIDENCE:,} at most")
    return MappingProxyType(dict(facts))


def _histogram(buckets: Mapping[str, float]) -> Mapping[str, float]:
    bounds = {text: math.inf if text == "+Inf" else float(text) for text in buckets}
    for text, bound in bounds.items():
        if bound <= 0 or (math.isinf(bound) and text != "+Inf"):
            raise ValueError(f"the bound {text} is neither a positive finite number of seconds nor +Inf")
    ordered = sorted(bounds, key=bounds.__getitem__)
    for lower, upper in itertools.pairwise(ordered):
        if bounds[lower] == bounds[upper]:
            raise ValueError(f"{lower} and {upper} are one bound")
        if buckets[lower] > buckets[upper]:
            raise ValueError(
                f"counts are cumulative: {buckets[lower]:g} up to {lower} s, but {buckets[upper]:g} up to {upper} s"
            )
    return MappingProxyType(dict(buckets))


Evidence = (
    Words
    | Annotated[
        Mapping[Name, Fact],
        Field(min_length=1, max_length=50),
        AfterValidator(_bounded),
        PlainSerializer(dict),
    ]
)
"""What a source saw of a failure: words, or names with a text, number, truth value or nothing each."""

LatencyBuckets = Annotated[
    Mapping[Annotated[str, Field(max_length=30, pattern=r"^(\+Inf|[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)$")], Amount],
    Field(min_length=1, max_length=64),
    AfterValidator(_histogram),
    PlainSerializer(dict),
]
"""Requests of a window by upper bound of their latency in seconds, cumulative, as a Prometheus histogram tells them
(OpenMetrics 1.0, 5.3.4): {"0.1": 40, "0.25": 45, "+Inf": 50}. Counts of the window alone, not since a process began.
"""
