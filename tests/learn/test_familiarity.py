import dataclasses

import numpy as np
import pandas as pd
import pytest

from promotion_gate.learn.familiarity import Familiarity
from promotion_gate.learn.tables import Tables
from tests.factories import tiny_tables

TABLES = Tables(**tiny_tables(releases=4))
LAST = TABLES.timeline()[-1]
HORIZON = pd.Timedelta(days=235)


def with_figure(module: str, **metrics: float) -> Tables:
    """The tables with other figures of one module of the newest release."""
    rows = TABLES.modules.copy()
    where = (rows.release == LAST.release) & (rows.module == module)
    for name, value in metrics.items():
        rows.loc[where, name] = value
    return dataclasses.replace(TABLES, modules=rows)


def of_module(tables: Tables, number: int) -> list[dict[str, str]]:
    return Familiarity(tables.as_of(LAST.released_at), LAST, HORIZON).remarks(np.array([number]), {})[0]


def test_a_module_like_those_of_the_past_calls_for_no_remark() -> None:
    past = TABLES.modules[TABLES.modules.release != LAST.release]
    typical = past[["loc", "churn", "cyclomatic_complexity"]].median().to_dict()
    assert of_module(with_figure(TABLES.modules_of(LAST).module[0], **typical), 0) == []


def test_a_little_larger_than_ever_is_not_far() -> None:
    past = TABLES.modules[TABLES.modules.release != LAST.release]
    most, width = past["loc"].max(), past["loc"].max() - past["loc"].min()
    name = TABLES.modules_of(LAST).module[0]
    said = [of_module(with_figure(name, loc=most + width * part), 0) for part in (0.05, 0.2)]
    assert ["loc" in str(remark) for remark in said] == [False, True]


def test_a_metric_that_moved_in_the_whole_release_is_no_remark_on_a_module() -> None:
    rows = TABLES.modules.copy()
    rows.loc[rows.release == LAST.release, "loc"] += 1e6
    assert "loc" not in str(of_module(dataclasses.replace(TABLES, modules=rows), 0))


@pytest.mark.parametrize(("value", "bound"), [(1e7, "at most"), (-1e4, "at least")])
def test_a_metric_beyond_the_past_is_named_with_its_bound(value: float, bound: str) -> None:
    name = TABLES.modules_of(LAST).module[3]
    [remark] = [r for r in of_module(with_figure(name, loc=value), 3) if r["code"] == "outside-training"]
    assert f"loc {value:g} ({bound}" in remark["message"]
    assert "extrapolation" in remark["message"]


def test_missing_figures_lie_nowhere() -> None:
    name = TABLES.modules_of(LAST).module[0]
    nothing = {"loc": np.nan, "churn": np.nan, "cyclomatic_complexity": np.nan}
    assert of_module(with_figure(name, **nothing), 0) == []


@pytest.mark.parametrize(("number", "said"), [(0, "has 0 past releases"), (1, "has 1 past release to")])
def test_a_young_project_is_told(number: int, said: str) -> None:
    release = TABLES.timeline()[number]
    [found] = Familiarity(TABLES.as_of(release.released_at), release, HORIZON).remarks(np.array([0]), {})
    assert found[0]["code"] == "little-history"
    assert said in found[0]["message"]
