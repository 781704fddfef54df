"""Closed, typed sections of files that people write: what is wrong in one is said in a line that names the key."""

from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from promotion_gate.errors import InputError

S = TypeVar("S", bound="Section")


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


def wrong(error: ValidationError) -> list[str]:
    """Return one line for each thing that is wrong in a file, unknown keys first: a misspelt one is missing as well."""
    found = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    return [line for one in found for line in _lines(one["type"], one["loc"], one["msg"], one["input"])]


def parsed(section: type[S], read: Any, name: str) -> S:
    """Return what was read as a section. InputError with the first thing that is wrong, in one line under `name`."""
    try:
        return section.model_validate(read)
    except ValidationError as error:
        raise InputError(f"{name}: {wrong(error)[0]}") from None


def _lines(kind: str, where: tuple[int | str, ...], message: str, value: Any) -> list[str]:
    key = ".".join(map(str, where)) or "the file"
    said = {
        "extra_forbidden": "unknown key; remove it or correct its spelling",
        "missing": "key is missing",
    }.get(kind, message.removeprefix("Value error, "))
    if kind in ("missing", "extra_forbidden", "value_error"):
        return [f"{key}: {line}" for line in said.splitlines()]
    return [f"{key}: {said}, not {value if isinstance(value, Decimal) else repr(value)!s:.80}"]
