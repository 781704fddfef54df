"""The Promotion Management Component: a promotion's way from the request to what became of it, on both databases."""

import datetime as dt
import threading
from decimal import Decimal

import pytest

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import records
from promotion_gate.operate.ledger.errors import Busy, Conflict, IllegalTransition, NotAllowed
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.module_events import Telemetry, Window
from promotion_gate.operate.ledger.rollback_queries import batch_of
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.verify import verify
from promotion_gate.operate.management.management import Idempotency
from tests.operate.management.management_world import (
    BLOCKED,
    HOUR,
    INSUFFICIENT,
    NOON,
    PROMOTE,
    Shop,
    asked,
    override,
)

TAX, CART = ("shop", "tax", "production"), ("shop", "cart", "production")


@pytest.fixture
def shop(ledger):
    made = Shop(ledger)
    yield made
    with ledger.read() as queries:
        assert list(verify(queries.connection)) == []


def test_a_request_is_decided_kept_and_answered_again_under_its_key(shop):
    key = Idempotency("ci", "k1", "a" * 64)
    promotion, decision = shop.management.request(asked(), "ci", idempotency=key)
    assert (promotion.state, decision.status, decision.id) == (State.PROMOTE, "Promote", promotion.id)
    shop.management.deploy(promotion.id, "ci")
    again, same = shop.management.request(asked(), "ci", idempotency=key)
    assert (again.id, again.state, same) == (promotion.id, State.WATCHING, decision)
    with pytest.raises(Conflict, match="came with another body"):
        shop.management.request(asked(), "ci", idempotency=Idempotency("ci", "k1", "b" * 64))


def test_what_is_blocked_is_reviewed_by_the_policy_and_expires(shop):
    promotion = shop.request(outcome=BLOCKED)
    rules = shop.policy.review
    assert (promotion.state, promotion.reviewers_needed) == (State.IN_REVIEW, rules.reviewers)
    with pytest.raises(NotAllowed):
        shop.management.review(promotion.id, "approve", "mine", "ci")
    for number in range(rules.reviewers):
        with pytest.raises(IllegalTransition):
            shop.management.deploy(promotion.id, "ci")
        promotion = shop.management.review(promotion.id, "approve", "looked at it", f"reviewer-{number}")
    assert promotion.state is State.APPROVED
    other = shop.request("cart", outcome=BLOCKED)
    shop.clock.at += dt.timedelta(hours=float(max(rules.approval_hours, rules.review_hours)))
    ticked = shop.management.tick()
    assert set(ticked.expired) == {promotion.id, other.id}
    assert shop.management.tick() == type(ticked)((), (), ())
    refused = shop.request(outcome=BLOCKED)
    assert shop.management.review(refused.id, "refuse", "no", "bob").state is State.REFUSED


def test_an_override_goes_out_and_what_is_withdrawn_does_not(shop):
    promotion = shop.request(outcome=INSUFFICIENT)
    with pytest.raises(IllegalTransition):
        shop.management.deploy(promotion.id, "ci")
    shop.management.override(promotion.id, override(), "ann")
    assert shop.management.deploy(promotion.id, "ci").state is State.WATCHING
    other = shop.request("cart")
    assert shop.management.withdraw(other.id, "not now", "ci").state is State.WITHDRAWN
    with pytest.raises(IllegalTransition):
        shop.management.deploy(other.id, "ci")
    assert [call[1] for call in shop.fleet.calls] == ["tax"]
    assert shop.request("cart", outcome=INSUFFICIENT, overruling=override()).state is State.OVERRIDDEN


def test_a_deployment_is_watched_becomes_stable_and_halves_the_surcharge(shop):
    shop.stable(version="1")
    shop.deployed(version="2")
    assert shop.fails().answer == "opened"
    step = shop.policy.surcharge.step
    assert shop.surcharge() == step
    third = shop.deployed(version="3", outcome=PROMOTE)
    assert third.due_at == third.watch_until > third.deployed_at
    assert shop.management.tick().stable == ()
    shop.clock.at += dt.timedelta(hours=float(shop.policy.rollback.watch_hours))
    assert shop.management.tick().stable == (third.id,)
    assert shop.surcharge() == step * shop.policy.surcharge.decay


