"""The fixed contracts: severity levels, the seven raw tables, and the public types that cross the wire.

Shares are 0 to 1 everywhere, times are UTC. The types are immutable, read and write JSON (`model_validate_json`,
`model_dump_json`), refuse NaN and infinities, and carry unknown keys along: other programs may add their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

LEVELS = ("negligible", "low", "medium", "high", "critical")
"""Severity levels, mildest first. Negligible means: no failure in the window."""

AGGREGATE = "aggregate"
"""The coverage suite that is the union of the lines which all suites covered."""

Kind = Literal["text", "time", "severity", "count", "amount", "share", "any"]


@dataclass(frozen=True)
class TableContract:
    """Columns of a raw table: what kind each holds, which may be empty, and which together name a row.

    Kinds: text (not empty), time (ISO 8601, UTC), severity (one of `LEVELS` but negligible), count (whole, >= 0),
    amount (finite, >= 0), share (0 to 1). `numeric_rest` says that every further column must hold finite numbers or
    be empty if any of its values is a number (the metrics of `modules`); other further columns are carried along.
    """

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    nullable: tuple[str, ...] = ()
    optional: bool = False
    numeric_rest: bool = False


CONTRACTS: Mapping[str, TableContract] = MappingProxyType(
    {
        contract.name: contract
        for contract in (
            TableContract(
                "releases",
                {"project": "text", "release": "text", "released_at": "time"},
                key=("project", "release"),
            ),
            TableContract(
                "modules",
                {"project": "text", "release": "text", "module": "text"},
                key=("project", "release", "module"),
                numeric_rest=True,
            ),
            TableContract(
                "failures",
                {
                    "failure_id": "text",
                    "project": "text",
                    "module": "text",
                    "severity": "severity",
                    "occurred_at": "time",
                    "resolved_at": "time",
                },
                key=("project", "failure_id", "module"),
                nullable=("resolved_at",),
            ),
            TableContract(
                "dependencies",
                {"project": "text", "release": "text", "module": "text", "depends_on": "text"},
                key=("project", "release", "module", "depends_on"),
            ),
            TableContract(
                "criticality",
                {"project": "text", "module": "text", "criticality": "share"},
                key=("project", "module"),
                optional=True,
            ),
            TableContract(
                "telemetry",
                {
                    "project": "text",
                    "module": "text",
                    "window_start": "time",
                    "window_end": "time",
                    "requests": "amount",
                    "errors": "amount",
                    "latency_p95_s": "amount",
                    "cpu_seconds": "amount",
                    "load": "share",
                },
                key=("project", "module", "window_start", "window_end"),
                nullable=("requests", "errors", "latency_p95_s", "cpu_seconds", "load"),
                optional=True,
            ),
            TableContract(
                "coverage",
                {
                    "project": "text",
                    "release": "text",
                    "module": "text",
                    "suite": "text",
                    "lines_covered": "count",
                    "lines_total": "count",
                },
                key=("project", "release", "module", "suite"),
                optional=True,
            ),
        )
    }
)

# Strict: without it `"coverage": true` and `"coverage": "1"` would be full coverage.
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Line = Annotated[int, Field(ge=0, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f]+$")]

T = TypeVar("T")
FrozenMapping = Annotated[
    Mapping[Name, T],
    AfterValidator(lambda mapping: MappingProxyType(dict(mapping))),
    PlainSerializer(lambda mapping: dict(mapping), return_type=dict[str, Any]),
]


class WireType(BaseModel):
    """What the public types share: immutable, strict about numbers, open to further keys."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, protected_namespaces=())


class ModuleData(WireType):
    """A module and what is known of it.

    Without `metrics` the data set's own figures of the module are meant. `criticality` (share, 0 to 1) overrides the
    decreed or inferred one. `category` chooses the policy's threshold (front-end, shared, legacy, critical).
    `dependencies` name the modules that it depends on. `version` is compared with that of coverage reports.
    """

    project: Name
    module: Name
    version: Name | None = None
    category: Name | None = None
    dependencies: tuple[Name, ...] | None = None
    criticality: Share | None = None
    metrics: FrozenMapping[Number] | None = None


class Reason(WireType):
    """A machine-readable code (kebab-case), one plain sentence, and the size of the effect where there is one."""

    code: Name
    message: str
    effect: Number | None = None


class Explanation(WireType):
    """What a score is made of, in units of the score: parts that add up to it within 1e-6.

    The parts are `base`, what modules have on average; what the module's size, churn, history, coupling, criticality,
    load and age add to it or take from it; and, of `fis`, what the lifts by criticality and load add to its impact
    (`criticality-gain`, `load-gain`). `expected_severity` holds its own total as `value`: the mean weight of the
    severities, 0 to 1, without tail and lifts; the total of `fis` is the score.
    """

    fis: FrozenMapping[Number]
    expected_severity: FrozenMapping[Number]


