"""The clock is set back: what is watched is watched on, what waits expires by the new time, order is that of events."""

import datetime as dt

import pytest

from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.verify import verify
from tests.operate.management.management_world import BLOCKED, HOUR, INSUFFICIENT, NOON, Shop

DAY = 24 * HOUR


@pytest.fixture
def shop(ledger):
    made = Shop(ledger)
    yield made
    with ledger.read() as queries:
        assert list(verify(queries.connection)) == []


def test_pages_follow_the_order_of_the_requests(shop):
    ids = []
    for back in (0, 1, -3, 400, 400, -2):
        shop.clock.at -= back * DAY
        ids.append(shop.request(f"m{len(ids)}", outcome=INSUFFICIENT).id)
    found, before = [], None
    with shop.ledger.read() as queries:
        while page := queries.promotions(Filters(), before=before, limit=4):
            found += [one.id for one in page]
            before = page[-1].sequence
    assert found == ids[::-1]


def test_a_watch_ends_once_and_not_before_the_time_that_was_said(shop):
    watched = shop.deployed()
    until = NOON + dt.timedelta(seconds=1) + dt.timedelta(hours=float(shop.policy.rollback.watch_hours))
    for now in (NOON - DAY, NOON, until - dt.timedelta(seconds=1)):
        shop.clock.at = now
        assert shop.management.tick().stable == ()
        assert shop.read(watched).state is State.WATCHING
    shop.clock.at = until
    assert shop.management.tick().stable == (watched.id,)
    shop.clock.at = NOON - DAY
    assert shop.management.tick().stable == ()
    assert shop.read(watched).state is State.STABLE


def test_what_has_expired_stays_so_and_an_approval_is_good_until_the_time_that_was_said(shop):
    rules = shop.policy.review
    late, approved = shop.request("late", outcome=BLOCKED), shop.request(outcome=BLOCKED)
    for number in range(rules.reviewers):
        approved = shop.management.review(approved.id, "approve", "looked at it", f"reviewer-{number}")
    shop.clock.at += dt.timedelta(hours=float(rules.review_hours))
    assert late.id in shop.management.tick().expired
    shop.clock.at = NOON - DAY
    assert shop.management.tick().expired == ()
    assert shop.read(late).state is State.EXPIRED
    again = shop.request("late", outcome=BLOCKED)
    for number in range(rules.reviewers):
        again = shop.management.review(again.id, "approve", "looked at it", f"reviewer-{number}")
    assert shop.management.deploy(again.id, "ci").state is State.WATCHING


def test_what_was_promoted_last_ran_last_whatever_the_clock_said(shop):
    shop.stable(version="1")
    shop.clock.at = NOON - HOUR
    last = shop.deployed(version="2")
    shop.clock.at = NOON + HOUR
    assert shop.fails().answer == "opened"
    assert shop.read(last).state is State.ROLLED_BACK
    assert shop.fleet.running["tax"] == "1"
