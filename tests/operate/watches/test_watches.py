"""Watches over a real ledger: what they see, what they tell, and that another process or a restart says the same."""

import datetime as dt
import itertools

import pytest

from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.watches.past import TOGETHER_S, past
from promotion_gate.operate.watches.watches import BUDGET_S, Watches
from promotion_gate.operate.watches.windows import of_batch
from tests.operate.management.management_world import HOUR, NOON, asked
from tests.operate.watches.watched_shop import STEP, WatchedShop, calm, window

KEY = ("shop", "tax")


@pytest.fixture
def shop(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield WatchedShop(ledger)


@pytest.fixture
def anywhere(ledger):
    """A shop on either database."""
    return WatchedShop(ledger)


def promoted(shop, before=1800, **more):
    """The version 2 of `tax`, deployed after half an hour of version 1."""
    shop.stable(version="1")
    shop.tell(calm(), before)
    return shop.deployed(version="2", **more)


def by_pipeline(shop, version):
    """A promotion that the pipeline itself deploys, as one without a version must be."""
    promotion = shop.request(version=version)
    shop.management.deploy(promotion.id, "ci")
    return shop.management.deployed(promotion.id, "ci")


@pytest.fixture
def pipeline(tmp_path):
    """A shop without deployers, whose agents know no versions, after half an hour of an old one."""
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        made = WatchedShop(ledger, {})
        made.management.confirm(by_pipeline(made, None).id, "ann")
        made.tell(calm(None), 1800)
        yield made


def failures(shop):
    with shop.ledger.read() as queries:
        return queries.failures("shop", "tax")


def test_a_version_that_fails_is_a_failure_with_its_evidence_and_is_rolled_back(shop):
    watched = promoted(shop)
    began = shop.clock.at
    shop.tell(calm("2"), 120)
    assert shop.watch().verdict.state in ("watching", "healthy")
    onset = shop.clock.at
    shop.tell({**calm("2"), "tax": ("2", 0.2)}, 40)
    assert shop.watch() is None, "the watch ends with the rollback"
    assert shop.read(watched).state is State.ROLLED_BACK
    assert shop.fleet.running["tax"] == "1"
    [told] = failures(shop)
    assert (told["source"], told["failure_id"], told["version"]) == ("monitor", watched.id, "2")
    assert told["severity"] in ("high", "critical")
    assert (began, onset) <= (dt.datetime.fromisoformat(told["occurred_at"]),) * 2
    assert dt.datetime.fromisoformat(told["occurred_at"]) < onset + 2 * STEP
    with shop.ledger.read() as queries:
        [entry] = queries.events(kinds=("failure-recorded",))
    assert '"stable_version":"1"' in entry.payload
    assert '"reason":"worse than the stable version' in entry.payload


def test_replicas_that_two_agents_see_are_counted_together_now_and_in_the_past(shop):
    shop.stable(version="1")
    shop.tell(calm(), 1800, agents=("here", "there"))
    shop.deployed(version="2")
    shop.tell(calm("2"), 120, agents=("here", "there"))
    one = shop.watch()
    assert one.state.received.judged == 8  # of twelve windows three are within the grace, and the last is waited for
    assert one.verdict.counts["judged_requests"] == 2 * 500 * 8
    assert one.verdict.evidence["past_requests"] == 2 * 500 * 180
    assert one.state.received.overlapping == 0


def test_a_healthy_version_has_no_failure_and_becomes_stable(shop):
    watched = promoted(shop)
    for _ in range(20):
        shop.tell(calm("2"), 60)
        one = shop.watch()
    assert one.verdict.state == "healthy"
    assert one.verdict.counts["judged_requests"] > 20_000
    shop.clock.at += float(shop.policy.rollback.watch_hours) * HOUR
    assert shop.management.tick().stable == (watched.id,)
    assert shop.watch() is None
    assert failures(shop) == []
    assert "alarm-raised" not in shop.kinds()


def test_a_restart_and_another_process_say_the_same(anywhere):
    shop = anywhere
    promoted(shop, before=3 * 3600)
    shop.tell(calm("2"), 600)
    live = shop.watch()
    shop.tell({**calm("2"), "m01": ("7", 0.3)}, 600)
    live = shop.watch()
    other = Watches(shop.ledger, lambda: shop.gate, shop.clock)
    assert other.look()
    assert other.standing() == (live,)


class Hurried:
    """A clock by which every look is over soon."""

    def __init__(self, clock):
        self._clock, self._times = clock, 0

    def now(self):
        return self._clock.now()

    def monotonic(self):
        self._times += 1
        return self._times * BUDGET_S / 4


def test_looks_that_have_no_time_get_there_in_the_end_and_the_newest_watch_first(shop):
    shop.stable(version="1")
    shop.stable("m00", version="1")
    shop.tell(calm(), 600)
    shop.deployed(version="2")
    shop.tell(calm("2"), 3600)
    shop.deployed("m00", version="2")
    shop.tell(calm("2"), 600)
    shop.watch()
    hurried = Watches(shop.ledger, lambda: shop.gate, Hurried(shop.clock))
    looks, behind = 0, []
    while not hurried.look():
        looks += 1
        behind.append([one.promotion.module for one in hurried.standing() if one.is_behind])
    assert looks > 10
    assert behind[-1] == ["tax"], "an hour older"
    assert hurried.standing() == shop.watches.standing()


def test_two_processes_that_find_it_at_once_tell_one_failure(anywhere):
    shop = anywhere
    watched = promoted(shop)
    shop.tell(calm("2"), 60)
    other = WatchedShop(shop.ledger, shop.deployers)
    other.clock = shop.clock
    other.management, other.watches = shop.again(), Watches(shop.ledger, lambda: shop.gate, shop.clock)
    shop.watches.look()
    shop.tell({**calm("2"), "tax": ("2", 0.3)}, 30)
    shop.watches.look()
    [(first, level)] = shop.watches.degraded()
    shop.tell({**calm("2"), "tax": ("2", 0.3)}, 10)
    other.watches.look()
    [(second, _)] = other.watches.degraded()
    assert first != second, "the later look has seen more"
    assert first.failure_id == second.failure_id == watched.id
    shop.management.failure(first, "monitor", level)
    assert other.watch() is None
    assert len(failures(shop)) == 1
    assert shop.kinds().count("failure-answered") == 1


def test_a_failure_that_a_person_must_attribute_is_told_once_and_still_shown(pipeline):
    watched = by_pipeline(pipeline, None)
    pipeline.tell(calm(None), 600)
    pipeline.watch()
    pipeline.clock.at += 20 * HOUR  # without version, and that long after, it is not sure enough
    pipeline.tell({**calm(None), "tax": (None, 0.3)}, 90)
    assert pipeline.watch().is_told
    pipeline.tell({**calm(None), "tax": (None, 0.3)}, 30)
    one = pipeline.watch()
    assert (one.promotion.id, one.verdict.state, one.is_told) == (watched.id, "degraded", True)
    assert pipeline.watches.degraded() == []
    assert len(failures(pipeline)) == 1
    assert pipeline.read(watched).state is State.WATCHING


def test_what_all_share_is_no_failure(shop):
    promoted(shop, before=7200)
    shop.tell(calm("2"), 120)
    shop.watch()
    shop.tell(calm("2", share=0.2), 120)
    one = shop.watch()
    assert (one.verdict.state, failures(shop)) == ("system-event", [])


def test_modules_that_depend_on_it_or_are_watched_are_no_witnesses(shop):
    for name, needs in (("m01", ("tax",)), ("m02", ("m01",)), ("m03", ("m04",))):
        promotion, _ = shop.management.request(asked(name, needs=needs), "ci")
        shop.management.confirm(shop.management.deploy(promotion.id, "ci").id, "ann")
    shop.clock.at += 25 * HOUR  # their own watches are over
    shop.stable(version="1")
    shop.tell(calm(others=30), 60)
    shop.tell({"m29": ("7", 0)}, 10, each=50_000)
    shop.deployed(module="m05")
    shop.deployed(version="2")
    shop.watches.look()
    [tax] = [one for one in shop.watches.standing() if one.promotion.module == "tax"]
    beside = {module for _, module in tax.keys} - {"tax"}
    assert len(beside) == 20
    assert beside.isdisjoint({"m01", "m02", "m05"})
    assert {"m03", "m04", "m29"} <= beside, "the busiest first, then by name"


def test_nothing_told_is_no_data_and_at_the_end_an_alarm(shop):
    watched = promoted(shop)
    shop.tell({"m01": ("7", 0)}, 300)
    assert shop.watch().verdict.state == "no-data"
    shop.clock.at += float(shop.policy.rollback.watch_hours) * HOUR
    shop.management.tick()
    assert shop.read(watched).state is State.STABLE
    with shop.ledger.read() as queries:
        [alarm] = queries.events(kinds=("alarm-raised",))
    assert "shop tax 2 on production has ended, and no request to it was ever told" in alarm.payload


def test_where_no_agent_tells_anything_a_watch_ends_without_alarm(shop):
    watched = shop.deployed()
    assert shop.watch().verdict.state == "no-data"
    shop.clock.at += float(shop.policy.rollback.watch_hours) * HOUR
    shop.management.tick()
    assert shop.read(watched).state is State.STABLE
    assert "alarm-raised" not in shop.kinds()


def test_agents_that_fall_silent_are_no_data_not_healthy(shop):
    promoted(shop)
    shop.tell(calm("2"), 1200)
    assert shop.watch().verdict.state == "healthy"
    shop.clock.at += dt.timedelta(seconds=90)
    one = shop.watch()
    assert one.verdict.state == "no-data"
    assert "no telemetry of it or of any module beside it since" in one.verdict.evidence["reason"]
    shop.tell(calm("2"), 20)
    assert shop.watch().verdict.state == "healthy"


def test_a_version_without_a_name_is_compared_with_what_ran_before_it(pipeline):
    watched = by_pipeline(pipeline, None)
    pipeline.tell({**calm(None), "tax": (None, 0.2)}, 90)
    assert pipeline.watch() is None
    assert pipeline.read(watched).state is State.ROLLBACK_FAILED, "there is no deployer: a person must"
    [told] = failures(pipeline)
    assert told["version"] is None


def test_what_is_being_deployed_is_watched_already(pipeline):
    promotion = pipeline.request(version="2")
    pipeline.management.deploy(promotion.id, "ci")
    pipeline.tell({**calm(None), "tax": ("2", 0.2)}, 90)
    assert pipeline.watch() is None
    assert pipeline.read(promotion).state is State.ROLLBACK_FAILED
    assert [one["version"] for one in failures(pipeline)] == ["2"]


def test_the_same_version_again_has_nothing_to_be_compared_with(shop):
    shop.stable(version="1")
    shop.tell(calm("1"), 1800)
    shop.deployed(version="1")
    shop.tell(calm("1"), 90)
    one = shop.watch()
    assert one.state.watch.stable is None
    assert (one.verdict.state, one.verdict.evidence["past_requests"]) == ("no-data", 0)


def test_the_past_put_together_has_the_sums_and_all_but_the_last_minutes_in_few_windows(shop):
    shop.stable(version="1")
    begin = shop.clock.at = NOON
    shop.tell(calm("1", others=1), 7200)
    shop.tell(calm("2", others=1), 600)
    with shop.ledger.read() as queries:
        found = past(queries, KEY, [("shop", "m00")], shop.clock.at, 24, queries.head()[0])
    for key, version, windows in ((KEY, "1", 720), (KEY, "2", 60), (("shop", "m00"), "7", 780)):
        mine = [one for one in found if (one.key, one.version) == (key, version)]
        assert sum(one.requests for one in mine) == sum(one.latency_buckets["+Inf"] for one in mine) == windows * 500
        assert sum(one.errors for one in mine) == windows
        assert all(one.end <= other.start for one, other in itertools.pairwise(mine))
    long = [one for one in found if (one.end - one.start).total_seconds() == TOGETHER_S]
    assert len(found) < 250
    assert begin <= long[0].start
    assert long[-1].end <= shop.clock.at - dt.timedelta(seconds=TOGETHER_S)
    assert max(one.end for one in found) == shop.clock.at


def test_histograms_with_other_bounds_or_without_the_last_one_are_not_put_together(shop):
    shop.stable(version="1")
    at = shop.clock.at
    shop.record(window("tax", "1", at, 10, 0, {"0.1": 5.0, "+Inf": 10.0}), window("m", "1", at, 10, 0, {"1": 5.0}))
    shop.record(window("tax", "1", at + STEP, 10, 0, {"0.5": 5.0, "+Inf": 10.0}))
    with shop.ledger.read() as queries:
        found = past(queries, KEY, [("shop", "m")], at + HOUR, 24, queries.head()[0])
    assert [(one.requests, one.latency_buckets) for one in found] == [(10, None), (20, None)]


def test_what_tells_of_no_requests_is_no_window_and_what_cannot_be_is_told(shop, caplog):
    at = "2026-11-24T12:00:00.000000Z", "2026-11-24T12:00:10.000000Z"
    base = {"project": "shop", "module": "tax", "source": "agent", "window_start": at[0], "window_end": at[1]}
    told = [
        {**base, "requests": None, "errors": None, "load": 0.5},
        {**base, "requests": 5, "errors": 6},
        {**base, "requests": 5, "errors": None},
        {**base, "requests": 5, "errors": 1, "module": "another"},
        {**base, "requests": 5, "errors": 1, "version": "2", "latency_buckets": {"0.1": 5}},
    ]
    found = list(of_batch(told, frozenset([KEY])))
    assert [(one.version, one.requests, one.errors, one.latency_buckets) for one in found] == [
        (None, 5, None, None),
        ("2", 5, 1, None),
    ]
    assert "6 errors of 5 requests" in caplog.text