class Counterfactual(WireType):
    """What the score would be if the team changed the module: the model's view, no promise of cause."""

    code: Name
    message: str
    fis: Share


class FISResult(WireType):
    """The Failure Impact Score of a module, 0 (harmless) to 1, with what it was made from.

    `probabilities` holds the probability of each of `LEVELS` as the worst severity within the model's horizon; they sum
    to 1. `severity` is the predicted level. `interval` bounds the score, None where the model gives none. `reasons`
    hold what moved the score by .0005 or more, largest first, the effect in units of the score, positive where it
    raises it; then what else is to be said. `explanation` holds all parts of the score, None where another program made
    it and tells none; `counterfactuals` what the score would be after changes that are in a team's hands.
    """

    project: Name
    module: Name
    fis: Share
    severity: Literal["negligible", "low", "medium", "high", "critical"]
    probabilities: FrozenMapping[Share]
    interval: tuple[Share, Share] | None = None
    reasons: tuple[Reason, ...] = ()
    explanation: Explanation | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    model_version: str
    data_hash: str

    @model_validator(mode="after")
    def _probabilities_are_a_distribution(self) -> "FISResult":
        if set(self.probabilities) != set(LEVELS):
            raise ValueError(f"probabilities must name exactly {', '.join(LEVELS)}")
        if abs(sum(self.probabilities.values()) - 1) > 1e-3:
            raise ValueError(f"probabilities must sum to 1, not {sum(self.probabilities.values()):.4f}")
        return self


class FileLines(WireType):
    """Which lines of a file a suite ran, and which it could have run and did not; no line is in both."""

    executed_lines: tuple[Line, ...]
    missing_lines: tuple[Line, ...]

    @model_validator(mode="after")
    def _names_each_line_once(self) -> "FileLines":
        if len({*self.executed_lines, *self.missing_lines}) < len(self.executed_lines) + len(self.missing_lines):
            raise ValueError("a line is there twice")
        return self


class SuiteCoverage(WireType):
    """What one suite covered of the module: whole lines, and the module version that it ran on.

    `files` tells which lines, by file of the module: several suites' lines can then be united.
    """

    lines_covered: Count
    lines_total: Count
    version: Name | None = None
    files: FrozenMapping[FileLines] | None = None

    @model_validator(mode="after")
    def _counts_agree(self) -> "SuiteCoverage":
        if self.lines_covered > self.lines_total:
            raise ValueError(f"lines_covered {self.lines_covered} is more than lines_total {self.lines_total}")
        if self.files is not None:
            executed = sum(len(lines.executed_lines) for lines in self.files.values())
            total = executed + sum(len(lines.missing_lines) for lines in self.files.values())
            if (executed, total) != (self.lines_covered, self.lines_total):
                told = f"{self.lines_covered} of {self.lines_total} lines"
                raise ValueError(f"{told} are told, but the files name {executed} of {total}")
        return self


class PromotionRequest(WireType):
    """The wish to promote a module to a level (development, staging, production or the policy's own).

    `coverage` is a share of lines or, by suite, the lines covered; the suite `aggregate` is the union of all. A suite
    that ran in several environments reports as `unit@py311` and `unit@py313`. Without `fis` the registered model
    computes it.
    """

    module: ModuleData
    level: Name = "production"
    coverage: Share | FrozenMapping[SuiteCoverage] | None = None
    fis: FISResult | None = None


Status = Literal["Promote", "Insufficient Coverage", "Promotion Blocked - Manual Review Required"]
DecisionKind = Literal["verdict", "override", "hotfix", "rollback"]


class Step(WireType):
    """One step of the making of the required coverage: what was applied, to what it led (share)."""

    name: str
    detail: str
    required_coverage: Number | None


class Decision(WireType):
    """The verdict on a promotion request, with all that a reader needs to check it.

    `required_coverage` is None where no coverage would do (blocked); `coverage` is None where there is no data, which
    is never a pass. `unblock` says what would turn the verdict into Promote. `kind` is `verdict` where the policy
    decided; of the other kinds a person did, and the further key `overruled` says who, why, until when and what.
    """

    id: str | None = None
    kind: DecisionKind = "verdict"
    project: str | None = None
    module: str | None = None
    level: Name
    status: Status
    fis: Share | None
    base_coverage: Share
    required_coverage: Share | None
    coverage: Share | None
    band: str
    steps: tuple[Step, ...]
    reasons: tuple[Reason, ...]
    unblock: FrozenMapping[Any]
    model_version: str | None
    policy_version: str
    data_hash: str | None
