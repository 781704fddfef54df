"""Hyperparameters by Optuna, forward in time, all of it before the first test release. The only room that imports it.

The default goes first. What the search finds replaces it only when it is clearly better: the interval of the paired
difference of log losses on the validation releases lies below zero, and it is as wide as so many trials ask for (95 %
for all of them together, by Bonferroni). The best of many trials is mostly the luckiest (Cawley & Talbot, JMLR 2010).
"""

import dataclasses
import hashlib
import inspect
import json
import pathlib
from collections.abc import Callable

import numpy as np
import optuna
import pandas as pd
import xgboost
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from promotion_gate.learn import dataset, labels, margin, model, prevalence, ridge
from promotion_gate.learn.dataset import rows_of, training_set
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.scores import Array, Levels, exactly, log_loss, paired_difference
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Hyperparameters, Params

RESAMPLES = 200
"""Bootstrap draws for each trial: so that some lie beyond even the interval that all trials together ask for."""

Outcome = dict[str, tuple[Levels, Array]]
"""For each validation release: what happened, shape (n,), and the predicted probabilities, shape (n, 5)."""


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What tuning decided and why."""

    chosen: Hyperparameters
    adopted: bool
    default_log_loss: float
    best_log_loss: float
    difference: tuple[float, float, float]
    trials: int
    releases: tuple[str, ...]


def space(trial: optuna.Trial, default: Hyperparameters) -> Hyperparameters:
    """Few and meaningful: penalty and scale of the margin, and how much the trees may add to it."""
    return default.model_copy(
        update={
            "ridge_c": trial.suggest_float("ridge_c", 0.01, 3.0, log=True),
            "margin_scale": trial.suggest_float("margin_scale", 0.4, 1.0),
            "rounds": trial.suggest_int("rounds", 5, 80, log=True),
            "max_depth": trial.suggest_int("max_depth", 2, 6),
            "colsample_bynode": trial.suggest_float("colsample_bynode", 0.1, 0.8),
            "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 50.0, log=True),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 30.0, log=True),
        }
    )


def mean_log_loss(outcome: Outcome) -> float:
    """Five-level log loss, mean over the releases."""
    return float(np.mean([exactly(log_loss, level, p) for level, p in outcome.values()]))


def identity(known: Tables, features: pd.DataFrame, params: Params, validated: list[Release]) -> str:
    """Name of the study: same data, code and settings, same study, however many trials it is to have."""
    rows = hashlib.sha256(pd.util.hash_pandas_object(features, index=False).to_numpy().tobytes())
    rows.update(pd.util.hash_pandas_object(known.failures, index=False).to_numpy().tobytes())
    for code in (dataset, labels, margin, model, prevalence, ridge):
        rows.update(inspect.getsource(code).encode())
    settings = [params.train.model_dump_json(), params.labels.model_dump_json(), params.tune.seed, xgboost.__version__]
    rows.update(json.dumps([list(features.columns), *settings, [str(release) for release in validated]]).encode())
    return rows.hexdigest()[:16]


def finished(study: optuna.Study, trials: int) -> list[optuna.trial.FrozenTrial]:
    """The first `trials` trials that came to an end, in the order in which they began."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return sorted(study.get_trials(deepcopy=False, states=ended), key=lambda trial: trial.number)[:trials]


def best_of(trials: list[optuna.trial.FrozenTrial]) -> optuna.trial.FrozenTrial:
    """The completed trial with the lowest log loss, the earliest of equals; the default always completes."""
    completed = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    return min(completed, key=lambda trial: (trial.value, trial.number))


def tune(
    tables: Tables,
    features: pd.DataFrame,
    validated: list[Release],
    when: pd.Timestamp,
    params: Params,
    journal: pathlib.Path,
    progress: Callable[[int, int, float], None],
) -> Tuned:
    """Search hyperparameters on the validation releases, each predicted from its own past.

    Args:
        tables: the whole tables.
        features: of every release (`featurize_all`).
        validated: releases to validate on, forward-chained; all mature at `when`.
        when: the moment of tuning, not after the first test release.
        params: `tune`, `train` and `labels` count.
        journal: Optuna's journal file; an interrupted study goes on from it, to the same result.
        progress: called after every trial with its number, the number of all, and the best log loss so far.

    Returns:
        The hyperparameters, the default's where the search found nothing clearly better.
    """
    default = params.train.model
    if not validated or params.tune.trials == 0:
        return Tuned(default, False, np.nan, np.nan, (0.0, 0.0, 0.0), 0, ())
    horizon = pd.Timedelta(days=params.labels.horizon_days)
    known = tables.as_of(when)

    def predicted(release: Release, hyper: Hyperparameters) -> tuple[Levels, Array]:
        data = training_set(tables, features, release.released_at, horizon, params.train.past_releases)
        if data is None:
            raise ValueError(f"{release.release}: nothing to learn from")
        fitted = model.fit(data, release.project, params, hyper)
        rows = rows_of(features, release)
        return worst_levels(known, release, rows.module, horizon), fitted.predict(rows)

    def evaluate(hyper: Hyperparameters, trial: optuna.Trial | None = None) -> Outcome:
        outcome: Outcome = {}
        for step, release in enumerate(validated):
            outcome[f"{release.project} {release.release}"] = predicted(release, hyper)
            if trial is not None:
                trial.report(mean_log_loss(outcome), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return outcome

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=identity(known, features, params, validated),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
    )
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if not waiting and not finished(study, 1):  # a run that was killed within the first trial left it unfinished
        named = ("ridge_c", "margin_scale", "rounds", "max_depth", "colsample_bynode", "reg_lambda", "min_child_weight")
        study.enqueue_trial({name: getattr(default, name) for name in named})
    while (number := len(finished(study, params.tune.trials))) < params.tune.trials:
        # A sampler a trial, seeded by its number: a resumed study proposes what an uninterrupted one would have.
        study.sampler = optuna.samplers.TPESampler(seed=params.tune.seed + number, n_startup_trials=8)
        study.optimize(lambda trial: mean_log_loss(evaluate(space(trial, default), trial)), n_trials=1)
        progress(number + 1, params.tune.trials, study.best_value)
    best = default.model_copy(update=best_of(finished(study, params.tune.trials)).params)
    ours, theirs = evaluate(best), evaluate(default)
    pairs = {name: (ours[name][0], ours[name][1], theirs[name][1]) for name in ours}
    coverage = 1 - 0.05 / params.tune.trials
    difference = paired_difference(pairs, log_loss, RESAMPLES * params.tune.trials, params.tune.seed, coverage)
    adopted = difference[2] < 0
    return Tuned(
        chosen=best if adopted else default,
        adopted=adopted,
        default_log_loss=mean_log_loss(theirs),
        best_log_loss=mean_log_loss(ours),
        difference=difference,
        trials=params.tune.trials,
        releases=tuple(release.release for release in validated),
    )
