import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion_gate.learn.features import (
    KEYS,
    before_of,
    centred_ranks,
    criticality_basis,
    criticality_of,
    direction,
    featurize_all,
)
from promotion_gate.learn.graph import adjacency, coupling
from promotion_gate.learn.history import NEVER_DAYS, failure_history, in_the_tree
from promotion_gate.learn.tables import Tables
from promotion_gate.params import Featurize
from tests.factories import tiny_tables

HALF_LIVES = Featurize(half_lives_days=(60, 180, 720))


def edges_of(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["module", "depends_on"])


def test_coupling_of_a_chain_with_a_cycle() -> None:
    edges = adjacency(list("abcd"), edges_of(("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("d", "x"), ("a", "a")))
    found = coupling(edges)
    assert found["fan_in"].tolist() == [0, 2, 1, 1]
    assert found["fan_out"].tolist() == [1, 1, 2, 0]
    assert found["transitive_dependents"].tolist() == [0, 2, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=25))
@settings(deadline=None)
def test_transitive_dependents_are_what_a_walk_reaches(pairs: list[tuple[int, int]]) -> None:
    names = [str(n) for n in range(8)]
    dependents: dict[str, set[str]] = {name: set() for name in names}
    for tail, head in pairs:
        if tail != head:
            dependents[str(head)].add(str(tail))

    def reach(name: str) -> set[str]:
        seen: set[str] = set()
        todo = [name]
        while todo:
            todo += [other for other in dependents[todo.pop()] if other not in seen and not seen.add(other)]
        return seen - {name}

    found = coupling(adjacency(names, edges_of(*((str(t), str(h)) for t, h in pairs))))
    assert found["transitive_dependents"].tolist() == [len(reach(name)) for name in names]


def test_history_counts_decays_and_looks_around() -> None:
    when = pd.Timestamp("2020-07-01", tz="UTC")
    failures = pd.DataFrame(
        {
            "module": ["p/a", "p/a", "q/c"],
            "severity": ["low", "critical", "high"],
            "occurred_at": [when - pd.Timedelta(days=180), when, when],
        }
    )
    modules = pd.Series(["p/a", "p/b", "q/c"])
    edges = adjacency(modules.tolist(), edges_of(("p/b", "q/c")))
    found = failure_history(modules, failures, when, edges, [60, 180, 720])
    assert found["failures"].tolist() == [2, 0, 1]
    assert found["failures_critical"].tolist() == [1, 0, 0]
    assert found["failures_180d"].tolist() == [1.5, 0, 1]
    assert found["days_since_failure"].tolist() == [0, NEVER_DAYS, 0]
    assert found["neighbour_failures"].tolist() == [0, 1, 0]
    lasting = np.exp2(-180 / 720) + 1
    mean = (lasting + 1) / 3
    np.testing.assert_allclose(found["folder_failures"], [5 * mean / 6, (lasting + 5 * mean) / 6, mean])
    np.testing.assert_allclose(
        found["parent_folder_failures"], (lasting + 1 - np.array([lasting, 0, 1]) + 5 * mean) / 7
    )


@given(st.lists(st.tuples(st.sampled_from(["a/b/m", "a/b/n", "a/c/m", "d/m", "e"]), st.floats(0, 9)), min_size=2))
def test_a_neighbourhood_says_nothing_of_the_module_itself_and_stays_within_what_it_saw(
    rows: list[tuple[str, float]],
) -> None:
    modules = pd.Series([f"{name}{n}" for n, (name, _) in enumerate(rows)])
    values = np.array([value for _, value in rows])
    found = in_the_tree(modules, values)
    for n in range(len(rows)):
        others = np.delete(values, n)
        assert others.min() - 1e-9 <= found[n] <= others.max() + 1e-9
    changed = values.copy()
    changed[0] += 1
    again = in_the_tree(modules, changed)
    assert again[0] == pytest.approx(found[0])
    assert (again[1:] > found[1:]).all()


def test_a_deeper_folder_weighs_more_than_a_higher_one() -> None:
    modules = pd.Series(["a/b/x", "a/b/y", "a/c/x", "a/c/y", "d/z"])
    found = in_the_tree(modules, np.array([0.0, 9, 0, 0, 0]))
    assert found[0] > found[2] > 0


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=30))
def test_ranks_are_centred_and_do_not_change_with_scale(values: list[float]) -> None:
    frame = pd.DataFrame({"x": values})
    ranks = centred_ranks(frame)["x"]
    assert ranks.between(-0.5, 0.5).all()
    assert abs(ranks.sum()) < 1e-9 * len(values) + 1e-9
    assert (ranks[frame.x.isna()] == 0).all()
    pd.testing.assert_series_equal(ranks, centred_ranks(frame * 2)["x"])


