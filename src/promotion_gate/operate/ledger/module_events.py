"""What happens to modules: failures, scores, and what the monitoring saw. One closed model for each kind of event."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator

from promotion_gate.operate.ledger.observed import Amount, Evidence, LatencyBuckets
from promotion_gate.operate.ledger.payload import Key, Payload, Time
from promotion_gate.schema import FISResult, Name, Share

T = TypeVar("T")
Severity = Literal["low", "medium", "high", "critical"]


def _untold(value: Any) -> bool:
    return value is None


SinceLedger4 = Annotated[T | None, Field(exclude_if=_untold)]
"""Not written where nothing is told: the text and the digest of an event of before ledger_0004 stay what they were."""


class Failure(Payload):
    """A production failure; (project, source, failure_id, module) name it. `version` is the one that failed.

    `evidence` is what the source saw; it is part of what was told, like the severity.
    """

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
    evidence: SinceLedger4[Evidence] = None


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
    """What was seen of a module, or of one `version` of it, from `window_start` to `window_end`.

    `version` None: it is not known which, or all that ran. `latency_buckets`: see `observed.LatencyBuckets`.
    """

    project: Name
    module: Name
    window_start: Time
    window_end: Time
    requests: Amount | None = None
    errors: Amount | None = None
    latency_p95_s: Amount | None = None
    cpu_seconds: Amount | None = None
    load: Share | None = None
    version: SinceLedger4[Name] = None
    latency_buckets: SinceLedger4[LatencyBuckets] = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "Window":
        if self.window_end <= self.window_start:
            raise ValueError("window_end must be after window_start")
        return self


class Telemetry(Payload):
    """A batch of windows; (source, batch_id) name it.

    A window of a version that is told again replaces what was told before.
    """

    kind: ClassVar[str] = "telemetry-recorded"
    source: Key
    batch_id: Key
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=10_000)]
