"""The back-test of the promise: forward in time, by what was known at each release's date."""

import dataclasses

import pandas as pd
import pytest

from promotion_gate.decide.risk_control import SEVERE, Promise, promises
from promotion_gate.learn.labels import worst_levels
from promotion_gate.learn.tables import Tables
from tests.factories import tiny_tables

HORIZON = pd.Timedelta(days=235)
TABLES = Tables(**tiny_tables(modules=200, releases=4))


def scored(tables: Tables) -> pd.DataFrame:
    """Every module of every release, scored by its size."""
    rows = tables.modules[["project", "release", "module"]]
    return rows.assign(fis=tables.modules["loc"].rank(pct=True))


def by_hand(tables: Tables, name: str) -> list[float]:
    """Scores of a release's severe failures."""
    release = next(release for release in tables.timeline() if release.release == name)
    rows = scored(tables)[tables.modules.release == name]
    return sorted(rows.fis[worst_levels(tables, release, rows.module, HORIZON) >= SEVERE])


def test_the_first_release_gets_no_promise_and_the_next_learns_from_it() -> None:
    first, second, *_ = promises(scored(TABLES), TABLES, HORIZON, 0.5)
    assert first == Promise("tiny", "1.0", 0.5, 0, None, None, len(by_hand(TABLES, "1.0")), None, None, None)
    past, severe = by_hand(TABLES, "1.0"), by_hand(TABLES, "2.0")
    assert second.learnt_from == len(past) > 2
    assert second.threshold == past[int(0.5 * (len(past) + 1)) - 1]
    assert second.severe == len(severe)
    assert second.escaped == sum(score < second.threshold for score in severe)
    assert second.kept == (second.escaped <= 0.5 * second.severe)
    rows = scored(TABLES)[TABLES.modules.release == "2.0"]
    assert second.blocked == (rows.fis >= second.threshold).mean()


def test_all_earlier_releases_count() -> None:
    last = promises(scored(TABLES), TABLES, HORIZON, 0.5)[-1]
    assert last.learnt_from == sum(len(by_hand(TABLES, name)) for name in ("1.0", "2.0", "3.0"))


def test_the_future_changes_no_threshold() -> None:
    late = TABLES.failures.assign(resolved_at=TABLES.failures.resolved_at)
    late.loc[late.occurred_at < pd.Timestamp("2021-01-01", tz="UTC"), "resolved_at"] = pd.Timestamp(
        "2022-06-01", tz="UTC"
    )
    unknown = promises(scored(TABLES), dataclasses.replace(TABLES, failures=late), HORIZON, 0.5)
    known = promises(scored(TABLES), TABLES, HORIZON, 0.5)
    assert [made.learnt_from for made in unknown[:2]] == [0, 0]
    assert unknown[2].learnt_from == known[2].learnt_from - known[1].learnt_from
    assert unknown[3] == known[3]


def test_a_release_whose_window_is_not_over_teaches_nothing() -> None:
    found = promises(scored(TABLES), TABLES, pd.Timedelta(days=500), 0.5)
    assert [made.learnt_from > 0 for made in found] == [False, False, True, True]


def test_projects_do_not_teach_one_another() -> None:
    parts = [tiny_tables(modules=200, releases=4), tiny_tables(modules=200, releases=2, seed=2)]
    parts[1] = {name: table.assign(project="other") for name, table in parts[1].items()}
    both = Tables(**{name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]})
    together = promises(scored(both), both, HORIZON, 0.5)
    alone = promises(scored(TABLES), TABLES, HORIZON, 0.5)
    assert [made.learnt_from for made in together if made.project == "tiny"] == [made.learnt_from for made in alone]


def test_without_severe_failures_nothing_is_kept_or_broken() -> None:
    mild = TABLES.failures.copy()
    mild.loc[mild.occurred_at >= pd.Timestamp("2021-01-01", tz="UTC"), "severity"] = "low"
    second = promises(scored(TABLES), dataclasses.replace(TABLES, failures=mild), HORIZON, 0.5)[1]
    assert (second.severe, second.escaped, second.kept, second.chance) == (0, 0, None, pytest.approx(1))
