"""Laws of attribution: scores are shares; nearer, newer, riskier is never less suspect; a named version is first."""

import dataclasses
import datetime as dt
import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.operate.rollback.attribution import RUNNING, Failure, Promotion, attribute
from promotion_gate.rules import RULES, Rollback

NAMES = "abcdef"
NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
STATES = (*sorted(RUNNING), "rolled-back", "superseded", "refused")


def key(name):
    return ("shop", name)


def hours(number):
    return dt.timedelta(hours=number)


promotions = st.builds(
    lambda name, version, ago, watched, state, fis, number: Promotion(
        f"p{number}", key(name), "production", version, NOON - hours(ago), NOON - hours(ago - watched), state, fis
    ),
    st.sampled_from(NAMES),
    st.sampled_from("12"),
    st.floats(-5, 60),
    st.floats(1, 60),
    st.sampled_from(STATES),
    st.none() | st.floats(0, 1),
    st.integers(0, 99),
)
batches = st.lists(promotions, max_size=9, unique_by=lambda one: one.promotion_id)
graphs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12).map(
    lambda edges: {key(name): [key(other) for one, other in edges if one == name] for name in NAMES}
)
failures = st.builds(
    Failure,
    st.just("f1"),
    st.sampled_from(NAMES).map(key),
    st.none() | st.sampled_from("12"),
    st.just(NOON),
    st.just("high"),
)
rules = st.builds(
    lambda rule, least, margin: Rollback(
        watch_hours=Decimal(24), suspects=rule, least_score=least, margin=margin, verify_seconds=1
    ),
    st.sampled_from(RULES),
    st.decimals(0, 1, places=2),
    st.decimals(0, 1, places=2),
)


@given(failures, batches, graphs, rules)
def test_scores_are_shares_in_order_and_explained(failure, promoted, needs, policy):
    found = attribute(failure, promoted, needs, policy)
    assert all(0 <= suspect.score <= 1 for suspect in found.suspects)
    order = [(not suspect.named, -suspect.score) for suspect in found.suspects]
    assert order == sorted(order)
    for suspect in found.suspects:
        assert all(reason.message and 0 <= reason.effect <= 1 for reason in suspect.evidence)
    assert len({suspect.promotion.module for suspect in found.suspects}) == len(found.suspects)


@given(failures, batches, graphs, rules)
def test_suspects_ran_in_their_window_within_reach(failure, promoted, needs, policy):
    reach, waiting = {failure.module}, [failure.module]
    for module in waiting:
        waiting += set(needs.get(module, ())) - reach
        reach |= set(needs.get(module, ()))
    for suspect in attribute(failure, promoted, needs, policy).suspects:
        one = suspect.promotion
        assert one.promoted_at <= failure.occurred_at <= one.watch_until
        assert one.module in reach
        assert one.state in RUNNING
        assert not any(
            other.module == one.module and one.promoted_at < other.promoted_at <= failure.occurred_at
            for other in promoted
        )


@given(failures, batches, graphs, rules)
def test_outside_every_window_there_is_no_suspect(failure, promoted, needs, policy):
    over = [dataclasses.replace(one, watch_until=min(one.watch_until, NOON - hours(0.01))) for one in promoted]
    found = attribute(failure, over, needs, policy)
    assert (found.suspects, found.verdict, found.reason.code) == ((), "none", "no-suspect")


@given(failures, batches, graphs, rules, promotions, st.floats(0, 60), st.sampled_from(sorted(RUNNING)))
def test_the_named_version_is_first_and_alone_chosen(failure, promoted, needs, policy, some, ago, state):
    running = dataclasses.replace(
        some, module=failure.module, promoted_at=NOON - hours(ago), watch_until=NOON, state=state, promotion_id="q"
    )
    others = [one for one in promoted if one.module != failure.module or one.promoted_at < running.promoted_at]
    found = attribute(dataclasses.replace(failure, version=running.version), [*others, running], needs, policy)
    assert found.suspects[0].promotion == running
    assert found.suspects[0].score >= 0.9
    assert [suspect.promotion for suspect in found.chosen] == [running]


def score(policy, failing="a", needs=None, **changes):
    base = Promotion("p", key("c"), "production", "1", NOON - hours(3), NOON + hours(9), "watching", 0.5)
    failure = Failure("f", key(failing), None, NOON, "low")
    [one] = attribute(failure, [dataclasses.replace(base, **changes)], needs or {key("a"): [key("c")]}, policy).suspects
    return one.score


@given(st.floats(0, 100), st.floats(0, 100), rules)
def test_the_more_recent_is_never_less_suspect(one, other, policy):
    early, late = max(one, other), min(one, other)
    assert score(policy, promoted_at=NOON - hours(early)) <= score(policy, promoted_at=NOON - hours(late))


@given(st.floats(0, 1), st.floats(0, 1) | st.none(), rules)
def test_the_riskier_is_never_less_suspect(one, other, policy):
    low, high = (one, None) if other is None else sorted((one, other))
    assert score(policy, fis=low) <= score(policy, fis=high)


@given(st.integers(0, 4), st.integers(0, 4), rules)
def test_the_nearer_is_never_less_suspect(one, other, policy):
    def away(steps):
        way = ["x", *"defg"[: max(steps - 1, 0)]] if steps else ["c"]
        chain = [*way, "c"] if steps else way
        return score(policy, chain[0], {key(a): [key(b)] for a, b in itertools.pairwise(chain)})

    assert away(max(one, other)) <= away(min(one, other))


@given(failures, batches, graphs, rules, st.randoms())
def test_the_order_of_the_log_does_not_matter(failure, promoted, needs, policy, random):
    shuffled = random.sample(promoted, len(promoted))
    assert attribute(failure, shuffled, needs, policy) == attribute(failure, promoted, needs, policy)


@given(failures, batches, graphs, rules)
def test_the_verdict_follows_the_policy(failure, promoted, needs, policy):
    found = attribute(failure, promoted, needs, policy)
    assert set(found.chosen) <= set(found.suspects)
    assert bool(found.chosen) == (found.verdict == "roll-back")
    assert (found.verdict == "none") == (not found.suspects)
    if found.verdict == "roll-back" and not found.suspects[0].named:
        assert all(suspect.score >= policy.least_score for suspect in found.chosen)
    if len(found.suspects) > 1 and not found.suspects[0].named and policy.suspects == "ask":
        assert found.verdict == "ask"
