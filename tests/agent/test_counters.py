"""Counters: what was counted between two looks, resets and new series included, never twice."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.agent.counters import Series, differences, put, rise

COUNTS = st.integers(0, 1000)


def look(*samples):
    counts = {}
    for module, what, rest, bound, value in samples:
        put(counts, Series(module, "1", what, rest, bound), value)
    return counts


def seen(before, after, counts_errors=True):
    return next(differences(before, after, counts_errors))


def test_a_counter_that_rose():
    told = seen(
        look(("pay", "good", "200", None, 10), ("pay", "bad", "500", None, 2)),
        look(("pay", "good", "200", None, 17), ("pay", "bad", "500", None, 3)),
    )
    assert (told.module, told.version, told.requests, told.errors) == ("pay", "1", 8, 1)


def test_a_counter_that_fell_began_anew():
    assert seen(look(("pay", "good", "", None, 10)), look(("pay", "good", "", None, 4))).requests == 4


def test_a_series_that_was_not_there_began_at_zero():
    before = look(("pay", "good", "200", None, 10))
    after = look(("pay", "good", "200", None, 10), ("pay", "bad", "500", None, 3))
    assert (seen(before, after).requests, seen(before, after).errors) == (3, 3)


def test_without_a_word_on_what_a_failure_is_their_number_is_not_known():
    told = seen(look(("pay", "requests", "", None, 1)), look(("pay", "requests", "", None, 2)), counts_errors=False)
    assert told.errors is None


def test_a_version_that_tells_latency_alone_has_no_number_of_requests():
    buckets = [("pay", "latency", "", bound, 1) for bound in ("0.1", "+Inf")]
    told = seen({}, look(*buckets))
    assert told.requests is None
    assert told.latency_buckets == {"0.1": 1, "+Inf": 1}


def test_one_bucket_that_fell_means_that_the_whole_histogram_began_anew():
    before = look(("pay", "latency", "", "0.1", 10), ("pay", "latency", "", "+Inf", 10))
    after = look(("pay", "latency", "", "0.1", 9), ("pay", "latency", "", "+Inf", 12))
    assert seen(before, after).latency_buckets == {"0.1": 9, "+Inf": 12}  # by bucket it would be 9 and 2


def test_histograms_of_one_version_add_up_at_the_bounds_they_share():
    after = look(
        ("pay", "latency", "a", "0.1", 1),
        ("pay", "latency", "a", "+Inf", 3),
        ("pay", "latency", "b", "0.2", 5),
        ("pay", "latency", "b", "+Inf", 6),
    )
    assert seen({}, after).latency_buckets == {"+Inf": 9}


def test_buckets_that_are_not_cumulative_are_not_told():
    assert seen({}, look(("pay", "latency", "", "0.1", 5), ("pay", "latency", "", "+Inf", 3))).latency_buckets is None


def test_failures_that_are_ahead_of_their_requests_are_told_in_the_next_window():
    before = look(("pay", "requests", "", None, 10), ("pay", "errors", "", None, 0))
    meanwhile = look(("pay", "requests", "", None, 11), ("pay", "errors", "", None, 3))
    after = look(("pay", "requests", "", None, 13), ("pay", "errors", "", None, 3))
    first, second = seen(before, meanwhile), seen(meanwhile, after)
    assert [(told.requests, told.errors) for told in (first, second)] == [(1, 1), (2, 2)]


@given(st.lists(st.tuples(COUNTS, st.booleans()), max_size=20))
def test_all_that_is_counted_between_looks_is_told_once(steps):
    """A process counts; now and then it is started anew. Looks come before each restart, as those can be seen."""
    value, counted, told = 0, 0, 0
    for by, is_restarted in steps:
        before = value
        value, counted = value + by, counted + by
        told += rise(before, value)
        if is_restarted:
            value = 0
    assert told == counted


@given(COUNTS, COUNTS, COUNTS)
def test_a_restart_between_two_looks_never_tells_more_than_was_counted(before, until_restart, since):
    assert 0 <= rise(before, since) <= until_restart + since or since >= before


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=15))
def test_errors_never_exceed_requests_and_all_come_in_the_end(steps):
    """The counter of errors is read before or after that of requests: each look may be ahead by some."""
    requests = errors = told_requests = told_errors = 0
    before = look(("pay", "requests", "", None, 0), ("pay", "errors", "", None, 0))
    for by, failed in steps:
        requests, errors = requests + by, errors + failed
        after = look(("pay", "requests", "", None, requests), ("pay", "errors", "", None, errors))
        told = seen(before, after)
        assert told.errors <= told.requests
        told_requests, told_errors = told_requests + told.requests, told_errors + told.errors
        before = copy.deepcopy(after)
    assert told_requests == requests
    settled = seen(before, look(("pay", "requests", "", None, requests + 10**6), ("pay", "errors", "", None, errors)))
    assert told_errors + settled.errors == errors
