import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion_gate.learn import margin, ridge


def two_projects(own_rows: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """A small project whose failures follow the first feature, beside a large one whose follow the second."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-0.5, 0.5, (own_rows + 3000, 2))
    projects = pd.Series(["own"] * own_rows + ["other"] * 3000)
    score = 5 * np.where(projects == "own", X[:, 0], X[:, 1]) - 1
    return X, rng.random(len(X)) < 1 / (1 + np.exp(-score)), projects


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=60))
@settings(deadline=None)
def test_every_project_has_the_same_mass_and_the_own_one_by_its_failures(rows: list[tuple[str, bool]]) -> None:
    names, failed = zip(*rows, strict=True)
    projects = pd.Series(names)
    equal = pd.Series(margin.equal_mass(projects)).groupby(projects).sum()
    np.testing.assert_allclose(equal, len(rows) / projects.nunique())
    own = (projects == "a").to_numpy()
    weight = margin.own_mass(projects, own, np.array(failed))
    np.testing.assert_allclose(weight.mean(), 1)
    if own.any() and not own.all():
        count = (own & np.array(failed)).sum()
        np.testing.assert_allclose(weight[own].sum() / len(rows), count / (count + margin.OTHERS_FAILURES))


def test_a_project_with_much_data_goes_its_own_way_and_one_with_little_that_of_the_others() -> None:
    found = {}
    for rows in (20, 3000):
        X, failed, projects = two_projects(rows)
        found[rows] = margin.coefficients(X, failed, projects, (projects == "own").to_numpy(), 0.1, np.zeros(2))
    assert found[3000][0] > 2 * found[3000][1]
    assert found[20][1] > 2 * found[20][0]


def test_an_unknown_project_has_the_fit_to_all_and_one_alone_its_own() -> None:
    X, failed, projects = two_projects(200)
    together = ridge.fit(X, failed, margin.equal_mass(projects), 0.1, np.zeros(2))
    nobody = margin.coefficients(X, failed, projects, np.zeros(len(X), bool), 0.1, np.zeros(2))
    assert nobody.tolist() == together.tolist()
    alone = margin.coefficients(X, failed, projects, np.ones(len(X), bool), 0.1, np.zeros(2))
    assert alone.tolist() == ridge.fit(X, failed, np.ones(len(X)), 0.1, np.zeros(2)).tolist()


def test_a_fold_is_scored_without_its_own_labels() -> None:
    X, failed, projects = two_projects(200)
    folds = np.arange(len(X)) % 4
    before = margin.out_of_fold(X, failed, projects, folds, 1.0, np.zeros(2))
    after = margin.out_of_fold(X, np.where(folds == 2, ~failed, failed), projects, folds, 1.0, np.zeros(2))
    assert before[folds == 2].tolist() == after[folds == 2].tolist()
    assert before.tolist() != after.tolist()


def test_normal_scores_keep_order_and_spread_and_spare_criticality() -> None:
    ranks = (np.arange(2001) + 0.5) / 2001 - 0.5
    found = margin.normal_scores(np.column_stack([ranks, ranks + 0.5]), ("loc", "criticality"))
    assert (np.diff(found[:, 0]) > 0).all()
    assert found[1000, 0] == 0
    np.testing.assert_allclose(found[:, 0].std(), ranks.std(), rtol=0.01)
    assert found[-1, 0] > 1.9 * ranks[-1]
    assert found[:, 1].tolist() == (ranks + 0.5).tolist()
