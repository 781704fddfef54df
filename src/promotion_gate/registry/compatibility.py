"""Whether a registered model fits the installed code: its features, its levels, its thresholds, its signature.

A model that was trained by other code can answer all the same, and wrongly: a feature that is not computed any more is
silently 0, a level that was renamed shifts every score. Such a model is refused before anybody relies on it.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from promotion_gate import bundle
from promotion_gate.errors import InputError, ModelError
from promotion_gate.learn.features import KEYS, featurize
from promotion_gate.learn.model import THRESHOLD, FailureModel
from promotion_gate.learn.prevalence import THRESHOLDS
from promotion_gate.learn.tables import read
from promotion_gate.params import Featurize
from promotion_gate.rules import Impact, Policy
from promotion_gate.schema import LEVELS

OUTPUTS = (*(f"p_{level}" for level in LEVELS), "severity", "fis")
"""What the registered model gives, in order."""

SHOWN = 3
"""Of many names that are too many or missing so many are told."""


def check(folder: pathlib.Path, version: str, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> None:
    """See that the installed code can serve a bundle's model.

    Args:
        folder: the bundle, every file as registered.
        version: name and version, for the message.
        inputs: names of the signature's inputs, in order; None where no signature is at hand.
        outputs: likewise of its outputs.

    Raises:
        ModelError: it cannot; the line says what, what was expected and what to do.
    """
    bundle.verify(folder)
    try:
        model = FailureModel.load(folder / "model")
    except (KeyError, ValueError, ModelError) as error:
        said = str(error).replace(str(folder), "its bundle")
        raise _misfit(version, f"its model cannot be read: {type(error).__name__} {said}") from None
    levels = {"offsets": model.offsets.shape, "cuts": model.cuts.shape}
    for name, shape in levels.items():
        if shape != (THRESHOLDS,):
            raise _misfit(version, f"its {name} have the shape {shape}, expected ({THRESHOLDS},) for {_list(LEVELS)}")
    width = len(model.features)
    if model.coefficients.shape != (width,) or model.covariance.shape != (width, width):
        raise _misfit(version, f"it has {model.coefficients.size} coefficients for {width} features")
    _same(version, "the booster's features", model.booster.feature_names or (), (*model.features, THRESHOLD))
    if inputs is not None:
        _same(version, "the signature's inputs", inputs, model.features)
    if outputs is not None:
        _same(version, "the signature's outputs", outputs, OUTPUTS)
    _check_scores(folder, version)
    _check_computed(folder, version, model)


def check_policy(folder: pathlib.Path, version: str) -> tuple[Impact, Policy]:
    """Return the rules that a version was registered with.

    Raises:
        ModelError: the installed code cannot apply them; the line names the key.
    """
    manifest = bundle.read_manifest(folder)
    try:
        return Impact.model_validate(manifest.impact), Policy.model_validate(manifest.policy)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the section"
        said = "the key is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise _misfit(version, f"its policy cannot be applied: {key}: {said}") from None


def _check_scores(folder: pathlib.Path, version: str) -> None:
    """The levels that the stored scores name are those of the installed code."""
    try:
        entries: list[dict[str, Any]] = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["modules"]
        for entry in entries:
            if entry["severity"] not in LEVELS or len(entry["probabilities"]) != len(LEVELS):
                found = f"the level {entry['severity']!r} and {len(entry['probabilities'])} probabilities"
                raise _misfit(version, f"scores.json holds {found} for {entry['module']}, expected {_list(LEVELS)}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _misfit(version, f"scores.json breaks its form: {type(error).__name__} {error}") from None


def _check_computed(folder: pathlib.Path, version: str, model: FailureModel) -> None:
    """Every feature of the model is one that the installed code computes from the bundle's own tables."""
    try:
        tables = read(folder / "tables")
        when = tables.end_of_log()
        known = tables.as_of(when)
        parameters = Featurize(half_lives_days=model.half_lives_days)
        names: set[str] = set()
        for release in known.newest():
            names |= set(featurize(known, release, when, parameters).columns) - set(KEYS)
    except (InputError, KeyError, AttributeError, ValueError) as error:
        raise _misfit(version, f"no features can be computed from its tables: {error}") from None
    unknown = [name for name in model.features if name not in names]
    if unknown:
        raise _misfit(version, f"it takes {_list(unknown)}, which the installed code does not compute from its tables")


def _same(version: str, what: str, found: Sequence[str], expected: Sequence[str]) -> None:
    """Names in order; the message tells which are missing or too many, else the first that stands elsewhere."""
    if tuple(found) == tuple(expected):
        return
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    told = [f"lack {_list(missing)}"] * bool(missing) + [f"have {_list(extra)} too many"] * bool(extra)
    if not told:
        place, name, wanted = next((n, a, b) for n, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b)
        told = [f"have {name} in place {place + 1}, expected {wanted}"]
    raise _misfit(version, f"{what} {' and '.join(told)}")


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN + 2 else ""
    return ", ".join(names[:SHOWN] if more else names) + more


def _misfit(version: str, what: str) -> ModelError:
    said = " ".join(what.split())
    return ModelError(f"{version} does not fit the installed code: {said:.300}; train and register again: `make repro`")
