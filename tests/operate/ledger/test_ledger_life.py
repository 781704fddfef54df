"""A promotion's life in the ledger, on both databases: what each command does, and what it refuses."""

import contextlib
import dataclasses

import pytest

from promotion_gate.errors import InputError, PromotionGateError
from promotion_gate.operate.ledger import deployments, promotions, reviews
from promotion_gate.operate.ledger.errors import Conflict, IllegalTransition, NotAllowed, NotFound
from promotion_gate.operate.ledger.events import Requested, Withdrawn
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.verify import verify
from tests.operate.ledger.cases import (
    BLOCKED,
    HOUR,
    INSUFFICIENT,
    NOW,
    POLICY,
    PROMOTE,
    case,
    deployed,
    do,
    overruling,
    request,
    stable,
)


@pytest.fixture(autouse=True)
def _chain_and_projections_agree(ledger):
    yield
    with ledger.read() as queries:
        assert list(verify(queries.connection)) == []


def module(ledger, name="cart.py"):
    with ledger.read() as queries:
        return queries.module("shop", name)


def read(ledger, promotion):
    with ledger.read() as queries:
        return queries.promotion(promotion)


@pytest.mark.parametrize(
    ("outcome", "state", "propensity"),
    [(PROMOTE, State.PROMOTE, 1.0), (INSUFFICIENT, State.INSUFFICIENT, 0.0), (BLOCKED, State.BLOCKED, 0.0)],
)
def test_a_request_is_decided_at_once_and_the_decision_can_be_read_in_full(ledger, outcome, state, propensity):
    with ledger.write("ci", NOW) as writer:
        promotion, decision = promotions.request(writer, case(outcome=outcome))
    assert (promotion.state, promotion.propensity, promotion.requester) == (state, propensity, "ci")
    assert (promotion.fis, promotion.kind, promotion.revision) == (outcome[0], "verdict", 2)
    with ledger.read() as queries:
        assert queries.decision(promotion.id) == decision
        assert queries.head()[0] == 2
        assert [score["fis"] for score in queries.scores("shop", "cart.py")] == [outcome[0]]
    assert decision.id == promotion.id


def test_what_is_held_gives_way_to_a_new_request_and_what_goes_on_does_not(ledger):
    held = request(ledger, INSUFFICIENT)
    going = request(ledger, PROMOTE)
    assert read(ledger, held.id).state is State.SUPERSEDED
    with pytest.raises(Conflict, match=f"promotion {going.id} is promote; one at a time"):
        request(ledger, PROMOTE)
    assert request(ledger, PROMOTE, level="staging").state is State.PROMOTE
    do(ledger, promotions.withdraw, going.id, "wrong branch")
    assert request(ledger, PROMOTE).state is State.PROMOTE


def test_the_database_itself_refuses_a_second_open_promotion(ledger):
    request(ledger)
    with pytest.raises(Conflict, match=r"refuses it: .*(UNIQUE|unique)"), ledger.write("ci", NOW) as writer:
        writer.append(promotion_stream("other"), Requested(request=case().request))


def test_a_review_by_two_of_whom_none_is_the_requester(ledger):
    promotion = request(ledger, BLOCKED, actor="dev").id
    do(ledger, reviews.open_review, promotion, reviewers_needed=2, until=NOW + HOUR)
    with pytest.raises(NotAllowed, match="dev requested"):
        do(ledger, reviews.review, promotion, "approve", "mine is fine", actor="dev")
    first = do(ledger, reviews.review, promotion, "approve", "read it", actor="ann", approved_until=NOW + 2 * HOUR)
    assert (first.state, first.kind, first.propensity) == (State.IN_REVIEW, "verdict", 0.0)
    with pytest.raises(NotAllowed, match="ann has reviewed"):
        do(ledger, reviews.review, promotion, "approve", "again", actor="ann")
    with pytest.raises(Conflict, match=r"the review of promotion .* ended at 2026-01-31T10"):
        do(ledger, reviews.review, promotion, "approve", "late", actor="bob", now=NOW + HOUR)
    done = do(ledger, reviews.review, promotion, "approve", "me too", actor="bob", approved_until=NOW + 2 * HOUR)
    assert (done.state, done.kind, done.propensity) == (State.APPROVED, "review", None)
    with pytest.raises(Conflict, match="was approved until"):
        do(ledger, deployments.start, promotion, now=NOW + 2 * HOUR)
    with pytest.raises(Conflict, match="is approved until"):
        do(ledger, promotions.expire, promotion, now=NOW + HOUR)
    assert do(ledger, promotions.expire, promotion, now=NOW + 2 * HOUR).state is State.EXPIRED


