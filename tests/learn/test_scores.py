import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from promotion_gate.learn import scores

samples = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 60))
    level = rng.integers(0, 5, n) * (rng.random(n) < 0.5)
    level[:2] = 0, 3
    return level, rng.integers(0, 8, n) / 8, rng.integers(0, 4, (3, n)) + np.eye(3, n)


@given(samples)
@settings(deadline=None)
def test_ranking_figures_are_scikit_learns_with_ties_and_weights(seed: int) -> None:
    level, score, weights = drawn(seed)
    failed = level > 0
    for ours, theirs in (
        (scores.auc, metrics.roc_auc_score),
        (scores.average_precision, metrics.average_precision_score),
    ):
        for value, weight in zip(ours(level, score, weights), weights, strict=True):
            if weight[failed].sum() and weight[~failed].sum():
                assert value == pytest.approx(theirs(failed, score, sample_weight=weight))


def test_losses() -> None:
    level = np.array([0, 4])
    p = np.array([[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0.75, 0.25]])
    assert scores.exactly(scores.log_loss, level, p) == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2)
    assert scores.exactly(scores.log_loss_failure, level, np.array([0.5, 0.25])) == pytest.approx(
        -(np.log(0.5) + np.log(0.25)) / 2
    )
    assert scores.exactly(scores.log_loss, np.array([1]), p[1:]) == pytest.approx(-np.log(1e-6))


def test_calibration_error_of_the_truth_is_small_and_of_a_lie_is_its_size() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    failed = rng.random(20_000) < p
    assert scores.expected_calibration_error(failed, p) < 0.02
    assert scores.expected_calibration_error(np.zeros(50, bool), np.full(50, 0.3)) == pytest.approx(0.3)


def test_recall_at_effort_reads_the_densest_modules_first() -> None:
    failed, loc = np.array([True, False, True]), np.array([10.0, 10.0, 80.0])
    assert scores.recall_at_effort(failed, np.array([0.9, 0.5, 0.8]), loc) == 0.5


def test_a_paired_difference_sees_a_better_predictor_and_none_between_equals() -> None:
    rng = np.random.default_rng(2)
    level = (rng.random(400) < 0.2).astype(np.int64)
    good, poor = level + rng.normal(0, 0.5, 400), level + rng.normal(0, 5, 400)
    exact, low, high = scores.paired_difference({"r": (level, good, poor)}, scores.auc, 200, 1)
    assert 0 < low <= exact <= high
    assert scores.paired_difference({"r": (level, good, good)}, scores.auc, 50, 1) == (0, 0, 0)
