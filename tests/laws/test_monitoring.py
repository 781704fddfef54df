"""Laws of the detector: means of e-variables by enumeration, false alarms by simulation, what is monotone in what."""

import dataclasses
import datetime as dt
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import comb
from scipy.stats import binom

from promotion_gate import params
from promotion_gate.operate.monitoring import process
from promotion_gate.operate.monitoring.baseline import BLOCKS_LEAST, Tally, upper_bound
from promotion_gate.operate.monitoring.detector import begin, e_value, update
from promotion_gate.operate.monitoring.evidence import TILTS, Allowed, bounded, paired
from promotion_gate.operate.monitoring.latency import slow, slow_bound, slower
from promotion_gate.operate.monitoring.severity import GRADES, severity
from promotion_gate.operate.monitoring.shared import RARE, chance, risen
from promotion_gate.operate.monitoring.window import Watch, Window

RULES = params.load_rules(pathlib.Path(__file__).resolve().parents[2] / "params.yaml").policy.monitor
PROMOTED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WATCH = Watch("shop", "pay", "2", "1", PROMOTED, PROMOTED + dt.timedelta(hours=1))

rates = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-6, 1))
tolerances = st.builds(Allowed, st.sampled_from([0.0, 0.25, 1.0, 5.0]), st.sampled_from([0.0, 1e-4, 0.05, 0.4]))
sizes = st.integers(0, 25)


# ---- evidence


def chances(n, rate):
    """Of 0 to n bad requests; SciPy's overflows at rates near the least float."""
    counts = np.arange(n + 1)
    return comb(n, counts) * rate**counts * (1 - rate) ** (n - counts)


@given(sizes, rates, st.floats(0, 1))
def test_no_allowable_rate_has_a_mean_above_one(n, bound, part):
    means = chances(n, bound * part) @ np.exp(bounded(n, np.arange(n + 1), bound))
    assert (means <= 1 + 1e-9).all()


@given(sizes, sizes, st.floats(1e-6, 0.999), tolerances, st.floats(0, 1), st.floats(0, 1))
def test_no_allowable_pair_of_rates_has_a_mean_above_one(n, m, usual, allowed, rate, part):
    new, stable = np.arange(n + 1), np.arange(m + 1)
    log_e = paired(n, new[:, None], m, stable[None, :], usual, allowed)
    both = np.multiply.outer(chances(n, float(allowed(rate)) * part), chances(m, rate))
    assert (np.einsum("ij,ijt->t", both, np.exp(log_e)) <= 1 + 1e-9).all()


@given(st.integers(0, 1000), st.data(), rates, st.floats(1e-6, 0.999), tolerances)
def test_more_bad_requests_never_lower_the_evidence(n, data, bound, usual, allowed):
    fewer, more = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
    assert (bounded(n, more, bound) >= bounded(n, fewer, bound) - 1e-9).all()
    m = data.draw(st.integers(0, 1000))
    bad = data.draw(st.integers(0, m))
    assert (paired(n, more, m, bad, usual, allowed) >= paired(n, fewer, m, bad, usual, allowed) - 1e-9).all()
    better = data.draw(st.integers(0, bad))
    assert (paired(n, more, m, better, usual, allowed) >= paired(n, more, m, bad, usual, allowed) - 1e-9).all()


def test_with_a_large_stable_side_a_pair_is_as_good_as_a_known_rate():
    allowed = Allowed(0.25, 1e-4)
    beside = paired(500, 5, 10**9, 10**6, 1e-3, allowed)
    assert beside == pytest.approx(bounded(500, 5, allowed(1e-3)), abs=0.01)


# ---- process

log_numbers = st.floats(-20, 20)
vectors = st.lists(log_numbers, min_size=len(TILTS), max_size=len(TILTS)).map(np.array)


@given(vectors, vectors, st.floats(0, 0.1), st.integers(1, 4))
def test_a_window_adds_no_more_than_its_e_values_and_its_cap(stakes, log_e, stake, confirm):
    after = process.advance(stakes, log_e, stake, 0.01, confirm)
    placed = np.exp(stakes) + stake / len(TILTS)
    assert (np.exp(after) <= placed * np.exp(log_e) * (1 + 1e-9)).all()
    root = (process.METRICS * process.threshold(0.01)) ** (1 / confirm)
    assert (np.exp(after) <= root * np.maximum(placed, 1 / len(TILTS)) * (1 + 1e-9)).all()


