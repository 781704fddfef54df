"""The rules: what decides beside the model. Two sections of params.yaml, or a policy file of their own."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from promotion_gate.section import Fraction, Section

RULES = ("likeliest", "all", "ask")
"""What is done where several promotions may be to blame for a failure."""


class Impact(Section):
    """The Failure Impact Score: weights of the levels (rising, 0 to 1), level of the expected shortfall, gains."""

    weights: tuple[Fraction, Fraction, Fraction, Fraction, Fraction]
    tail: Annotated[Decimal, Field(ge=0, lt=1)]
    criticality_gain: Fraction
    load_gain: Fraction

    @model_validator(mode="after")
    def _weights_rise(self) -> "Impact":
        if self.weights[0] != 0 or list(self.weights) != sorted(self.weights):
            raise ValueError("weights must start at 0 and never fall")
        return self


class Band(Section):
    """FIS from `from` on: the base times `multiplier`, or blocked where that is null."""

    name: Annotated[str, Field(min_length=1)]
    start: Annotated[Decimal, Field(ge=0, le=1, alias="from")]
    multiplier: Annotated[Decimal, Field(ge=1, le=10)] | None


class Surcharge(Section):
    """What a rollback adds to the required coverage, its cap, and the share left after a clean promotion."""

    step: Fraction
    cap: Fraction
    decay: Annotated[Decimal, Field(ge=0, lt=1)]


class Review(Section):
    """How many people must approve a blocked module, and for how long request and approval stand, in hours."""

    reviewers: Annotated[int, Field(ge=1, le=10)]
    review_hours: Annotated[Decimal, Field(gt=0, le=8760)]
    approval_hours: Annotated[Decimal, Field(gt=0, le=8760)]


class Rollback(Section):
    """How long a promotion is watched; what happens where several may be to blame; how long a restore may take.

    `suspects`: roll back the likeliest, all, or ask a person; a single suspect is rolled back in any case. Below
    `least_score` none is rolled back unasked. The likeliest must lead the next by `margin`, else a person is asked.
    `verify_seconds`: until then `status` must show the restored version.
    """

    watch_hours: Annotated[Decimal, Field(gt=0, le=8760)]
    suspects: str
    least_score: Fraction
    margin: Fraction
    verify_seconds: Annotated[int, Field(ge=1, le=3600)]

    @field_validator("suspects")
    @classmethod
    def _is_a_rule(cls, rule: str) -> str:
        if rule not in RULES:
            raise ValueError(f"{', '.join(RULES)} are the rules, {rule!r:.40} is none")
        return rule


class Tolerance(Section):
    """How much worse than the stable version's rate is tolerated: (1 + relative) x rate + absolute."""

    relative: Annotated[Decimal, Field(ge=0, le=10)]
    absolute: Annotated[Decimal, Field(ge=0, lt=1)]


class SeverityRow(Section):
    """From which share of spoilt requests on a degradation is medium, high, critical, from a criticality on."""

    criticality: Fraction
    medium: Fraction
    high: Fraction
    critical: Fraction

    @model_validator(mode="after")
    def _rises(self) -> "SeverityRow":
        if not self.medium <= self.high <= self.critical:
            raise ValueError("medium, high and critical must not fall")
        return self


class Monitor(Section):
    """When a promoted version counts as worse than the last stable one; docs/monitoring.md says how to choose.

    `false_alarm_rate`: chance that a watch of a version that is no worse ends in an alarm. `errors`, `latency`: what
    is tolerated, of failed and of slow requests. `baseline_hours`: the past that is compared with. `grace_seconds`
    after the promotion are not judged, windows are put together by `window_seconds` and waited for `late_seconds`; a
    module that is not seen for `silent_seconds` has no data. An alarm needs `least_requests` and `confirm_windows`. A
    slow request spoils `slow_weight` of what a failed one does; `severity` is a table by the module's criticality.
    """

    false_alarm_rate: Annotated[Decimal, Field(gt=0, le=Decimal("0.5"))]
    errors: Tolerance
    latency: Tolerance
    baseline_hours: Annotated[Decimal, Field(gt=0, le=8760)]
    grace_seconds: Annotated[int, Field(ge=0, le=86400)]
    window_seconds: Annotated[int, Field(ge=1, le=300)]
    late_seconds: Annotated[int, Field(ge=0, le=3600)]
    silent_seconds: Annotated[int, Field(ge=1, le=86400)]
    least_requests: Annotated[int, Field(ge=1, le=10**9)]
    confirm_windows: Annotated[int, Field(ge=1, le=100)]
    slow_weight: Fraction
    severity: Annotated[tuple[SeverityRow, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_monotone(self) -> "Monitor":
        starts = [row.criticality for row in self.severity]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("severity must start at criticality 0 and rise")
        for name in ("medium", "high", "critical"):
            column = [getattr(row, name) for row in self.severity]
            if column != sorted(column, reverse=True):
                raise ValueError(f"severity: {name} must not rise with the criticality")
        return self


class Policy(Section):
    """Base coverage by level and category, bands of the FIS, cap, surcharge, all shares; days that an override lasts.

    The levels stand in the order in which a module climbs them.
    """

    base: Annotated[dict[str, Fraction], Field(min_length=1)]
    categories: dict[str, dict[str, Fraction]]
    required_suites: dict[str, tuple[str, ...]]
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    cap: Fraction
    surcharge: Surcharge
    override_days: Annotated[int, Field(ge=1, le=365)]
    review: Review
    rollback: Rollback
    monitor: Monitor

    @model_validator(mode="after")
    def _is_consistent(self) -> "Policy":
        # All that is wrong at once, a line each: see `section.wrong`.
        found = [*self._wrong_bands()]
        named = {level for table in self.categories.values() for level in table} | set(self.required_suites)
        found += [f"level {level!r} has no base threshold" for level in sorted(named - set(self.base))]
        if found:
            raise ValueError("\n".join(found))
        return self

    def _wrong_bands(self) -> Iterator[str]:
        starts = [band.start for band in self.bands]
        if starts[0] != 0 or starts != sorted(set(starts)):
            yield "bands must start at 0 and rise"
        multipliers = [band.multiplier if band.multiplier is not None else Decimal("Infinity") for band in self.bands]
        if multipliers != sorted(multipliers):
            yield "multipliers must not fall from band to band, a blocked band last"
        names = [band.name for band in self.bands]
        if len(set(names)) < len(names):
            yield "two bands have the same name"


class RulesFile(Section):
    """A policy file: what decides beside the model."""

    impact: Impact
    policy: Policy
