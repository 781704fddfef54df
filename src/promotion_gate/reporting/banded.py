"""The newest release by bands: every module's score and band before a model is registered, and what a band asks for."""

import pathlib
from decimal import Decimal
from typing import Any

from promotion_gate import bundle
from promotion_gate.decide.policy import policy_document, policy_version
from promotion_gate.decide.threshold import band_of, base_for, threshold
from promotion_gate.operate.fis import SCORES, FISCalculator
from promotion_gate.rules import Impact, Policy
from promotion_gate.schema import ModuleData

UNREGISTERED = "unregistered"


def modules(models: pathlib.Path, data_hash: str, impact: Impact, policy: Policy) -> tuple[str, list[dict[str, Any]]]:
    """Return the scored release and its modules: FISResults as plain mappings, each with its `band`.

    Args:
        models: folder with the scores that the stage `explain` wrote; no manifest is needed.
        data_hash: of the raw tables.
        impact: how probabilities become a score.
        policy: the bands.

    Raises:
        OSError: there are no scores.
        ModelError: they break their form.
    """
    manifest = bundle.Manifest(
        model_name=UNREGISTERED,
        data_hash=data_hash,
        policy_version=policy_version(impact, policy),
        **policy_document(impact, policy),
        files={SCORES: bundle.sha256(models / SCORES)},
    )
    calculator = FISCalculator(models, manifest, impact)
    results = [
        calculator.score(ModuleData(project=project, module=module))
        for project in calculator.projects
        for module in calculator.modules(project)
    ]
    found = [{**result.model_dump(), "band": band_of(Decimal(str(result.fis)), policy).name} for result in results]
    return calculator.release, found


def bands(policy: Policy) -> list[dict[str, Any]]:
    """Return the policy's bands, lowest first: name, start, and by level the required share (None: a manual review)."""
    found = []
    for band in policy.bands:
        limits = {level: threshold(base_for(level, None, policy), band.start, policy).required for level in policy.base}
        required = {level: None if limit is None else float(limit) for level, limit in limits.items()}
        found.append({"name": band.name, "start": float(band.start), "required": required})
    return found
