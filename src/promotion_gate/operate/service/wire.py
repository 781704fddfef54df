"""What crosses the wire beside the public types: closed, typed, strict about numbers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from promotion_gate.operate.ledger.module_events import Severity, Window
from promotion_gate.operate.ledger.observed import Evidence
from promotion_gate.operate.ledger.payload import Key, Time, Words
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.monitoring.verdict import Standing
from promotion_gate.schema import Decision, FISResult, ModuleData, Name, PromotionRequest, Share

MAX_BATCH = 10_000
MAX_RELEASE = 1_000
"""Modules of one release: they are decided on in one transaction, for which all other writers wait."""


class Closed(BaseModel):
    """No unknown key: a misspelt one would be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Modules(Closed):
    """Modules to be scored."""

    modules: Annotated[tuple[ModuleData, ...], Field(max_length=MAX_BATCH)]


class Results(Closed):
    """Scores, in the order of the modules; of one that cannot be scored a problem in its place."""

    results: list[FISResult | dict[str, Any]]


class Load(Closed):
    """How loaded a module is now, as a share of what it can take."""

    project: Name
    module: Name
    load: Share
    at: Time | None = None


class TelemetryBatch(Closed):
    """What an agent saw; (source, batch_id) name it: told again, nothing happens."""

    source: Key
    batch_id: Key
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=MAX_BATCH)]


class Recorded(Closed):
    """Whether anything was new."""

    recorded: bool


class Review(Closed):
    """A reviewer's word. `by` is read only where there are no tokens: else the token says who."""

    verdict: Literal["approve", "refuse"]
    reason: Words
    by: Name | None = None


class Override(Closed):
    """To promote against the verdict; with `failure_id` and its `source` as the fix of an open critical failure."""

    reason: Words
    until: Time
    failure_id: Key | None = None
    source: Key | None = None
    by: Name | None = None


class WithReason(Closed):
    """Why."""

    reason: Words
    by: Name | None = None


class FailureReport(Closed):
    """A production failure; (source, failure_id) is the source's own name for it: told again, it is the same one."""

    source: Key
    failure_id: Key
    project: Name
    module: Name
    severity: Severity
    occurred_at: Time
    resolved_at: Time | None = None
    version: Name | None = None
    level: Name | None = None
    evidence: Evidence | None = None


class FailureAnswer(Closed):
    """What was done about a failure."""

    answer: Literal["opened", "attached", "recorded"]
    rollback: str | None
    code: str
    message: str


class Release(Closed):
    """Modules that go together."""

    promotions: Annotated[tuple[PromotionRequest, ...], Field(min_length=1, max_length=MAX_RELEASE)]
    atomic: Annotated[bool, Field(strict=True)] = False


class PlaceOfRelease(Closed):
    """A module's place in a release, in the order of promotion."""

    step: int
    promoted: bool
    held_by: list[dict[str, str]]
    decision: Decision


class ReleaseAnswer(Closed):
    """The release, dependencies first."""

    atomic: bool
    modules: list[PlaceOfRelease]


class PromotionState(Closed):
    """A promotion as it stands; times are UTC."""

    id: str
    revision: int
    project: str
    module: str
    level: str
    version: str | None
    requester: str
    requested_at: str
    state: State
    updated_at: str
    due_at: str | None
    kind: str | None
    status: str | None
    fis: float | None
    base_coverage: float | None
    required_coverage: float | None
    coverage: float | None
    model_version: str | None
    policy_version: str | None
    decided_at: str | None
    reviewers_needed: int | None
    deployed_at: str | None
    watch_until: str | None
    restores: str | None


class PromotionDetail(PromotionState):
    """With the last decision in full, and who has reviewed it."""

    decision: Decision
    reviewers: list[str]


class Page(Closed):
    """The latest first; `next` is the `cursor` of the next page, None on the last."""

    promotions: list[PromotionState]
    next: str | None


class Listing(Closed):
    """Filters of the listing."""

    project: Name | None = None
    module: Name | None = None
    level: Name | None = None
    state: State | None = None
    cursor: Annotated[str | None, Field(pattern=r"^[0-9]{1,18}$")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class OfProject(Closed):
    """Whose module is meant; needed where the model knows several projects."""

    project: Name | None = None


class WatchView(Closed):
    """A promotion under watch; docs/monitoring.md says what the states mean.

    `since` to `until` is watched. `e_value` reaches `threshold` where it is degraded; `effect` is the share of requests
    that fail, or are slow, in addition. `worse_since`, `seen_until`: since when it seems worse, and until when it was
    seen. `controls`: modules beside it. `is_behind`: telemetry has arrived that does not count yet. `is_told`: its
    failure is in the ledger.
    """

    promotion: str
    project: str
    module: str
    level: str
    version: str | None
    stable: str | None
    since: str
    until: str
    state: Standing
    reason: str
    severity: str | None
    e_value: float
    threshold: float
    effect: float
    counts: dict[str, float]
    worse_since: str | None
    seen_until: str | None
    controls: int
    is_behind: bool
    is_told: bool


class WatchList(Closed):
    """The oldest promotion first."""

    watches: list[WatchView]


class ModuleView(Closed):
    """What is known of a module: its score now and before, what past promotions left, what runs."""

    project: str
    module: str
    known_to_model: bool
    fis: FISResult | None
    load: float | None
    surcharge: float
    stable: dict[str, dict[str, str | None]]
    versions: list[dict[str, str | None]]
    history: list[dict[str, Any]]
    failures: list[dict[str, Any]]


class Health(Closed):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Closed):
    """Whether requests can be answered; `detail` says what is not as it should be, ready or not."""

    ready: bool
    model_version: str | None
    detail: list[str]


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    where: str | None = None
    expected: str | None = None
    request_id: str