def test_a_refusal_ends_the_review(ledger):
    promotion = request(ledger, BLOCKED).id
    do(ledger, reviews.open_review, promotion, reviewers_needed=2)
    assert do(ledger, reviews.review, promotion, "refuse", "no tests", actor="ann").state is State.REFUSED
    with pytest.raises(IllegalTransition, match="approved is not possible for a promotion that is refused; legal: not"):
        do(ledger, reviews.review, promotion, "approve", "oh well", actor="bob")


@pytest.mark.parametrize("kind", ["override", "hotfix"])
def test_a_person_promotes_what_was_held_and_answers_for_it(ledger, kind):
    promotion = request(ledger, INSUFFICIENT).id
    done, decision = do(ledger, promotions.override, promotion, overruling(kind), POLICY)
    assert (done.state, done.kind, done.propensity) == (State.OVERRIDDEN, kind, None)
    assert (decision.status, decision.model_extra["overruled"]["verdict"]) == ("Promote", "Insufficient Coverage")
    assert do(ledger, deployments.start, promotion).state is State.DEPLOYING
    with pytest.raises(IllegalTransition, match="overridden is not possible"):
        do(ledger, promotions.override, promotion, overruling(kind), POLICY)


def test_a_hotfix_takes_the_place_of_what_is_watched_and_a_rollback_is_no_request(ledger):
    watched = deployed(ledger)
    with pytest.raises(Conflict, match="is watching"):
        request(ledger, INSUFFICIENT, overruling=overruling())
    fix = request(ledger, INSUFFICIENT, version="2", overruling=overruling("hotfix"))
    assert (fix.state, read(ledger, watched.id).state) == (State.OVERRIDDEN, State.SUPERSEDED)
    with pytest.raises(InputError, match="a rollback belongs to the promotion that it undoes"):
        request(ledger, module="b.py", overruling=overruling("rollback", until=None))


def test_a_clean_watch_makes_stable_and_a_rollback_restores_what_was_before(ledger):
    first = stable(ledger, version="1")
    assert module(ledger).stable == {"production": (first.id, "1")}
    second = deployed(ledger, version="2")
    with pytest.raises(Conflict, match="is watched until"):
        do(ledger, deployments.end_watch, second.id, POLICY.surcharge)
    do(ledger, deployments.fail, second.id, "500s", ("pager", "1"))
    rolling = do(ledger, deployments.roll_back, second.id, "500s")
    assert (rolling.state, rolling.restores) == (State.ROLLING_BACK, first.id)
    do(ledger, deployments.rollback_failed, second.id, "no image", POLICY.surcharge)
    assert module(ledger).surcharge == POLICY.surcharge.step  # it failed, whatever comes after
    do(ledger, deployments.roll_back, second.id, "again")
    assert do(ledger, deployments.rolled_back, second.id, POLICY.surcharge).state is State.ROLLED_BACK
    assert module(ledger).surcharge == POLICY.surcharge.step
    assert module(ledger).stable == {"production": (first.id, "1")}
    third = request(ledger, version="3")
    assert third.required_coverage == pytest.approx(0.8 + float(POLICY.surcharge.step))
    do(ledger, promotions.withdraw, third.id, "no")
    stable(ledger, version="4")
    assert module(ledger).surcharge == POLICY.surcharge.step * POLICY.surcharge.decay


