"""A promoted version is watched: what is seen when, and what is not taken for its failure."""

import dataclasses
import datetime as dt
from dataclasses import replace

import pytest
from monitored import PROMOTED, RULES, WATCH, at, latencies, merged, others, past, window

from promotion_gate.operate.monitoring.detector import begin, e_value, update
from promotion_gate.operate.monitoring.verdict import verdict


def watched(*streams, watch=WATCH, rules=RULES):
    return update(begin(watch, rules), merged(*streams))


def new(begin_s, end_s, errors, requests=500, **more):
    return [window(second, requests, errors, **more) for second in range(begin_s, end_s, 10)]


def alarm_after(state, windows):
    """Seconds after the promotion at which the windows raise the alarm, by the clock of what has arrived."""
    for one in windows:
        state = update(state, [one])
        if verdict(state).state == "degraded":
            return (state.newest - PROMOTED).total_seconds()
    return None


def test_twenty_percent_errors_are_seen_within_forty_seconds_of_the_fault():
    state = watched(past(), new(30, 300, 0))
    assert verdict(state).state != "degraded"
    assert alarm_after(state, new(300, 600, 100)) <= 340


def test_the_verdict_tells_since_when_how_much_and_how_severe():
    state = watched(past(), new(30, 300, 1), new(300, 400, 100))
    found = verdict(state)
    assert (found.state, found.severity) == ("degraded", "critical")
    assert found.window_start == at(300)
    assert found.effect == pytest.approx(0.199, abs=1e-3)
    assert found.counts["errors"] / found.counts["requests"] == 0.2
    assert found.e_value >= found.evidence["threshold"]
    assert found.evidence["measure"] == "errors"
    assert (found.evidence["past_errors"], found.evidence["past_requests"]) == (360, 360_000)
    assert {type(value) for value in found.evidence.values()} <= {int, float, str}


def test_an_alarm_stays():
    state = watched(past(), new(30, 100, 100), new(100, 10_000, 0))
    assert verdict(state).state == "degraded"
    assert verdict(state).window_end < at(100)


