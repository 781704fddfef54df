"""params.yaml, read once into closed, typed sections.

A key that no section knows, a wrong type and a value out of range each stop with one line that names the key.
"""

import pathlib
from decimal import Decimal
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from promotion_gate.errors import InputError

Positive = Annotated[int, Field(gt=0)]


def _not_text(value: Any) -> Any:
    """Refuse text below names, where `Section` cannot tell a number's text from a name's: {production: "0.8"}."""
    if isinstance(value, str):
        raise ValueError("a number is expected, not text")
    return value


Fraction = Annotated[Decimal, BeforeValidator(_not_text), Field(ge=0, le=1, allow_inf_nan=False)]


class Section(BaseModel):
    """A closed section: immutable, no unknown key, no silent conversion of a string to a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_conversions(cls, value: Any, info: ValidationInfo) -> Any:
        # Not pydantic's strict mode: that takes neither YAML's lists for tuples nor its floats for decimals.
        takes_text = "str" in str(cls.model_fields[info.field_name or ""].annotation)
        return _exact(value, takes_text)


def _exact(value: Any, takes_text: bool) -> Any:
    """YAML's floats as the decimals that were written; refuses yes or no, and text where numbers are expected."""
    if isinstance(value, bool):
        raise ValueError("a number, text, list or section is expected, not yes or no")
    if isinstance(value, str) and not takes_text:
        raise ValueError("a number is expected, not text")
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, list):
        return [_exact(item, takes_text) for item in value]
    if isinstance(value, dict) and takes_text:  # keys are names; values are checked by the field's own type
        return {key: _exact(item, takes_text) for key, item in value.items()}
    return value


class Ingest(Section):
    """Where the raw tables lie, and the share of a table's rows that may be set aside; one row always may."""

    raw: str
    max_rejected: Fraction


class Validate(Section):
    """Bounds of the row counts: modules of a release, least and most."""

    modules_per_release: tuple[Positive, Positive]


class Featurize(Section):
    """Half-lives, in days, of the decayed counts of past failures."""

    half_lives_days: Annotated[tuple[Positive, ...], Field(min_length=1)]


class Labels(Section):
    """Days after a release in which a failure counts as that release's."""

    horizon_days: Annotated[int, Field(ge=1, le=3650)]


class Tune(Section):
    """Optuna's budget, its seed, and the number of releases that validate, forward-chained."""

    trials: Annotated[int, Field(ge=0, le=10_000)]
    seed: Annotated[int, Field(ge=0)]
    validation_releases: Positive


class Hyperparameters(Section):
    """Sizes and strengths of the model; what tuning may change and a model is fitted with."""

    ridge_c: Annotated[float, Field(gt=0, le=1000)]
    prior_slope: Annotated[float, Field(ge=0, le=100)]
    margin_scale: Annotated[float, Field(ge=0, le=2)]
    rounds: Annotated[int, Field(ge=1, le=5000)]
    eta: Annotated[float, Field(gt=0, le=1)]
    max_depth: Annotated[int, Field(ge=1, le=12)]
    num_parallel_tree: Annotated[int, Field(ge=1, le=100)]
    subsample: Annotated[float, Field(gt=0, le=1)]
    colsample_bynode: Annotated[float, Field(gt=0, le=1)]
    reg_lambda: Annotated[float, Field(ge=0, le=1e6)]
    min_child_weight: Annotated[float, Field(ge=0, le=1e6)]
    prevalence_half_life_days: Annotated[float, Field(gt=0, le=36_500)]


class Train(Section):
    """How many mature releases are trained on, newest first, the seed, and the model's default hyperparameters."""

    past_releases: Positive
    seed: Annotated[int, Field(ge=0)]
    model: Hyperparameters


class Evaluate(Section):
    """How many releases are predicted from their own past, and the paired bootstrap's resamples."""

    test_releases: Positive
    bootstrap: Annotated[int, Field(ge=10, le=100_000)]


class Explain(Section):
    """How many of the riskiest modules get their contributions written out."""

    modules: Positive


class Backtest(Section):
    """The fixed threshold beside the policies; the share of high and critical failures that may escape the block."""

    higher_threshold: Fraction
    escape_rate: Annotated[Decimal, Field(gt=0, lt=1)]


class Register(Section):
    """Names in MLflow: the registered model, the experiment."""

    model: Annotated[str, Field(min_length=1)]
    experiment: Annotated[str, Field(min_length=1)]


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


class Policy(Section):
    """Thresholds: base coverage by level and category, bands of the FIS, cap and surcharge. All shares."""

    base: Annotated[dict[str, Fraction], Field(min_length=1)]
    categories: dict[str, dict[str, Fraction]]
    required_suites: dict[str, tuple[str, ...]]
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    cap: Fraction
    surcharge: Surcharge

    @model_validator(mode="after")
    def _is_consistent(self) -> "Policy":
        starts = [band.start for band in self.bands]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("bands must start at 0 and rise")
        multipliers = [band.multiplier if band.multiplier is not None else Decimal("Infinity") for band in self.bands]
        if multipliers != sorted(multipliers):
            raise ValueError("multipliers must not fall from band to band, a blocked band last")
        named = {level for table in self.categories.values() for level in table} | set(self.required_suites)
        if named - set(self.base):
            raise ValueError(f"level {min(named - set(self.base))!r} has no base threshold")
        return self


class Params(Section):
    """All sections of params.yaml, one a stage and the two of the decision."""

    ingest: Ingest
    validation: Annotated[Validate, Field(alias="validate")]
    featurize: Featurize
    labels: Labels
    tune: Tune
    train: Train
    evaluate: Evaluate
    explain: Explain
    backtest: Backtest
    register_: Annotated[Register, Field(alias="register")]
    impact: Impact
    policy: Policy


class _Loader(yaml.SafeLoader):
    """YAML in which no section has a key twice: the last one would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for written, _ in node.value:
            if isinstance(written, yaml.ScalarNode):
                if (written.tag, written.value) in seen:
                    line = written.start_mark.line + 1
                    raise InputError(f"{written.value}: the key is there twice, again in line {line}; remove one")
                seen.add((written.tag, written.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: str | pathlib.Path) -> Any:
    """Read a YAML file, whatever it holds.

    Raises:
        InputError: the file is missing, no YAML, or a section has a key twice.
    """
    try:
        return yaml.load(pathlib.Path(path).read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the project's top folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or the 45th of May
        raise InputError(f"{path}: no YAML: {' '.join(str(error).split())}") from None


def load(path: str | pathlib.Path = "params.yaml") -> Params:
    """Read and check a parameter file.

    Raises:
        InputError: the file is missing, no YAML, or a key is unknown, missing, twice there, of a wrong type or out of
            range.
    """
    read = read_yaml(path)
    try:
        return Params.model_validate(read)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: naming the unknown one helps.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        key = ".".join(map(str, first["loc"])) or "the file"
        value = first["input"]
        given = (
            f", not {value if isinstance(value, Decimal) else repr(value)!s:.80}"
            if first["type"] not in ("missing", "extra_forbidden", "value_error")
            else ""
        )
        message = {
            "extra_forbidden": "unknown key; remove it or correct its spelling",
            "missing": "key is missing",
        }.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise InputError(f"{path}: {key}: {message}{given}") from None
