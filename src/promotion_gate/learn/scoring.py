"""Scores of a release's modules as of a moment: what the registry keeps and the service answers with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.contributions import GROUPS, Words, by_group, contributions, failure_counts
from promotion_gate.learn.counterfactual import counterfactuals, ordered, ranks_if
from promotion_gate.learn.familiarity import Familiarity
from promotion_gate.learn.features import KEYS, before_of, criticality_basis, ranked, raw_features
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Featurize
from promotion_gate.schema import LEVELS

Matrix = npt.NDArray[np.float64]
DECIMALS = 9


def current_load(known: Tables, release: Release) -> dict[str, float]:
    """Load (share) of every module of the project in its newest telemetry window; modules never seen are left out."""
    seen = known.telemetry[(known.telemetry.project == release.project) & known.telemetry.load.notna()]
    newest = seen.sort_values("window_end").groupby("module").load.last()
    return {str(module): float(load) for module, load in newest.items()}


class ReleaseScores:
    """A release as it stands at a moment, made ready once: its modules are scored as they are, or with other metrics.

    Args:
        model: the fitted model.
        known: cut to what was known at `when` (`Tables.as_of`).
        release: whose modules are scored.
        when: the moment, not before the release.
    """

    def __init__(self, model: FailureModel, known: Tables, release: Release, when: pd.Timestamp) -> None:
        raw = raw_features(known, release, when, Featurize(half_lives_days=model.half_lives_days))
        X = ranked(raw)
        self._model, self._release = model, release
        self.modules: list[str] = raw.module.tolist()
        self._values = model.values(X.assign(**{name: 0.0 for name in model.features if name not in X.columns}))
        absent = {name: np.full(len(raw), np.nan) for name in model.features if name not in raw.columns}
        self._figures = {str(name): raw[name].to_numpy(float) for name in raw.columns if name not in KEYS} | absent
        own = known.modules_of(release)
        metrics = [name for name in own.columns if f"{name}_growth" in raw.columns]
        self._before = before_of(known, release, own, metrics)
        self._ordered: dict[str, Matrix] = {}
        self._column = {name: column for column, name in enumerate(model.features)}
        self._load = current_load(known, release)
        self._basis = criticality_basis(known, release, raw.module, self._figures["criticality"])
        failures = known.failures[known.failures.project == release.project]
        self._words = Words(model.features, self._figures, failure_counts(failures, raw.module, when))
        self._familiarity = Familiarity(known, release, pd.Timedelta(days=model.horizon_days))

    def entries(
        self, rows: npt.NDArray[np.int64], metrics: Sequence[Mapping[str, float]] | None = None
    ) -> list[dict[str, Any]]:
        """Score some modules, each as if the others were as the release has them.

        Args:
            rows: which of `modules`, shape (m,).
            metrics: by module the metrics that take the place of the release's; None: all are as they are.

        Returns:
            One entry a module, in the order of `rows`: project, module, release, probabilities (5, summing to 1),
            severity, criticality and what it rests on in words (`criticality_basis`), load (None where never seen),
            spread (standard deviation of the log odds), and why:
            contributions: log odds of each threshold, by `base` and `GROUPS` (4 each); they add up to the logits of
                P(low or worse) to P(critical).
            words: by group and direction (`Words.told`).
            counterfactuals: code and probabilities (5) of what a team can change.
            reasons: what else is to be said: `Familiarity.remarks`.
        """
        model = self._model
        given = self._given(rows, metrics or [])
        values = self._values[rows]
        for name, figures in given.items():
            if name in self._column:
                values[:, self._column[name]] = self._ranks(name, rows, figures)
        now = {name: given.get(name, figures[rows]) for name, figures in self._figures.items()}
        changed = counterfactuals(model.features, now, values, lambda name, figures: self._ranks(name, rows, figures))
        # One call for all: XGBoost's own start-up is paid once.
        together = model.probabilities(np.vstack([values, *changed.values()]))
        probabilities, *others = np.split(together, 1 + len(changed))
        levels, spread = model.severity(probabilities), model.spread(values)
        effects, base = contributions(model, values)
        parts = np.dstack([base, by_group(model, effects)]).round(DECIMALS).transpose(1, 2, 0).tolist()
        words, unlike = self._words.told(effects, rows, given), self._familiarity.remarks(rows, given)
        shares, variants = probabilities.round(DECIMALS).tolist(), [other.round(DECIMALS).tolist() for other in others]
        return [
            {
                "project": self._release.project,
                "module": self.modules[row],
                "release": self._release.release,
                "probabilities": shares[at],
                "severity": LEVELS[levels[at]],
                "criticality": round(float(self._figures["criticality"][row]), 6),
                "criticality_basis": self._basis[row],
                "load": self._load.get(self.modules[row]),
                "spread": round(float(spread[at]), 6),
                "contributions": dict(zip(("base", *GROUPS), parts[at], strict=True)),
                "words": words[at],
                "counterfactuals": [
                    {"code": code, "probabilities": variant[at]}
                    for code, variant in zip(changed, variants, strict=True)
                ],
                "reasons": unlike[at],
            }
            for at, row in enumerate(rows)
        ]

    def _given(self, rows: npt.NDArray[np.int64], metrics: Sequence[Mapping[str, float]]) -> dict[str, Matrix]:
        """The figures that are others than the release's, shape (m,) each: the given metrics and their growth."""
        found: dict[str, Matrix] = {}
        for name in dict.fromkeys(name for of_one in metrics for name in of_one):
            known = self._figures[name][rows]
            found[name] = np.array([of_one.get(name, old) for of_one, old in zip(metrics, known, strict=True)], float)
            found[f"{name}_growth"] = found[name] - self._before[name].to_numpy(float)[rows]
        return found

    def _ranks(self, name: str, rows: npt.NDArray[np.int64], changed: Matrix) -> Matrix:
        figures = self._figures[name]
        if name == "criticality":  # keeps its own scale, and nothing that is given moves it
            return figures[rows]
        if name not in self._ordered:
            self._ordered[name] = ordered(figures)
        return ranks_if(self._ordered[name], figures[rows], changed)


def score_release(
    model: FailureModel, known: Tables, release: Release, when: pd.Timestamp, only: str | None = None
) -> list[dict[str, Any]]:
    """Score the modules of a release with what was known at a moment, ordered by name; `only` one of them.

    Arguments and entries are those of `ReleaseScores`.
    """
    scores = ReleaseScores(model, known, release, when)
    modules = scores.modules
    return scores.entries(np.arange(len(modules)) if only is None else np.array([modules.index(only)]))
