import dataclasses

import numpy as np
import pandas as pd
import pytest

from promotion_gate.learn.familiarity import remarks
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
    return remarks(tables.as_of(LAST.released_at), LAST, HORIZON, np.array([number]))[0]


def test_a_module_like_those_of_the_past_calls_for_no_remark() -> None:
    now = TABLES.modules_of(LAST)
    past = TABLES.modules[TABLES.modules.release != LAST.release]
    inside = now.index[now["loc"].between(past["loc"].min(), past["loc"].max())]
    codes = {remark["code"] for number in inside[:5] for remark in of_module(with_figure("none"), number)}
    assert codes <= {"outside-training"}
    name = now.module[0]
    typical = past[["loc", "churn", "cyclomatic_complexity"]].median().to_dict()
    assert of_module(with_figure(name, **typical), 0) == []


@pytest.mark.parametrize(("value", "bound"), [(1e7, "at most"), (-5.0, "at least")])
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
    [found] = remarks(TABLES.as_of(release.released_at), release, HORIZON, np.array([0]))
    assert found[0]["code"] == "little-history"
    assert said in found[0]["message"]
