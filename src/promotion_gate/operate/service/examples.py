"""A request of each kind, for the OpenAPI document."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from promotion_gate.operate.service.wire import (
    FailureReport,
    Load,
    Modules,
    Override,
    Release,
    Review,
    TelemetryBatch,
    WithReason,
)
from promotion_gate.schema import ModuleData, PromotionRequest

MODULE = {"project": "shop", "module": "shop/dates.py"}
OTHER = {"project": "shop", "module": "shop/cart.py", "version": "2.1"}
LINES = {
    "unit": {"lines_covered": 90, "lines_total": 100, "version": "2.1"},
    "aggregate": {"lines_covered": 95, "lines_total": 100, "version": "2.1"},
}
BEGAN, ENDED = "2026-01-31T08:00:00Z", "2026-01-31T08:05:00Z"
WINDOW = {**MODULE, "window_start": BEGAN, "window_end": ENDED, "requests": 1200, "errors": 3, "load": 0.4}

OF: Mapping[type[BaseModel], Any] = MappingProxyType(
    {
        ModuleData: {**MODULE, "criticality": 0.2},
        Modules: {"modules": [MODULE, OTHER]},
        Load: {**MODULE, "load": 0.7},
        TelemetryBatch: {"source": "agent-1", "batch_id": "2026-01-31T08:05", "windows": [WINDOW]},
        PromotionRequest: {"module": OTHER, "level": "production", "coverage": LINES},
        Review: {"verdict": "approve", "reason": "the failing path has a test now"},
        Override: {"reason": "the shop is closed until it is out", "until": "2027-01-31T09:00:00Z"},
        WithReason: {"reason": "a newer version is ready"},
        FailureReport: {
            **MODULE,
            "source": "pager",
            "failure_id": "4711",
            "severity": "high",
            "occurred_at": BEGAN,
            "version": "2.0",
        },
        Release: {"promotions": [{"module": MODULE, "coverage": 0.9}, {"module": OTHER, "coverage": 0.95}]},
    }
)
"""One for each kind of body."""