@given(vectors, vectors, vectors, st.floats(0, 0.1))
def test_more_evidence_never_lowers_the_stakes(stakes, one, other, stake):
    low, high = (
        process.advance(stakes, log_e, stake, 0.01, 2) for log_e in (np.minimum(one, other), np.maximum(one, other))
    )
    assert (low <= high).all()


@given(st.integers(1, 25), st.floats(0.001, 0.5), vectors, st.floats(0, 0.4), st.floats(0, 0.4))
def test_the_e_value_does_not_rise_in_the_mean(n, bound, stakes, spent, stake):
    counts = np.arange(n + 1)
    stakes = np.minimum(stakes, 3.0)
    after = process.advance(
        np.broadcast_to(stakes, (n + 1, len(TILTS))), bounded(n, counts, bound), np.full(n + 1, stake), 0.01, 2
    )
    mean = chances(n, bound) @ process.value(after, spent + stake)
    assert mean <= process.value(stakes, spent) * (1 + 1e-9)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(60, 1e6))
def test_the_stake_is_placed_little_by_little_and_all_by_the_end(one, other, watch):
    early, late = (float(process.stake_spent(time, watch)) for time in sorted((one, other)))
    assert 0 <= early <= late <= 1
    assert float(process.stake_spent(watch, watch)) == 1


@pytest.mark.parametrize("rate", [1e-3, 0.05])
def test_false_alarms_stay_below_the_configured_rate(rate):
    """400 watches of 400 windows at the very edge of what is tolerated, looked at after each, at 10 %."""
    random, runs, alpha = np.random.default_rng(7), 400, 0.1
    stakes, best, spent = np.full((runs, len(TILTS)), -np.inf), np.zeros(runs), 0.0
    for number in range(400):
        until = float(process.stake_spent(10 * (number + 1), 4000))
        n = random.poisson(500, runs)
        log_e = bounded(n, random.binomial(n, rate), np.full(runs, rate))
        stakes = process.advance(stakes, log_e, np.full(runs, until - spent), alpha, 1)
        spent = until
        best = np.maximum(best, process.value(stakes, spent))
    alarms = (best >= 1 / alpha).sum()
    assert 0 < alarms <= binom.isf(1e-6, runs, alpha)


# ---- the past


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.01, 0.1]))
def test_the_bound_is_above_the_rate_and_nears_it_with_more_requests(one, other, alpha):
    bad, requests = sorted((one, other))
    bound = upper_bound(Tally(requests, bad), alpha)
    assert 0 <= bound <= 1
    assert bound * requests >= bad
    if requests:
        assert upper_bound(Tally(10 * requests, 10 * bad), alpha) <= bound + 1e-12


def test_the_bound_holds_as_often_as_it_says():
    random, rate, alpha = np.random.default_rng(3), 0.01, 0.5
    below = sum(upper_bound(Tally(2000, bad), alpha) < rate for bad in random.binomial(2000, rate, 4000))
    chance_of_it = alpha * process.BASELINE_SHARE / process.METRICS
    assert 0 < below <= binom.isf(1e-6, 4000, chance_of_it)


def tally(counts, requests=1000.0):
    found = Tally()
    for block, bad in enumerate(counts):
        found = found.add(block, requests, float(bad))
    return found


def test_the_dispersion_is_that_of_the_bursts():
    random = np.random.default_rng(5)
    plain = tally(random.binomial(1000, 0.02, 3000))
    bursts = tally(5 * random.poisson(4, 3000))
    assert plain.dispersion == pytest.approx(1, abs=0.1)
    assert bursts.dispersion == pytest.approx(5, abs=0.5)
    assert tally([0, 900] * (BLOCKS_LEAST // 2)).dispersion == 1  # the last block is not full yet


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40))
def test_the_dispersion_is_at_least_one(counts):
    assert tally(counts).dispersion >= 1


# ---- latency

histograms = st.lists(st.integers(0, 50), min_size=4, max_size=4).map(
    lambda counts: dict(zip(("0.1", "0.5", "2.5", "+Inf"), np.cumsum(counts).tolist(), strict=True))
)


