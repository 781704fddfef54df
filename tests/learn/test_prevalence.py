import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion_gate.learn import prevalence
from promotion_gate.learn.prevalence import Recent, forecast, forecast_error, share_of, smoothed

Counts = st.lists(st.integers(0, 40), min_size=5, max_size=5)


def recent(modules: int, failed: float, lately: float) -> Recent:
    return Recent(modules, np.array([failed, failed / 2, 0, 0]), np.array([lately, 0, 0, 0]))


@given(Counts, Counts, st.floats(0, 1))
@settings(deadline=None)
def test_a_forecast_falls_with_the_threshold_and_stays_a_share(past: list[int], last: list[int], part: float) -> None:
    shares = smoothed(np.cumsum(past[:0:-1])[::-1].astype(float), float(sum(past)))
    reached = np.cumsum(last[:0:-1])[::-1].astype(float)
    found = forecast(shares, Recent(sum(last), reached, reached * part))
    assert (np.diff(found) < 0).all()
    assert ((found > 0) & (found < 1)).all()


def test_a_forecast_rises_with_what_failed_before_lately_and_last() -> None:
    past = [share_of(np.repeat([0, 1], [100 - failed, failed])) for failed in (10, 30)]
    base = forecast(past[0], recent(100, 12, 7))
    assert (forecast(past[1], recent(100, 12, 7))[0], forecast(past[0], recent(100, 24, 14))[0]) > (base[0], base[0])
    assert forecast(past[0], recent(100, 12, 11))[0] > base[0] > forecast(past[0], recent(100, 12, 1))[0]


def test_a_steady_project_is_forecast_to_stay() -> None:
    past = share_of(np.repeat([0, 1, 2], [900, 60, 40]))
    steady = Recent(1000, np.array([100.0, 40, 0, 0]), np.array([60.0, 20, 0, 0]))
    np.testing.assert_allclose(forecast(past, steady)[:2], [0.1, 0.04], rtol=0.05)


def test_what_comes_to_be_known_late_is_no_decline() -> None:
    past = share_of(np.repeat([0, 1], [900, 100]))
    reached, lately = np.array([100.0, 0, 0, 0]), np.array([30.0, 0, 0, 0])
    used_to_it, surprised = (forecast(past, Recent(1000, reached, lately, usual))[0] for usual in (0.3, 0.6))
    assert surprised < used_to_it
    np.testing.assert_allclose(used_to_it, 0.1, rtol=0.05)


def test_older_releases_weigh_less() -> None:
    old, new = np.repeat([0, 1], [50, 50]), np.repeat([0, 1], [90, 10])
    assert share_of(new)[0] < share_of(old, new, weights=(0.25, 1))[0] < share_of(old, new, weights=(1, 1))[0]


@pytest.mark.parametrize("shares", [[], [0.1], [0.1] * 30])
def test_the_error_of_a_forecast_is_the_usual_one_until_the_past_tells(shares: list[float]) -> None:
    error = forecast_error(shares)
    assert error == prevalence.USUAL_ERROR if len(shares) < 2 else error < prevalence.USUAL_ERROR / 2


def test_a_restless_project_has_a_wider_forecast() -> None:
    assert forecast_error([0.02, 0.3, 0.02, 0.3]) > prevalence.USUAL_ERROR > forecast_error([0.1, 0.11, 0.1])
