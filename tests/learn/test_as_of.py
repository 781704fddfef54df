"""The as-of rule: what comes to be known later changes nothing that was computed for earlier."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from promotion_gate.learn import model
from promotion_gate.learn.dataset import rows_of, training_set
from promotion_gate.learn.features import featurize, featurize_all
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import load
from tests.factories import tiny_tables

PARAMS = load()
HORIZON = pd.Timedelta(days=235)


def planted(tables: Tables, table: str, after: pd.Timestamp) -> Tables:
    """The tables with rows that came to be known after a moment, one for every module of the data set."""
    names = sorted(tables.modules.module.unique())
    later, much_later = after + pd.Timedelta(days=1), after + pd.Timedelta(days=40)
    made: dict[str, object] = {
        "failures": {
            "failure_id": [f"planted-{n}" for n in range(len(names))],
            "severity": "critical",
            "occurred_at": after - pd.Timedelta(days=1),
            "resolved_at": later,
        },
        "dependencies": {"release": "9.0", "depends_on": names[0]},
        "coverage": {"release": "9.0", "suite": "unit", "lines_covered": 1, "lines_total": 10},
        "telemetry": {
            "window_start": after - pd.Timedelta(days=1),
            "window_end": later,
            "requests": 1e6,
            "errors": 1e6,
            "latency_p95_s": 9.0,
            "cpu_seconds": 9.0,
            "load": 1.0,
        },
        "modules": {"release": "9.0", "loc": 1e6, "cyclomatic_complexity": 1e6, "churn": 1e6},
    }[table]
    rows = {table: pd.DataFrame({"project": "tiny", "module": names, **made})}
    rows["releases"] = pd.DataFrame({"project": ["tiny"], "release": ["9.0"], "released_at": [much_later]})
    rows.setdefault("modules", pd.DataFrame({"project": "tiny", "release": "9.0", "module": names, "loc": 1.0}))
    grown = {name: pd.concat([getattr(tables, name), new], ignore_index=True) for name, new in rows.items()}
    return dataclasses.replace(tables, **grown)


@pytest.mark.parametrize("table", ["failures", "dependencies", "coverage", "telemetry", "modules"])
def test_what_is_known_later_changes_no_feature_label_or_prediction(table: str) -> None:
    tables = Tables(**tiny_tables(releases=4))
    last = tables.timeline()[-1]

    def all_of(known: Tables) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        features = featurize_all(known, PARAMS.featurize)
        data = training_set(known, features, last.released_at, HORIZON, 8)
        assert data is not None
        fitted = model.fit(data, "tiny", PARAMS, PARAMS.train.model)
        return rows_of(features, last), data.level, fitted.predict(rows_of(features, last))

    before, after = all_of(tables), all_of(planted(tables, table, last.released_at))
    pd.testing.assert_frame_equal(before[0].reset_index(drop=True), after[0].reset_index(drop=True)[before[0].columns])
    assert before[1].tolist() == after[1].tolist()
    assert before[2].tolist() == after[2].tolist()


@pytest.mark.parametrize("table", ["failures", "telemetry"])
def test_the_planted_rows_do_change_what_is_computed_once_they_are_known(table: str) -> None:
    tables = Tables(**tiny_tables(releases=4))
    last = tables.timeline()[-1]
    changed = planted(tables, table, last.released_at)
    if table == "failures":  # all alike would leave the ranks alone
        changed = dataclasses.replace(changed, failures=changed.failures.iloc[:-20])
    else:
        changed = dataclasses.replace(changed, telemetry=changed.telemetry.iloc[:-20])
    soon = last.released_at + pd.Timedelta(days=2)
    args = (last, soon, PARAMS.featurize)
    assert not featurize(tables.as_of(soon), *args).equals(featurize(changed.as_of(soon), *args))


def test_a_cut_knows_what_was_out_resolved_and_over() -> None:
    tables = Tables(**tiny_tables())
    when = pd.Timestamp("2021-01-01", tz="UTC")
    known = tables.as_of(when)
    assert set(known.releases.release) == {"1.0", "2.0"} == set(known.modules.release)
    assert known.failures.resolved_at.max() <= when
    assert len(tables.as_of(pd.Timestamp("2019-01-01", tz="UTC")).telemetry) == 0


def test_a_failure_that_a_moved_tracker_dates_after_its_fix_is_known_from_its_fix_on() -> None:
    tables = Tables(**tiny_tables())
    when = pd.Timestamp("2021-01-01", tz="UTC")
    moved = tables.failures.assign(
        occurred_at=when + pd.Timedelta(days=90), resolved_at=tables.failures.resolved_at.where(lambda t: t <= when)
    )
    known = dataclasses.replace(tables, failures=moved).as_of(when).failures
    assert len(known) == (tables.failures.resolved_at <= when).sum() > 0
    assert (known.occurred_at == known.resolved_at).all()


def test_an_open_failure_is_known_to_nobody() -> None:
    tables = Tables(**tiny_tables())
    never = pd.Series(pd.NaT, index=tables.failures.index, dtype="datetime64[us, UTC]")
    open_ones = tables.failures.assign(resolved_at=never)
    assert len(dataclasses.replace(tables, failures=open_ones).as_of(tables.end_of_log()).failures) == 0


def test_timeline_and_newest() -> None:
    tables = Tables(**tiny_tables())
    assert [release.release for release in tables.timeline()] == ["1.0", "2.0", "3.0"]
    assert tables.newest() == [Release("tiny", "3.0", pd.Timestamp("2022-01-01", tz="UTC"))]
