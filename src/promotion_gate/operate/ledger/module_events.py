"""What happens to modules: failures, scores, and what the monitoring saw. One closed model for each kind of event."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from promotion_gate.operate.ledger.payload import Key, Payload, Time
from promotion_gate.schema import FISResult, Name, Share

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Severity = Literal["low", "medium", "high", "critical"]


class Failure(Payload):
    """A production failure; (project, source, failure_id, module) name it. `version` is the one that failed."""

    kind: ClassVar[str] = "failure-recorded"
    source: Key
    failure_id: Key
    project: Name
    module: Name
    severity: Severity
    occurred_at: Time
    resolved_at: Time | None = None
    version: Name | None = None
    promotion: Key | None = None


class FailureResolved(Payload):
    """It became known which module failed, or the failure ended, as the source uses the word."""

    kind: ClassVar[str] = "failure-resolved"
    source: Key
    failure_id: Key
    project: Name
    module: Name
    resolved_at: Time


class Scored(Payload):
    """A module was scored outside a promotion, as after a failure."""

    kind: ClassVar[str] = "module-scored"
    result: FISResult
    version: Name | None = None


class Window(Payload):
    """A row of the table `telemetry`: what was seen of a module from `window_start` to `window_end`."""

    project: Name
    module: Name
    window_start: Time
    window_end: Time
    requests: Amount | None = None
    errors: Amount | None = None
    latency_p95_s: Amount | None = None
    cpu_seconds: Amount | None = None
    load: Share | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "Window":
        if self.window_end <= self.window_start:
            raise ValueError("window_end must be after window_start")
        return self


class Telemetry(Payload):
    """A batch of windows; (source, batch_id) name it. A window that is told again replaces what was told before."""

    kind: ClassVar[str] = "telemetry-recorded"
    source: Key
    batch_id: Key
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=10_000)]