def test_a_version_like_the_one_before_is_healthy_in_time():
    state = begin(WATCH, RULES)
    states = []
    for one in merged(past(), [window(second, 500, second // 10 % 2) for second in range(30, 20_000, 10)]):
        state = update(state, [one])
        states.append(verdict(state).state)
    assert states[-1] == "healthy"
    assert "degraded" not in states
    assert states.index("healthy") > states.index("watching")


def test_one_error_in_a_million_after_none_is_no_alarm_and_a_fifth_is_one_at_once():
    clean = watched(past(5.6, errors=lambda _: 0), new(30, 60, 0))
    assert verdict(clean).evidence["past_requests"] > 1_000_000
    assert alarm_after(clean, [*new(60, 70, 1), *new(70, 5_000, 0)]) is None
    assert alarm_after(clean, new(60, 200, 100)) <= 100


@pytest.mark.parametrize("errors", [450, 20])
def test_no_single_window_gives_an_alarm(errors):
    state = watched(past(), new(30, 300, 0), new(300, 310, errors), new(310, 330, 0))
    assert state.received.judged == 29
    assert verdict(state).state == "healthy"


def test_a_deploy_blip_within_the_grace_is_not_judged():
    assert alarm_after(watched(past()), [*new(0, 30, 250), *new(30, 600, 0)]) is None
    assert alarm_after(watched(past()), new(0, 600, 250)) is not None


def test_nothing_is_said_before_the_least_traffic():
    few = dataclasses.replace(begin(WATCH, RULES))
    state = update(few, merged(past(), new(30, 120, 5, requests=10)))
    assert state.errors.total.requests == 80
    assert e_value(state) > verdict(state).evidence["threshold"]
    assert verdict(state).state == "watching"
    assert verdict(update(state, new(120, 160, 5, requests=10))).state == "degraded"


# ---- missing data


def test_no_windows_at_all_are_no_data():
    assert verdict(begin(WATCH, RULES)).state == "no-data"


def test_a_version_that_is_not_seen_any_more_has_no_data():
    state = watched(past(), new(30, 100, 0), others(30, 100))
    assert verdict(state).state == "watching"
    state = update(state, others(100, 200))
    assert verdict(state).state == "no-data"
    assert "no requests of 2" in verdict(state).evidence["reason"]
    assert verdict(update(state, merged(new(200, 220, 0), others(200, 230)))).state == "watching"


def test_windows_without_requests_or_counts_are_no_data():
    state = watched(past(), new(30, 200, 0, requests=0))
    assert verdict(state).state == "no-data"
    state = watched(past(), new(30, 200, None))
    assert (verdict(state).state, state.received.missing) == ("no-data", 16)


def test_without_a_past_there_is_nothing_to_compare_with():
    state = watched(new(30, 200, 100))
    assert verdict(state).state == "no-data"
    assert "to compare with" in verdict(state).evidence["reason"]


def test_the_end_of_the_watch_is_not_a_silence():
    watch = dataclasses.replace(WATCH, until=at(300))
    state = watched(past(), new(30, 2_000, 0), watch=watch)
    assert verdict(state).state == "healthy"
    assert state.errors.total.requests == 27 * 500


# ---- what all modules share


OUTAGE = range(600, 900)


def outage(second, usual=0):
    return 150 if second in OUTAGE else usual


def test_a_rise_that_all_modules_share_is_not_this_modules_failure():
    elsewhere = [*others(-7200, 1800, lambda second, _: outage(second))]
    own = [window(second, 500, outage(second)) for second in range(30, 1800, 10)]
    state = watched(past(), elsewhere, own)
    assert (verdict(state).state, state.received.event) == ("healthy", 30)
    during = watched(
        past(), (one for one in elsewhere if one.end <= at(800)), (one for one in own if one.end <= at(800))
    )
    assert verdict(during).state == "system-event"


def test_the_same_rise_of_this_module_alone_is_its_failure():
    own = [window(second, 500, outage(second)) for second in range(30, 1800, 10)]
    assert verdict(watched(past(), others(-7200, 1800), own)).state == "degraded"


def test_one_other_modules_failure_is_no_system_event():
    elsewhere = [*others(-7200, 600), *others(600, 900, count=5)]
    elsewhere += [window(second, 500, 200, "7", "m5") for second in range(600, 900, 10)]
    state = watched(past(), elsewhere, new(30, 900, 0))
    assert state.received.event == 0


def test_a_failure_that_begins_under_cover_of_an_outage_is_seen_when_that_ends():
    elsewhere = [*others(-7200, 1800, lambda second, _: outage(second))]
    own = [window(second, 500, 100 if second >= 700 else outage(second)) for second in range(30, 1800, 10)]
    state = begin(WATCH, RULES)
    alarm = alarm_after(state, merged(past(), elsewhere, own))
    assert OUTAGE.stop < alarm <= OUTAGE.stop + 60


def test_slow_answers_everywhere_are_a_system_event_too():
    def slow(second):
        return 200 if second in OUTAGE else 20

    elsewhere = [
        window(second, 500, 0, "7", f"m{number}", latencies(500, slow(second)))
        for second in range(-7200, 1800, 10)
        for number in range(6)
    ]
    own = [window(second, 500, 0, buckets=latencies(500, slow(second))) for second in range(30, 1800, 10)]
    assert verdict(watched(past(), elsewhere, own)).state == "healthy"
    assert verdict(watched(past(), own)).state == "degraded"


# ---- latency, versions side by side


def test_slow_answers_are_a_failure_of_their_own():
    state = watched(past(), [window(second, 500, 0, buckets=latencies(500, 150)) for second in range(30, 200, 10)])
    found = verdict(state)
    assert (found.state, found.evidence["measure"], found.evidence["slow_from_s"]) == ("degraded", "latency", 0.5)
    assert found.effect == pytest.approx(0.26, abs=0.01)
    assert found.severity == "high"  # .065 of the requests at criticality .9


def test_a_histogram_without_the_bound_is_judged_by_its_next_and_without_one_not_at_all():
    late = {"0.1": 0, "1": 350, "+Inf": 500}
    early = {"0.1": 0, "+Inf": 500}
    told = [[window(second, 500, 0, buckets=one) for second in range(30, 200, 10)] for one in (late, early)]
    assert [verdict(watched(past(), one)).state for one in told] == ["degraded", "watching"]


def test_the_stable_version_beside_it_is_what_counts():
    both_bad = [one for second in range(30, 900, 10) for one in (window(second, 500, 50), window(second, 500, 50, "1"))]
    assert verdict(watched(past(), both_bad)).state == "healthy"
    one_bad = [one for second in range(30, 900, 10) for one in (window(second, 500, 50), window(second, 500, 0, "1"))]
    found = verdict(watched(past(), one_bad))
    assert found.state == "degraded"
    assert found.counts["stable_requests"] > 0


def test_the_stable_version_beside_it_does_without_a_past():
    side_by_side = [(window(second, 500, 100), window(second, 500, 1, "1")) for second in range(30, 300, 10)]
    assert verdict(watched([one for pair in side_by_side for one in pair])).state == "degraded"


def test_a_trickle_of_the_stable_version_does_not_stand_for_its_past():
    trickle = [one for second in range(30, 300, 10) for one in (window(second, 500, 100), window(second, 5, 1, "1"))]
    assert verdict(watched(past(), trickle)).state == "degraded"


def test_an_agent_that_knows_no_versions_is_understood():
    before = [dataclasses.replace(one, version=None) for one in past()]
    assert verdict(watched(before, new(30, 300, 100, version=None))).state == "degraded"


def test_another_version_and_another_module_are_not_this_one():
    state = watched(past(), new(30, 300, 100, version="3"), new(30, 300, 100, module="cart"))
    assert state.errors.total.requests == 0


# ---- as they come


def test_a_window_told_again_replaces_what_was_told():
    windows = [*past(), window(30, 500, 100), window(30, 500, 0), window(40, 500, 0), window(50, 500, 0)]
    state = update(begin(WATCH, RULES), windows)
    assert (state.received.replaced, state.errors.total.bad) == (1, 0)


def test_a_late_window_is_counted_as_late_and_changes_nothing_else():
    state = watched(past(), new(30, 100, 0))
    after = update(state, [window(30, 500, 100)])
    assert after == dataclasses.replace(state, received=dataclasses.replace(state.received, late=1))


def test_what_an_agent_kept_while_it_was_cut_off_is_judged_when_it_comes():
    state = watched(past(), new(30, 100, 0), others(-7200, 900))
    assert verdict(state).state == "no-data"
    late = new(100, 800, 100)
    state = update(state, late)
    assert (verdict(state).state, state.received.belated) == ("degraded", 70)
    assert verdict(state).window_start == at(100)
    again = update(state, late)
    assert again == dataclasses.replace(state, received=dataclasses.replace(state.received, late=70))


def test_what_comes_late_from_an_outage_is_left_out_as_well():
    elsewhere = others(-7200, 1800, lambda second, _: outage(second))
    state = watched(past(), new(30, 600, 0), elsewhere)
    state = update(state, [window(second, 500, outage(second)) for second in range(600, 1700, 10)])
    assert (state.received.event, state.received.belated) == (30, 110)
    assert verdict(state).state != "degraded"


def test_windows_may_come_out_of_order_within_the_wait():
    rules = RULES.model_copy(update={"late_seconds": 60})
    windows = new(30, 310, 3)
    swapped = [one for pair in zip(windows[1::2], windows[::2], strict=True) for one in pair]
    states = [update(watched(past(), rules=rules), [*order, *new(310, 400, 0)]) for order in (windows, swapped)]
    assert states[0].errors == states[1].errors
    assert states[1].received.late == 0


def test_overlapping_windows_count_once():
    state = watched(past(), new(30, 100, 0), new(35, 105, 0))
    assert state.received.overlapping > 0
    assert state.errors.total.requests <= 7 * 500


def test_windows_of_two_agents_count_side_by_side():
    both = [one for pair in zip(new(30, 100, 0), new(30, 100, 9), strict=True) for one in pair]
    told = [replace(one, source="ab"[number % 2]) for number, one in enumerate(both)]
    state = watched(past(), told)
    alone = watched(past(), new(30, 100, 0))
    assert state.received.overlapping == 0
    assert state.errors.total.requests == 2 * alone.errors.total.requests
    assert state.errors.total.bad > alone.errors.total.bad


def test_what_is_older_than_the_baseline_is_not_looked_at():
    old = window(-3600 * 30, 500, 400, "1")
    assert update(begin(WATCH, RULES), [old]) == begin(WATCH, RULES)


def test_the_load_is_told():
    state = watched(past(), new(30, 60, 0, load=0.2), new(60, 100, 0, load=0.7))
    assert verdict(state).evidence["load_highest"] == 0.7


def test_times_of_other_zones_are_the_same_times():
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    moved = [
        dataclasses.replace(one, start=one.start.astimezone(zone), end=one.end.astimezone(zone))
        for one in new(30, 90, 9)
    ]
    assert watched(past(), moved).errors.total == watched(past(), new(30, 90, 9)).errors.total