@given(histograms, st.sampled_from([0.1, 0.3, 0.5, 2.0, 2.5, 3.0]))
def test_never_too_many_requests_are_slow(buckets, bound):
    found = slow(buckets, bound)
    if bound > 2.5:
        assert found is None
    else:
        assert found == max(count for other, count in slower(buckets).items() if other >= bound)


@given(histograms)
def test_the_bound_is_the_bucket_next_above_the_percentile(buckets):
    above = slower(buckets)
    bound = slow_bound(above, buckets["+Inf"])
    assert bound in above
    for other, count in above.items():
        if other < bound:
            assert count > 0.05 * buckets["+Inf"]


# ---- all at once


@given(st.lists(st.integers(0, 5), min_size=3, max_size=30), st.integers(6, 10**6))
def test_one_module_alone_is_no_event(counts, many):
    expected = np.full(len(counts), 3.0)
    for level in (0.05, 0.005):
        tails = np.ones(len(counts))
        tails[0] = level / 10
        assert float(chance(tails)) > RARE / 12
    bad = np.array([many, *[1] * (len(counts) - 1)])
    assert not risen(bad, expected, bad, expected)


def test_chance_alone_is_rarely_an_event():
    random, controls = np.random.default_rng(9), 12
    expected = random.uniform(0.01, 20, (4000, controls))
    bad = random.poisson(expected)
    lately = bad + random.poisson(5 * expected)
    events = risen(bad, expected, lately, 6 * expected).sum()
    assert events <= binom.isf(1e-6, 4000, RARE)


@given(st.integers(2, 40))
def test_a_tenfold_rise_of_all_is_an_event(controls):
    expected = np.full(controls, 5.0)
    assert risen(10 * expected, expected, 15 * expected, 6 * expected)


# ---- severity

shares = st.floats(-1, 1)


@given(shares, shares, shares, shares, st.floats(0, 1), st.floats(0, 1))
def test_the_severity_never_falls_with_effect_or_criticality(e1, e2, s1, s2, c1, c2):
    (e1, e2), (s1, s2), (c1, c2) = sorted((e1, e2)), sorted((s1, s2)), sorted((c1, c2))
    mild, severe = severity(e1, s1, c1, RULES), severity(e2, s2, c2, RULES)
    assert GRADES.index(mild) <= GRADES.index(severe)


# ---- the whole


@st.composite
def streams(draw):
    """Half an hour of the past, and windows of two modules after it that come as they like."""
    found = [Window("shop", "pay", "1", *span(-10 * number), 200, number % 2) for number in range(180, 0, -1)]
    for _ in range(draw(st.integers(0, 25))):
        second, module = draw(st.integers(-20, 300)), draw(st.sampled_from(["pay", "cart"]))
        version, requests = draw(st.sampled_from(["1", "2", None])), draw(st.integers(0, 300))
        found.append(Window("shop", module, version, *span(second), requests, draw(st.integers(0, requests))))
    return found


def span(second):
    start = PROMOTED + dt.timedelta(seconds=second)
    return start, start + dt.timedelta(seconds=10)


@settings(max_examples=50)
@given(streams(), st.data())
def test_how_the_windows_are_cut_into_calls_makes_no_difference(windows, data):
    cut = data.draw(st.integers(0, len(windows)))
    whole = update(begin(WATCH, RULES), windows)
    assert update(update(begin(WATCH, RULES), windows[:cut]), windows[cut:]) == whole


@settings(max_examples=50)
@given(streams())
def test_every_window_is_told_again_without_effect(windows):
    once = update(begin(WATCH, RULES), windows)
    again = update(once, windows)
    kept = ("errors", "slow", "past", "controls", "spent", "alarm")
    assert all(getattr(again, name) == getattr(once, name) for name in kept)


@settings(max_examples=50)
@given(streams(), st.data())
def test_more_errors_never_lower_the_e_value(windows, data):
    worse = [
        dataclasses.replace(one, errors=data.draw(st.integers(int(one.errors), int(one.requests))))
        if (one.module, one.version) == ("pay", "2")
        else one
        for one in windows
    ]
    later = [Window("shop", "cart", "7", *span(400), 1, 0)]
    milder, severer = (e_value(update(begin(WATCH, RULES), [*told, *later])) for told in (windows, worse))
    assert severer >= milder * (1 - 1e-9)
