"""Making a certified decision again: from the certificate alone, and its score from the model where that is at hand."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from promotion_gate import bundle
from promotion_gate.decide.case import Case
from promotion_gate.decide.certificate import (
    Difference,
    Origin,
    altered,
    case_of,
    differences,
    judged_again,
    origin_differences,
)
from promotion_gate.decide.digest import digest
from promotion_gate.errors import InputError, ModelError
from promotion_gate.operate.fis import FISCalculator, UnknownModuleError
from promotion_gate.provenance import installed_code


@dataclasses.dataclass(frozen=True)
class Replay:
    """What came of it.

    Attributes:
        altered: inputs that are not those that were certified, and the whole.
        decision: keys of the decision that came out otherwise.
        score: keys of the score that came out otherwise; None where it was not computed again.
        unscored: why it was not, empty where it was.
        origin: which of model, data and code are others here; of themselves they make nothing wrong.
    """

    altered: list[Difference]
    decision: list[Difference]
    score: list[Difference] | None
    unscored: str
    origin: list[Difference]

    @property
    def same(self) -> bool:
        """Whether all that was made again is bit for bit what was certified."""
        return not (self.altered or self.decision or self.score)


def read(path: pathlib.Path) -> Mapping[str, Any]:
    """Read a certificate. InputError where the file is missing or no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: no certificate: a JSON object is expected")
    return found


def replay(certificate: Mapping[str, Any], models: pathlib.Path) -> Replay:
    """Make a certified decision again.

    Args:
        certificate: as `certify` made it.
        models: folder of a model's bundle; its score is computed again if it is the certified one.

    Raises:
        InputError: it is no certificate.
        ModelError: the bundle is the certified one by its manifest, but its files are not.
    """
    case = case_of(certificate)
    version, code = installed_code()
    if case.request.fis is not None:
        origin, why = Origin(None, None, version, code), "it came with the request"
    else:
        origin, why = _here(certificate, models, version, code)
    return Replay(
        altered=altered(certificate),
        decision=judged_again(certificate),
        score=None if why else _scored_again(case, certificate, models),
        unscored=why,
        origin=origin_differences(certificate, origin),
    )


def _here(certificate: Mapping[str, Any], models: pathlib.Path, version: str, code: str) -> tuple[Origin, str]:
    """What there is here, and why the score cannot be computed again, empty where it can."""
    wanted = certificate.get("model_version") or "the certified model"
    try:
        manifest = bundle.read_manifest(models)
    except ModelError as error:
        return Origin(None, None, version, code), f"{wanted} is not here: {error}"
    origin = Origin(digest(manifest.files), manifest.data_hash, version, code)
    if origin.model_sha256 != certificate.get("hashes", {}).get("model"):
        return origin, f"{wanted} is not in {models}, which holds {manifest.model_version or 'another one'}"
    return origin, ""


def _scored_again(case: Case, certificate: Mapping[str, Any], models: pathlib.Path) -> list[Difference]:
    calculator = FISCalculator(models, bundle.verify(models), case.impact)
    try:
        score: Any = calculator.score(case.request.module).model_dump(mode="json")
    except UnknownModuleError as error:
        score = None
        if str(error) != case.unscored:
            return [Difference("unscored", case.unscored, str(error))]
    return list(differences("score", certificate["inputs"]["score"], score))