def test_without_a_deployer_the_pipeline_deploys_and_reports(ledger):
    shop = Shop(ledger, deployers={})
    promotion = shop.deployed()
    assert (promotion.state, promotion.due_at) == (State.DEPLOYING, None)
    assert promotion.watch_until is not None  # provisional: what is being deployed can already fail
    assert shop.management.resume() == ()
    assert shop.management.deployed(promotion.id, "ci").state is State.WATCHING
    with pytest.raises(IllegalTransition):
        shop.management.deployed(promotion.id, "ci")


def test_a_deployer_needs_a_version(shop):
    promotion = shop.request(version=None)
    with pytest.raises(InputError, match="names no version"):
        shop.management.deploy(promotion.id, "ci")
    assert shop.read(promotion).state is State.PROMOTE


def test_a_deployment_that_fails_is_undone_and_not_charged(shop):
    shop.stable(version="1")
    shop.fleet.broken = {("deploy", "tax")}
    promotion = shop.deployed(version="2")
    assert promotion.state is State.ROLLED_BACK
    assert (shop.fleet.running["tax"], shop.surcharge()) == ("1", 0)
    shop.fleet.broken = {("deploy", "cart")}
    first = shop.deployed("cart")  # nothing ran and nothing runs
    assert first.state is State.ROLLED_BACK
    shop.fleet.running["cart"] = "half"
    assert shop.deployed("cart").state is State.ROLLBACK_FAILED
    assert "alarm-raised" in shop.kinds()


def test_a_failure_rolls_back_and_is_answered_the_same_again(shop):
    shop.stable(version="1")
    second = shop.deployed(version="2")
    failure = shop.failure(version="2")
    receipt = shop.management.failure(failure, "pager")
    assert (receipt.answer, receipt.code) == ("opened", "rollback-opened")
    assert (shop.read(second).state, shop.fleet.running) == (State.ROLLED_BACK, {"tax": "1"})
    assert (shop.surcharge(), len(shop.fleet.calls)) == (shop.policy.surcharge.step, 3)
    count = len(shop.kinds())
    assert shop.management.failure(failure, "pager") == receipt
    assert len(shop.kinds()) == count
    late = shop.fails(2, version="2")
    assert (late.answer, late.code) == ("recorded", "no-suspect")
    with pytest.raises(Conflict, match="with other words"):
        shop.management.failure(failure.model_copy(update={"severity": "low"}), "pager")
    with pytest.raises(IllegalTransition):
        shop.management.roll_back(second.id, "again", "ann")


def test_what_is_being_deployed_can_be_blamed(ledger):
    shop = Shop(ledger, deployers={})
    promotion = shop.deployed(version="1")
    receipt = shop.fails(version="1")
    assert (receipt.answer, shop.read(promotion).state) == ("opened", State.ROLLBACK_FAILED)
    assert shop.management.restored_by_hand(promotion.id, "switched off", "ann").state is State.ROLLED_BACK
    assert shop.surcharge() == shop.policy.surcharge.step


