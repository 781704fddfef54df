"""Scores of a release's modules as of a moment: what the registry keeps and the service answers with."""

from typing import Any

import numpy as np
import pandas as pd

from promotion_gate.learn.contributions import GROUPS, by_group, contributions, failure_counts, told
from promotion_gate.learn.counterfactual import counterfactuals
from promotion_gate.learn.familiarity import remarks
from promotion_gate.learn.features import ranked, raw_features
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Featurize
from promotion_gate.schema import LEVELS

DECIMALS = 9


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
        criticality, load (None where never seen), spread (standard deviation of the log odds), and why:
        contributions: log odds of each threshold, by `base` and `GROUPS` (4 each); they add up to the logits of
            P(low or worse) to P(critical).
        words: by group and direction (`contributions.told`).
        counterfactuals: code and probabilities (5) of what a team can change.
        reasons: what else is to be said: `familiarity.remarks`.
    """
    raw = raw_features(known, release, when, Featurize(half_lives_days=model.half_lives_days))
    X = ranked(raw)
    X = X.assign(**{name: 0.0 for name in model.features if name not in X.columns})
    raw = raw.assign(**{name: np.nan for name in model.features if name not in raw.columns})
    rows = np.arange(len(raw)) if only is None else np.flatnonzero(raw.module == only)
    scored = raw.iloc[rows]
    probabilities = model.predict(X.iloc[rows])
    levels, load, spread = model.severity(probabilities), current_load(known, release), model.spread(X.iloc[rows])
    effects, base = contributions(model, X.iloc[rows])
    parts = np.dstack([base, by_group(model, effects)]).round(DECIMALS).transpose(1, 2, 0).tolist()
    failures = known.failures[known.failures.project == release.project]
    words = told(model, effects, raw, failure_counts(failures, raw.module, when), rows)
    unlike = remarks(known, release, pd.Timedelta(days=model.horizon_days), rows)
    changed = {code: p.round(DECIMALS).tolist() for code, p in counterfactuals(model, raw, X, rows).items()}
    return [
        {
            "project": release.project,
            "module": module,
            "release": release.release,
            "probabilities": [round(float(p), DECIMALS) for p in probabilities[row]],
            "severity": LEVELS[levels[row]],
            "criticality": round(float(scored.criticality.iloc[row]), 6),
            "load": load.get(module),
            "spread": round(float(spread[row]), 6),
            "contributions": dict(zip(("base", *GROUPS), parts[row], strict=True)),
            "words": words[row],
            "counterfactuals": [{"code": code, "probabilities": p[row]} for code, p in changed.items()],
            "reasons": unlike[row],
        }
        for row, module in enumerate(scored.module)
    ]
