"""params.yaml, read once into closed, typed sections.

A key that no section knows, a wrong type and a value out of range each stop with one line that names the key.
"""

import pathlib
from decimal import Decimal
from typing import Annotated

from pydantic import Field, ValidationError

from promotion_gate import yaml_file
from promotion_gate.errors import InputError
from promotion_gate.rules import Impact, Policy, RulesFile
from promotion_gate.section import Fraction, Section, parsed, wrong

Positive = Annotated[int, Field(gt=0)]


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
    """The fixed threshold beside the policies, promised escape rate, share that holding averts, resamples."""

    higher_threshold: Fraction
    escape_rate: Annotated[Decimal, Field(gt=0, lt=1)]
    averted: Fraction
    bootstrap: Annotated[int, Field(ge=10, le=100_000)]


class TunePolicy(Section):
    """Optuna's budget and seed, and the share of modules that the suggested policy may delay."""

    trials: Annotated[int, Field(ge=1, le=100_000)]
    seed: Annotated[int, Field(ge=0)]
    delay_at_most: Fraction


class Register(Section):
    """Names in MLflow: the registered model, the experiment."""

    model: Annotated[str, Field(min_length=1)]
    experiment: Annotated[str, Field(min_length=1)]


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
    tune_policy: TunePolicy
    register_: Annotated[Register, Field(alias="register")]
    impact: Impact
    policy: Policy


def load(path: str | pathlib.Path = "params.yaml") -> Params:
    """Read and check a parameter file.

    Raises:
        InputError: the file is missing, no YAML, or a key is unknown, missing, twice there, of a wrong type or out of
            range.
    """
    return parsed(Params, yaml_file.read(path), str(path))


def load_rules(path: str | pathlib.Path) -> RulesFile:
    """Read and check a policy file: the sections `impact` and `policy` alone, or a whole parameter file.

    Raises:
        InputError: as `load`; of a parameter file the other sections are checked, too.
    """
    found = check_rules(path)
    if isinstance(found, list):
        raise InputError(f"{path}: {found[0]}")
    return found


def check_rules(path: str | pathlib.Path) -> RulesFile | list[str]:
    """Return the rules of a policy file, or all that is wrong in it, a line each.

    Raises:
        InputError: the file is missing, no YAML, or a section has a key twice.
    """
    read = yaml_file.read(path)
    alone = isinstance(read, dict) and not set(read) - set(RulesFile.model_fields)
    sections: type[RulesFile] | type[Params] = RulesFile if alone else Params
    try:
        whole = sections.model_validate(read)
    except ValidationError as error:
        return wrong(error)
    return RulesFile(impact=whole.impact, policy=whole.policy)
