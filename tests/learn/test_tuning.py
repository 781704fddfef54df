"""Tuning: forward in time, resumable to the same result, and no change without clear gain."""

import pathlib

import pandas as pd
import pytest

from promotion_gate.errors import InputError
from promotion_gate.learn import splits
from promotion_gate.learn.features import featurize_all
from promotion_gate.learn.tables import Tables
from promotion_gate.learn.tuning import Tuned, tune
from promotion_gate.params import Params, load
from tests.factories import tiny_tables

HORIZON = pd.Timedelta(days=235)
TABLES = Tables(**tiny_tables(releases=6))


def params(trials: int) -> Params:
    read = load()
    quick = read.train.model.model_copy(update={"rounds": 5, "num_parallel_tree": 1})
    return read.model_copy(
        update={
            "tune": read.tune.model_copy(update={"trials": trials}),
            "train": read.train.model_copy(update={"model": quick}),
        }
    )


def tuned(journal: pathlib.Path, *budgets: int) -> tuple[Tuned, list[int]]:
    tested = splits.test_releases(TABLES, HORIZON, 2)
    validated = splits.validation_releases(TABLES, HORIZON, tested, 2)
    when, seen = tested[0].released_at, []
    for trials in budgets:
        features = featurize_all(TABLES, params(trials).featurize)
        result = tune(TABLES, features, validated, when, params(trials), journal, lambda n, *_: seen.append(n))
    return result, seen


def test_an_interrupted_study_goes_on_to_the_same_result(tmp_path: pathlib.Path) -> None:
    whole, all_trials = tuned(tmp_path / "a", 12)
    resumed, some_trials = tuned(tmp_path / "b", 5, 12)
    assert whole == resumed
    assert all_trials == some_trials == list(range(1, 13))


def test_fewer_trials_than_the_journal_holds_give_what_they_would_have_given_alone(tmp_path: pathlib.Path) -> None:
    assert tuned(tmp_path / "a", 8, 3)[0] == tuned(tmp_path / "b", 3)[0]


def test_a_run_killed_within_the_first_trial_still_begins_with_the_default(tmp_path: pathlib.Path) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("promotion_gate.learn.model.fit", kill)
        with pytest.raises(Killed):
            tuned(tmp_path / "a", 4)
    assert tuned(tmp_path / "a", 4)[0] == tuned(tmp_path / "b", 4)[0]


def test_the_default_stays_unless_the_interval_of_the_gain_lies_below_zero(tmp_path: pathlib.Path) -> None:
    result, _ = tuned(tmp_path / "a", 4)
    assert result.adopted == (result.difference[2] < 0)
    assert result.adopted or result.chosen == params(4).train.model
    assert tuned(tmp_path / "b", 0)[0].chosen == params(0).train.model


def test_everything_that_validates_is_over_before_the_first_test_release() -> None:
    tested = splits.test_releases(TABLES, HORIZON, 2)
    validated = splits.validation_releases(TABLES, HORIZON, tested, 5)
    assert [release.release for release in tested] == ["4.0", "5.0"]
    assert [release.release for release in validated] == ["2.0", "3.0"]
    assert all(release.released_at + HORIZON <= tested[0].released_at for release in validated)


def test_a_past_that_is_too_short_is_one_clear_line() -> None:
    with pytest.raises(InputError, match="no release can be tested: one is needed that came out at least 235 days"):
        splits.test_releases(Tables(**tiny_tables(releases=1)), HORIZON, 1)