def test_decreed_criticality_goes_before_inferred_and_a_name_before_a_glob() -> None:
    tables = Tables(**tiny_tables())
    decreed = pd.DataFrame(
        {
            "project": "tiny",
            "module": ["src/*", "src/part0/*", "src/part0/module000.py"],
            "criticality": [0.2, 0.4, 0.9],
        }
    )
    release = tables.timeline()[0]
    modules = pd.Series(["src/part0/module000.py", "src/part0/module005.py", "src/part1/module001.py", "other.py"])
    found = criticality_of(
        dataclasses.replace(tables, criticality=decreed), release, modules, np.array([0.0, 0.0, 0.0, 3.0])
    )
    assert found.tolist() == [0.9, 0.4, 0.2, 1.0]


def seen(*requests: tuple[str, int, float]) -> pd.DataFrame:
    """Telemetry of a project: module, day, requests."""
    day = pd.Timestamp("2020-01-01", tz="UTC")
    rows = [
        {"project": "tiny", "module": module, "window_end": day + pd.Timedelta(days=days), "requests": count}
        for module, days, count in requests
    ]
    return pd.DataFrame(rows).astype({"requests": float})


def criticality(telemetry: pd.DataFrame, dependents: list[float]) -> list[float]:
    tables = Tables(**tiny_tables())
    known = dataclasses.replace(tables, telemetry=telemetry, criticality=tables.criticality.iloc[:0])
    modules = pd.Series(list("abcd"))
    return criticality_of(known, tables.timeline()[0], modules, np.array(dependents)).tolist()


def test_inferred_criticality_is_the_larger_share_of_dependents_and_of_recent_requests() -> None:
    telemetry = seen(("a", 0, 1e9), ("a", 100, 60), ("b", 100, 20), ("b", 120, 20), ("b", 120, np.nan))
    assert criticality(telemetry, [0, 3, 1, 0]) == pytest.approx([0.6, 1, 1 / 3, 0])


def test_without_telemetry_criticality_is_the_graph_s_alone() -> None:
    tables = Tables(**tiny_tables())
    for telemetry in (tables.telemetry.iloc[:0], seen(("a", 0, 0)), seen(("a", 0, np.nan))):
        assert criticality(telemetry, [0, 3, 1, 2]) == [0, 1, 1 / 3, 2 / 3]


@given(st.lists(st.floats(0, 1e9), min_size=4, max_size=4), st.integers(0, 3), st.floats(0, 1e9), st.integers(0, 3))
@settings(deadline=None)
def test_criticality_never_falls_with_requests_or_dependents(
    requests: list[float], at: int, more: float, dependents: int
) -> None:
    def with_more(extra: float, graph: float) -> float:
        counts = [count + extra * (at == n) for n, count in enumerate(requests)]
        telemetry = seen(*((module, 0, count) for module, count in zip("abcd", counts, strict=True)))
        return criticality(telemetry, [graph] * 4)[at]

    before = with_more(0, dependents)
    assert 0 <= before <= 1
    assert with_more(more, dependents) >= before - 1e-12
    assert with_more(0, min(3, dependents + 1)) >= before


def test_the_basis_of_a_criticality_is_told() -> None:
    tables = Tables(**tiny_tables())
    decreed = pd.DataFrame({"project": "tiny", "module": ["c"], "criticality": [0.2]})
    known = dataclasses.replace(tables, telemetry=seen(("a", 0, 60), ("b", 0, 40)), criticality=decreed)
    release, modules = tables.timeline()[0], pd.Series(list("abcd"))
    values = criticality_of(known, release, modules, np.array([0.0, 3, 0, 0]))
    assert criticality_basis(known, release, modules, values) == [
        "for 60 % of the requests go to it", "for 100 % of the other modules depend on it", "as decreed",
        "for 0 % of the other modules depend on it",
    ]  # fmt: skip


def test_growth_is_the_change_since_the_previous_release() -> None:
    tables = Tables(**tiny_tables())
    first, second, _ = tables.timeline()
    rows = tables.modules_of(second)
    found = rows["loc"] - before_of(tables, second, rows, ["loc"])["loc"]
    joined = ~rows.module.isin(tables.modules_of(first).module)
    assert joined.sum() == 2
    assert found[joined].isna().all()
    assert (found[~joined] == 10).all()
    assert before_of(tables, first, tables.modules_of(first), ["loc"])["loc"].isna().all()


def test_features_hold_every_module_once_and_only_numbers() -> None:
    tables = Tables(**tiny_tables())
    features = featurize_all(tables, HALF_LIVES)
    assert len(features) == len(tables.modules) == len(features[KEYS].drop_duplicates())
    assert np.isfinite(features.drop(columns=KEYS).to_numpy(float)).all()


def test_the_order_of_rows_does_not_matter() -> None:
    tables = Tables(**tiny_tables())
    shuffled = Tables(
        **{
            name: getattr(tables, name).sample(frac=1, random_state=3).reset_index(drop=True)
            for name in Tables.__dataclass_fields__
        }
    )
    pd.testing.assert_frame_equal(featurize_all(tables, HALF_LIVES), featurize_all(shuffled, HALF_LIVES))


def test_risk_moves_one_way_with_what_has_a_meaning() -> None:
    assert {direction(n) for n in ("loc", "churn", "fan_in", "failures_60d", "folder_failures", "criticality")} == {1}
    assert direction("days_since_failure") == -1
    assert direction("comment_lines") == 0