def test_of_two_failures_at_once_one_rolls_back(shop):
    shop.stable(version="1")
    shop.deployed(version="2")
    start, receipts = threading.Barrier(4), []

    def told(number):
        start.wait()
        receipts.append(shop.fails(number))

    threads = [threading.Thread(target=told, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.answer for one in receipts].count("opened") == 1
    assert [call[0] for call in shop.fleet.calls].count("restore") == 1
    assert shop.kinds().count("rollback-opened") == 1
    assert shop.surcharge() == shop.policy.surcharge.step


def test_who_depends_on_it_is_suspected_by_the_graph_and_a_close_call_is_a_persons(shop):
    for name, needs in (("tax", ()), ("cart", ("tax",))):
        request = asked(name, "1", PROMOTE, needs=needs)
        shop.management.deploy(shop.management.request(request, "ci")[0].id, "ci")
    shop.clock.at += HOUR
    # The own module is twice as near: it leads by more than the policy's margin.
    receipt = shop.fails(1, module="cart")
    assert receipt.answer == "opened"
    asked_for = shop.fails(2, module="site")
    assert (asked_for.answer, asked_for.code) == ("recorded", "no-suspect")


def test_a_failed_rollback_is_charged_once_tried_again_and_succeeds(shop):
    shop.stable(version="1")
    second = shop.deployed(version="2")
    shop.fleet.broken = {("restore", "tax")}
    receipt = shop.fails(version="2")
    step = shop.policy.surcharge.step
    assert (shop.read(second).state, shop.surcharge()) == (State.ROLLBACK_FAILED, step)
    again = shop.fails(2, version="2")
    assert (again.answer, again.rollback) == ("attached", receipt.rollback)
    assert shop.management.roll_back(second.id, "try again", "ann").state is State.ROLLBACK_FAILED
    shop.fleet.broken = set()
    assert shop.management.roll_back(second.id, "quorum is back", "ann").state is State.ROLLED_BACK
    assert (shop.fleet.running["tax"], shop.surcharge()) == ("1", step)
    assert shop.fleet.calls[-1][3] == f"{receipt.rollback}-0-2"


def test_a_person_rolls_back_what_is_stable_and_says_why(shop):
    shop.stable(version="1")
    second = shop.stable(version="2")
    with pytest.raises(InputError, match="reason"):
        shop.management.roll_back(second.id, " ", "ann")
    assert shop.management.roll_back(second.id, "late find", "ann").state is State.ROLLED_BACK
    assert shop.fleet.running["tax"] == "1"
    with pytest.raises(IllegalTransition):
        shop.management.roll_back(shop.request("cart").id, "no", "ann")
    with pytest.raises(IllegalTransition, match="no rollback of it has failed"):
        shop.management.restored_by_hand(second.id, "no", "ann")


def test_a_release_goes_in_order_and_what_is_held_is_never_deployed(shop):
    requests = [
        asked("site", "1", PROMOTE, needs=("cart",)),
        asked("cart", "1", BLOCKED, needs=("tax",)),
        asked("tax", "1", PROMOTE),
    ]
    places = shop.management.release(requests, "ci")
    assert [(place.decision.module, place.promoted) for place in places] == [
        ("tax", True),
        ("cart", False),
        ("site", False),
    ]
    with shop.ledger.read() as queries:
        states = [queries.promotion(place.decision.id).state for place in places]
        together = [one.module for one in batch_of(queries, places[0].decision.id)]
    assert states == [State.PROMOTE, State.IN_REVIEW, State.WITHDRAWN]
    assert together == ["tax"]
    for place in places[1:]:
        with pytest.raises(IllegalTransition):
            shop.management.deploy(place.decision.id, "ci")
    assert len({place.decision.model_dump()["batch"] for place in places}) == 1


def test_an_atomic_release_goes_whole_or_not_at_all(shop):
    places = shop.management.release([asked("tax"), asked("cart", "1", INSUFFICIENT)], "ci", atomic=True)
    with shop.ledger.read() as queries:
        assert {queries.promotion(place.decision.id).state for place in places} == {State.WITHDRAWN}
    for wrong in ([], [asked("tax"), asked("tax")], [asked("tax"), asked("cart", level="staging")]):
        with pytest.raises(InputError):
            shop.management.release(wrong, "ci")


def test_with_a_module_go_back_those_of_its_batch_that_depend_on_it(shop):
    for version in "12":
        requests = [asked("cart", version, PROMOTE, needs=("tax",)), asked("tax", version), asked("mail", version)]
        places = shop.management.release(requests, "ci")
        for place in places:
            shop.management.deploy(place.decision.id, "ci")
        if version == "1":
            for place in places:
                shop.management.confirm(place.decision.id, "ann")
    assert shop.fails(version="2").answer == "opened"
    assert shop.fleet.running == {"cart": "1", "tax": "1", "mail": "2"}
    assert [call[1] for call in shop.fleet.calls if call[0] == "restore"] == ["cart", "tax"]
    assert (shop.surcharge("tax"), shop.surcharge("cart")) == (shop.policy.surcharge.step, Decimal(0))


def test_what_another_process_left_is_finished_by_the_next(shop):
    shop.stable(version="1")
    promotion = shop.request(version="2")
    shop.management._sagas._start(promotion.id, "ci")  # and killed here
    with shop.ledger.lease([TAX], 1), pytest.raises(Busy), shop.ledger.lease([TAX, CART], 0.2):
        pass
    assert shop.again().resume() == (promotion.id,)
    assert shop.read(promotion).state is State.WATCHING
    shop.management._failures.receive(shop.failure(version="2"), "pager", None)  # and killed here
    assert shop.read(promotion).state is State.ROLLING_BACK
    with shop.ledger.lease([TAX], 1):
        assert shop.again().tick().resumed == ()  # somebody is at work
    [rollback] = shop.again().tick().resumed
    assert (shop.read(promotion).state, rollback[:3]) == (State.ROLLED_BACK, "rb-")


def test_the_newest_load_moves_the_score_of_a_request_without_one(shop, monkeypatch):
    window = Window(project="shop", module="tax", window_start=NOON - HOUR, window_end=NOON, load=0.5)
    with shop.ledger.write("agent", NOON) as writer:
        records.record_telemetry(writer, Telemetry(source="agent", batch_id="1", windows=(window,)))
    seen = []

    class Calculator:
        def score(self, module, load=None):
            seen.append(load)
            return asked().fis

    monkeypatch.setattr(type(shop.gate), "calculator", Calculator())
    monkeypatch.setattr(type(shop.gate), "manifest", type("M", (), {"policy_version": shop.gate.rules.version}))
    bare = asked().model_copy(update={"fis": None})
    _, decision = shop.management.request(bare, "ci")
    assert seen[-1] == 0.5
    assert "load-observed" in [reason.code for reason in decision.reasons]


def test_a_slow_deployment_holds_up_no_other_module_and_a_rollback_of_its_own_comes_after_it(shop):
    for module in ("tax", "cart"):
        shop.stable(module, "1")
    bad, slow = shop.deployed("cart", "2"), shop.request("tax", "2")
    told, go_on = threading.Event(), threading.Event()
    quick = shop.fleet.deploy

    def deploy(module, version, key):
        told.set()
        assert go_on.wait(30)
        return quick(module, version, key)

    shop.fleet.deploy = deploy
    deploying = threading.Thread(target=shop.management.deploy, args=(slow.id, "ci"))
    deploying.start()
    assert told.wait(30)
    assert shop.fails(1, module="cart", version="2").answer == "opened"
    assert shop.read(bad).state is State.ROLLED_BACK
    failing = threading.Thread(target=shop.fails, args=(2,), kwargs={"module": "tax", "version": "2"})
    failing.start()
    assert not _ends_soon(failing)
    assert shop.fleet.running == {"tax": "1", "cart": "1"}
    go_on.set()
    deploying.join(30)
    failing.join(30)
    assert shop.read(slow).state is State.ROLLED_BACK
    assert [call[0] for call in shop.fleet.calls if call[1:3] in (("tax", "2"), ("tax", "1"))] == [
        "deploy",
        "deploy",
        "restore",
    ]


def _ends_soon(thread):
    thread.join(0.5)
    return not thread.is_alive()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_on_postgresql_another_process_has_the_lease_until_it_ends(ledger, ledger_url):
    shop = Shop(ledger)
    shop.stable(version="1")
    shop.deployed(version="2")
    with Ledger.open(ledger_url) as other:
        with other.lease([TAX], 1):
            with pytest.raises(Busy, match="is under way there: ask again"), ledger.lease([CART, TAX], 0.3):
                pass
            with ledger.lease([CART], 0.3):
                pass
            shop.management._failures.receive(shop.failure(version="2"), "pager", None)
            assert shop.management.resume() == ()
        assert len(Shop(other, shop.deployers).management.resume()) == 1
    assert shop.fleet.running == {"tax": "1"}


def test_a_newer_version_is_not_rolled_back_for_the_failure_of_the_one_before(shop):
    first = shop.deployed(version="1")
    shop.clock.sleep(1)
    late = shop.failure()
    shop.management.confirm(first.id, "ann")
    shop.clock.sleep(1)
    second = shop.deployed(version="2")
    receipt = shop.management.failure(late, "pager")
    assert (receipt.answer, receipt.code) == ("recorded", "replaced")
    assert shop.read(second).state is State.WATCHING


def test_where_several_are_to_blame_alike_a_person_is_asked(shop):
    for name, needs in (("tax", ()), ("mail", ()), ("cart", ("tax", "mail"))):
        promotion, _ = shop.management.request(asked(name, "1", PROMOTE, needs=needs), "ci")
        shop.management.deploy(promotion.id, "ci")
    shop.clock.at += 2 * HOUR
    asked_for = shop.fails(1, module="cart", version="another")
    assert (asked_for.answer, asked_for.code) == ("recorded", "too-close")
    assert "suspected: shop" in asked_for.message
    assert shop.kinds().count("alarm-raised") == 1
    assert shop.fleet.running["tax"] == "1"
