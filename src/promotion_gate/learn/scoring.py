"""Scores of a release's modules as of a moment: what the registry keeps and the service answers with."""

from typing import Any

import numpy as np
import pandas as pd

from promotion_gate.learn.contributions import reasons
from promotion_gate.learn.features import ranked, raw_features
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Featurize
from promotion_gate.schema import LEVELS


def current_load(known: Tables, release: Release) -> dict[str, float]:
    """Load (share) of every module of the project in its newest telemetry window; modules never seen are left out."""
    seen = known.telemetry[(known.telemetry.project == release.project) & known.telemetry.load.notna()]
    newest = seen.sort_values("window_end").groupby("module").load.last()
    return {str(module): float(load) for module, load in newest.items()}


def score_release(
    model: FailureModel, known: Tables, release: Release, when: pd.Timestamp, only: str | None = None
) -> list[dict[str, Any]]:
    """Score the modules of a release with what was known at a moment.

    Args:
        model: the fitted model.
        known: cut to what was known at `when` (`Tables.as_of`).
        release: whose modules are scored.
        when: the moment, not before the release.
        only: one module of it; the others are ranked with it, but trees and contributions take most of the time.

    Returns:
        One entry a module, ordered by name: project, module, release, probabilities (5, summing to 1), severity,
        criticality, load (None where never seen), interval (None), reasons.
    """
    raw = raw_features(known, release, when, Featurize(half_lives_days=model.half_lives_days))
    X = ranked(raw)
    if only is not None:
        X, raw = X[raw.module == only], raw[raw.module == only]
    X = X.assign(**{name: 0.0 for name in model.features if name not in X.columns})
    raw = raw.assign(**{name: np.nan for name in model.features if name not in raw.columns})
    probabilities = model.predict(X)
    levels, load = model.severity(probabilities), current_load(known, release)
    told = reasons(model, raw, X)
    return [
        {
            "project": release.project,
            "module": module,
            "release": release.release,
            "probabilities": [round(float(p), 9) for p in probabilities[row]],
            "severity": LEVELS[levels[row]],
            "criticality": round(float(raw.criticality.iloc[row]), 6),
            "load": load.get(module),
            "interval": None,
            "reasons": told[row],
        }
        for row, module in enumerate(raw.module)
    ]
