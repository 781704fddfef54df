"""The certificate of a decision: every input with its hash, so that anybody can make the decision again and compare.

    inputs       the request, the score, the notes, the surcharge, the rules, and the person's overruling, in full
    hashes       SHA-256 of each input's canonical JSON, and of what is too large to be carried: model, data, code
    decision     as it was given, with all its steps
    certificate_sha256    of everything above

Whatever was altered after the issue shows in a hash; whatever else changed shows in the decision that is made again.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError

from promotion_gate.decide.case import Case, Overruling, judge
from promotion_gate.decide.digest import digest
from promotion_gate.decide.policy import policy_document
from promotion_gate.errors import InputError
from promotion_gate.rules import RulesFile
from promotion_gate.schema import Decision, FISResult, PromotionRequest, Reason

FORMAT = 1
SEAL = "certificate_sha256"
_OVERRULING: TypeAdapter[Overruling] = TypeAdapter(Overruling)


@dataclass(frozen=True)
class Origin:
    """What a decision was made with that a certificate cannot carry.

    Attributes:
        model_sha256: digest of the hashes of all files of the model's bundle; None where no model was asked.
        data_hash: of the tables that the model was learnt from; None likewise.
        code_version: of the distribution.
        code_sha256: of its source files.
    """

    model_sha256: str | None
    data_hash: str | None
    code_version: str
    code_sha256: str


@dataclass(frozen=True)
class Difference:
    """An input or output that is not what the certificate says: its name, and both values in short."""

    what: str
    certified: str
    found: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.what}: the certificate says {self.certified}, here it is {self.found}"


def certify(case: Case, decision: Decision, origin: Origin, issued_at: dt.datetime) -> dict[str, Any]:
    """Return the certificate of a decision as plain JSON values.

    Args:
        case: what was decided.
        decision: what `judge` made of it.
        origin: model, data and code.
        issued_at: aware.
    """
    inputs = {
        "request": case.request.model_dump(mode="json"),
        "score": None if case.score is None else case.score.model_dump(mode="json"),
        "unscored": case.unscored,
        "notes": [note.model_dump(mode="json") for note in case.notes],
        "surcharge": str(case.surcharge),
        "rules": policy_document(case.impact, case.policy),
        "policy_source": case.policy_source,
        "overruling": None if case.overruling is None else _OVERRULING.dump_python(case.overruling, mode="json"),
    }
    hashes = {name: digest(value) for name, value in inputs.items()}
    certificate = {
        "format": FORMAT,
        "issued_at": issued_at.astimezone(dt.UTC).isoformat(),
        "model_version": decision.model_version,
        "policy_version": decision.policy_version,
        "inputs": inputs,
        "hashes": hashes | {"model": origin.model_sha256, "data": origin.data_hash, "code": origin.code_sha256},
        "code_version": origin.code_version,
        "decision": decision.model_dump(mode="json"),
    }
    return certificate | {SEAL: digest(certificate)}


def case_of(certificate: Mapping[str, Any]) -> Case:
    """Return the case that a certificate tells of.

    Raises:
        InputError: it is no certificate, or of a form that this version does not know.
    """
    if certificate.get("format") != FORMAT:
        raise InputError(f"no certificate of format {FORMAT}, but {certificate.get('format')!r:.40}")
    try:
        inputs = certificate["inputs"]
        rules = RulesFile.model_validate(inputs["rules"])
        told = inputs["overruling"]
        return Case(
            request=PromotionRequest.model_validate(inputs["request"]),
            score=None if inputs["score"] is None else FISResult.model_validate(inputs["score"]),
            unscored=str(inputs["unscored"]),
            notes=tuple(Reason.model_validate(note) for note in inputs["notes"]),
            surcharge=Decimal(inputs["surcharge"]),
            impact=rules.impact,
            policy=rules.policy,
            policy_source=str(inputs["policy_source"]),
            overruling=None if told is None else _OVERRULING.validate_python(told, strict=False),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"no certificate: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (KeyError, TypeError, ArithmeticError, AttributeError) as error:
        raise InputError(f"no certificate: {error!r:.120}") from None


def altered(certificate: Mapping[str, Any]) -> list[Difference]:
    """Return what was altered in a certificate since its issue: the inputs whose hash differs, and the whole."""
    hashes, inputs = certificate.get("hashes", {}), certificate.get("inputs", {})
    found = [
        Difference(f"input {name}", _short(hashes.get(name)), _short(digest(value)))
        for name, value in inputs.items()
        if hashes.get(name) != digest(value)
    ]
    whole = digest({name: value for name, value in certificate.items() if name != SEAL})
    if certificate.get(SEAL) != whole:
        found.append(Difference("the whole", _short(certificate.get(SEAL)), _short(whole)))
    return found


def judged_again(certificate: Mapping[str, Any]) -> list[Difference]:
    """Return in which keys the decision, made again from the certificate's inputs, is another one; bit for bit.

    Raises:
        InputError: as `case_of`; or the inputs cannot be decided on at all.
    """
    again = judge(case_of(certificate)).model_dump(mode="json")
    return list(differences("decision", certificate.get("decision"), again))


def differences(name: str, certified: Any, found: Any) -> Iterator[Difference]:
    """Yield in which keys two JSON objects differ, or that they do where one is none."""
    if not (isinstance(certified, dict) and isinstance(found, dict)):
        if digest(certified) != digest(found):
            yield Difference(name, _short(certified), _short(found))
        return
    for key in sorted({*certified, *found}):
        one, other = (value.get(key) for value in (certified, found))
        if digest(one) != digest(other) or (key in certified) != (key in found):
            yield Difference(f"{name}.{key}", _short(one), _short(other))


def origin_differences(certificate: Mapping[str, Any], origin: Origin) -> list[Difference]:
    """Return which of model, data and code are others here than those of the certificate."""
    here = asdict(origin)
    names = (("model", "model_sha256"), ("data", "data_hash"), ("code", "code_sha256"))
    hashes = certificate.get("hashes", {})
    return [
        Difference(name, _short(hashes.get(name)), _short(here[field]))
        for name, field in names
        if hashes.get(name) != here[field]
    ]


def _short(value: Any) -> str:
    return f"{value!s:.60}" if value is not None else "none"
