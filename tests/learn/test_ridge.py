import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from promotion_gate.learn import ridge


@given(st.integers(0, 10_000), st.sampled_from([0.03, 0.1, 1.0, 10.0]))
@settings(deadline=None, max_examples=25)
def test_with_a_prior_of_zeros_it_is_scikit_learns(seed: int, c: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-0.5, 0.5, (150, 4))
    failed = rng.random(150) < 0.3
    weight = rng.uniform(0.5, 1.5, 150)
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=5000).fit(X, failed, sample_weight=weight).coef_[0]
    np.testing.assert_allclose(ridge.fit(X, failed, weight, c, np.zeros(4)), theirs, atol=2e-3)


def test_without_anything_to_learn_the_prior_stays() -> None:
    X, prior = np.random.default_rng(1).uniform(-0.5, 0.5, (30, 3)), np.array([2.0, 0.0, -1.0])
    found = ridge.fit(X, np.zeros(30, bool), np.ones(30), 0.1, prior)
    np.testing.assert_allclose(found, prior, atol=0.1)


@pytest.mark.parametrize("c", [1e-6, 1e6])
def test_the_penalty_chooses_between_prior_and_data(c: float) -> None:
    rng = np.random.default_rng(2)
    X = rng.uniform(-0.5, 0.5, (4000, 1))
    failed = rng.random(4000) < 1 / (1 + np.exp(-3 * X[:, 0]))
    found = ridge.fit(X, failed, np.ones(4000), c, np.array([-5.0]))
    np.testing.assert_allclose(found, [-5.0] if c < 1 else [3.0], atol=0.4)


def test_it_converges_from_a_prior_far_away() -> None:
    rng = np.random.default_rng(4)
    shared = rng.uniform(-0.5, 0.5, (400, 1))
    X = np.clip(shared + rng.normal(0, 0.05, (400, 12)), -0.5, 0.5)
    failed = rng.random(400) < 0.02
    found = ridge.fit(X, failed, np.ones(400), 3.0, np.full(12, 100 / 12))
    assert np.isfinite(found).all()


def test_the_covariance_is_the_scatter_of_the_coefficients_over_samples() -> None:
    rng = np.random.default_rng(5)
    X = rng.uniform(-0.5, 0.5, (3000, 3))
    probability = 1 / (1 + np.exp(1 - X @ np.array([3.0, 1.0, 0.0])))
    found = [ridge.fit(X, rng.random(3000) < probability, np.ones(3000), 1e6, np.zeros(3)) for _ in range(150)]
    spread = np.sqrt(np.diag(ridge.covariance(X, probability, 1e6)))
    np.testing.assert_allclose(np.std(found, axis=0), spread, rtol=0.25)


def test_without_data_the_covariance_is_the_prior_s() -> None:
    np.testing.assert_allclose(ridge.covariance(np.zeros((5, 2)), np.full(5, 0.1), 0.1), np.eye(2) * 0.1)