def test_what_is_stable_can_be_rolled_back_later_and_what_had_not_reached_the_level_gives_way(ledger):
    first, second = stable(ledger, version="1"), stable(ledger, version="2")
    waiting = request(ledger, BLOCKED, version="3")
    do(ledger, reviews.open_review, waiting.id, reviewers_needed=1)
    with pytest.raises(Conflict, match=f"is not what runs on production: {second.id} is"):
        do(ledger, deployments.roll_back, first.id, "late find")
    assert do(ledger, deployments.roll_back, second.id, "late find").restores == first.id
    assert read(ledger, waiting.id).state is State.SUPERSEDED
    do(ledger, deployments.rolled_back, second.id, POLICY.surcharge)
    assert module(ledger).stable == {"production": (first.id, "1")}
    do(ledger, deployments.roll_back, first.id, "that one too")
    assert do(ledger, deployments.rolled_back, first.id, POLICY.surcharge).restores is None
    assert module(ledger).stable == {}


def test_a_newer_version_that_runs_is_the_one_to_roll_back(ledger):
    first = stable(ledger, version="1")
    newer = deployed(ledger, version="2")
    with pytest.raises(Conflict, match=f"promotion {newer.id} is watching"):
        do(ledger, deployments.roll_back, first.id, "late find")


def test_a_confirmed_promotion_is_stable_and_proves_nothing(ledger):
    rolled = deployed(ledger, version="1")
    do(ledger, deployments.roll_back, rolled.id, "by hand")
    do(ledger, deployments.rolled_back, rolled.id, POLICY.surcharge)
    confirmed = do(ledger, deployments.confirm, deployed(ledger, version="2").id)
    assert (confirmed.state, module(ledger).surcharge) == (State.STABLE, POLICY.surcharge.step)


def test_what_was_only_restored_along_with_another_carries_no_surcharge_and_keeps_its_watch(ledger):
    along = deployed(ledger, version="1")
    assert (along.deployed_at, along.watch_until, along.due_at) == (
        "2026-01-31T09:00:00.000000Z",
        "2026-01-31T10:00:00.000000Z",
        "2026-01-31T10:00:00.000000Z",
    )
    do(ledger, deployments.roll_back, along.id, "what it needs was rolled back")
    back = do(ledger, deployments.rolled_back, along.id, None)
    assert (module(ledger).surcharge, back.due_at, back.watch_until) == (0, None, along.watch_until)


def test_who_read_an_older_revision_is_told_so(ledger):
    promotion = request(ledger)
    do(ledger, deployments.start, promotion.id, revision=promotion.revision)
    with pytest.raises(Conflict, match=r"is at revision 3 \(deploying\), not 2: read it again"):
        do(ledger, deployments.deployed, promotion.id, NOW, promotion.revision)
    with pytest.raises(NotFound, match="no promotion 'nobody'"):
        do(ledger, deployments.start, "nobody")


def test_a_refused_write_leaves_nothing_even_if_its_writer_goes_on(ledger):
    promotion = request(ledger)
    with ledger.read() as queries:
        before = queries.head()

    def start_twice(then):
        with ledger.write("ci", NOW) as writer:
            deployments.start(writer, promotion.id)
            with then:
                writer.append(promotion_stream(promotion.id), Withdrawn(reason="too late"))

    with pytest.raises(IllegalTransition):
        start_twice(contextlib.nullcontext())
    with pytest.raises(PromotionGateError, match="nothing was written"):
        start_twice(pytest.raises(IllegalTransition))
    with ledger.read() as queries:
        assert queries.head() == before


def test_a_module_that_nobody_could_score_is_blocked_and_kept(ledger):
    with ledger.write("ci", NOW) as writer:
        promotion, _ = promotions.request(writer, dataclasses.replace(case(), score=None, unscored="unknown"))
    assert (promotion.state, promotion.fis) == (State.BLOCKED, None)
