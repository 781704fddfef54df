"""What others tell the ledger counts once, and what it is asked comes in pages; on both databases."""

import datetime as dt

import pytest
from sqlalchemy import select

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import promotions, records, reviews, tables
from promotion_gate.operate.ledger.errors import Conflict, NotFound
from promotion_gate.operate.ledger.module_events import Scored, Telemetry
from promotion_gate.operate.ledger.payload import SYSTEM, module_stream
from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.system_events import CallRefused, TokenIssued, TokenRevoked
from promotion_gate.operate.ledger.telemetry_queries import windows
from promotion_gate.operate.ledger.verify import verify
from tests.operate.ledger.cases import (
    BLOCKED,
    HOUR,
    INSUFFICIENT,
    NOW,
    PROMOTE,
    case,
    deployed,
    do,
    failure,
    request,
    telemetry,
)


@pytest.fixture(autouse=True)
def _chain_and_projections_agree(ledger):
    yield
    with ledger.read() as queries:
        assert list(verify(queries.connection)) == []


def test_failures_are_told_once_and_resolved_once(ledger):
    def tell(one):
        with ledger.write("pager", NOW) as writer:
            return records.record_failure(writer, one)

    told = [failure(), failure(), failure(resolved_at=NOW + HOUR), failure(resolved_at=NOW + HOUR), failure()]
    assert [tell(one) for one in told] == [True, False, True, False, False]
    assert tell(failure(source="other")) is True
    assert tell(failure(module="b.py")) is True
    with pytest.raises(Conflict, match="with other words: severity was high, not low"):
        tell(failure(severity="low"))
    with ledger.read() as queries:
        assert [row["resolved_at"] for row in queries.failures("shop", "cart.py")] == [
            None,
            "2026-01-31T10:00:00.000000Z",
        ]


def test_evidence_is_part_of_what_was_told(ledger):
    def tell(one):
        with ledger.write("monitor", NOW) as writer:
            return records.record_failure(writer, one)

    facts = {"errors": 3, "rate": 0.5, "window": "10 s"}
    assert [tell(failure(evidence=facts)), tell(failure(evidence=dict(reversed(facts.items()))))] == [True, False]
    assert tell(failure(evidence=facts, resolved_at=NOW + HOUR)) is True
    for other in (None, "500s", {**facts, "errors": 4}):
        with pytest.raises(Conflict, match=r'with other words: evidence was \{"errors":3,"rate":0\.5,"win'):
            tell(failure(evidence=other))
    words = '{"errors":3}'  # an object's text is no object
    assert tell(failure("2", evidence=words)) is True
    with pytest.raises(Conflict):
        tell(failure("2", evidence={"errors": 3}))


def test_a_batch_of_telemetry_counts_once(ledger):
    def tell(batch):
        with ledger.write("agent", NOW) as writer:
            return records.record_telemetry(writer, batch)

    assert [tell(telemetry()), tell(telemetry()), tell(telemetry("b2", requests=11.0))] == [True, False, True]
    with pytest.raises(Conflict, match="with other windows"):
        tell(telemetry(requests=12.0))
    twice = telemetry("b3").windows + telemetry("b3", requests=3.0).windows + telemetry("b3", start=NOW + HOUR).windows
    assert tell(Telemetry(source="agent", batch_id="b3", windows=twice))
    with ledger.read() as queries:
        seen = queries.connection.execute(select(tables.telemetry.c.requests).order_by("window_start")).scalars().all()
    assert seen == [3.0, 10.0]


def test_two_agents_who_see_replicas_of_a_module_are_both_counted(ledger):
    with ledger.write("agent", NOW) as writer:
        for source, requests in (("here", 10.0), ("there", 7.0), ("here", 11.0)):
            batch = telemetry(f"{source}-{requests}", requests=requests).model_copy(update={"source": source})
            records.record_telemetry(writer, batch)
    with ledger.read() as queries:
        seen = windows(queries, "shop", "cart.py", None)
    assert [(one.source, one.requests) for one in seen] == [("there", 7.0), ("here", 11.0)]


def test_a_key_gets_its_answer_again_and_another_body_none(ledger):
    with ledger.write("ci", NOW) as writer:
        stored = records.store_answer(writer, "ci", "k1", "a" * 64, 201, {"id": "p", "fis": 0.1})
    with ledger.read() as queries:
        assert records.answered(queries, "ci", "k1", "a" * 64) == stored
        assert records.answered(queries, "other", "k1", "b" * 64) is None
        with pytest.raises(Conflict, match="another body"):
            records.answered(queries, "ci", "k1", "b" * 64)
    with pytest.raises(Conflict), ledger.write("ci", NOW) as writer:
        records.store_answer(writer, "ci", "k1", "a" * 64, 201, {})


def test_tokens_scores_and_refused_calls(ledger):
    token = TokenIssued(token_sha256="c" * 64, name="pipeline", scopes=("promote", "read"), project="shop")
    with ledger.write("admin", NOW) as writer:
        writer.append(SYSTEM, token)
        writer.append(SYSTEM, CallRefused(method="POST", path="/v1/promotions", status=401, reason="no-token"))
        writer.append(module_stream("shop", "cart.py"), Scored(result=case().score))
    with ledger.read() as queries:
        assert queries.token("c" * 64)["scopes"] == ("promote", "read")
        assert queries.token("c" * 64)["revoked_at"] is None
        assert queries.token("d" * 64) is None
        assert [entry.actor for entry in queries.events(kinds=(CallRefused.kind,))] == ["admin"]
        assert len(queries.scores("shop", "cart.py")) == 1
    with ledger.write("admin", NOW) as writer:
        writer.append(SYSTEM, TokenRevoked(token_sha256="c" * 64))
    with ledger.read() as queries:
        assert queries.token("c" * 64)["revoked_at"] == "2026-01-31T09:00:00.000000Z"
    with pytest.raises(NotFound), ledger.write("admin", NOW) as writer:
        writer.append(SYSTEM, TokenRevoked(token_sha256="d" * 64))
    with pytest.raises(Conflict), ledger.write("admin", NOW) as writer:
        writer.append(SYSTEM, token)


def test_pages_are_cut_by_sequence_and_filters_join(ledger):
    for number in range(7):
        request(
            ledger,
            PROMOTE if number % 2 else INSUFFICIENT,
            f"m{number}.py",
            level=("staging", "production")[number % 2],
        )
    with ledger.read() as queries:
        pages, before = [], None
        while page := queries.promotions(Filters(project="shop"), before=before, limit=3):
            pages.append([promotion.module for promotion in page])
            before = page[-1].sequence
        assert pages == [["m6.py", "m5.py", "m4.py"], ["m3.py", "m2.py", "m1.py"], ["m0.py"]]
        some = queries.promotions(Filters(level="staging", state=State.INSUFFICIENT, module="m2.py"))
        assert [promotion.module for promotion in some] == ["m2.py"]
        assert queries.promotions(Filters(project="other")) == []
        assert [entry.sequence for entry in queries.events(after=12)] == [13, 14]


def test_what_is_due_is_found_and_the_clock_may_go_backwards(ledger):
    early, late = deployed(ledger, "a.py"), request(ledger, BLOCKED, "b.py")
    do(ledger, reviews.open_review, late.id, reviewers_needed=1, until=NOW + 2 * HOUR, now=NOW - 5 * HOUR)
    with ledger.read() as queries:
        assert queries.due(NOW) == []
        assert [promotion.id for promotion in queries.due(NOW + HOUR)] == [early.id]
        assert [promotion.id for promotion in queries.due(NOW + 3 * HOUR)] == [early.id, late.id]


@pytest.mark.parametrize("actor", ["", " ", "a\nb", "x" * 201])
def test_an_actor_has_a_name(ledger, actor):
    with pytest.raises(InputError, match="an actor is"), ledger.write(actor, NOW):
        pass


def test_a_time_has_an_offset_and_a_name_an_end(ledger):
    with pytest.raises(InputError, match="offset from UTC"), ledger.write("ci", dt.datetime(2026, 1, 1)):  # noqa: DTZ001
        pass
    with pytest.raises(InputError, match="bytes together"):
        request(ledger, module="ü" * 1000, level="production", version="1")
    with ledger.write("ci", NOW) as writer:
        promotions.request(writer, case("a.py"), "p1")
    with pytest.raises(Conflict, match="is there already"), ledger.write("ci", NOW) as writer:
        promotions.request(writer, case("b.py"), "p1")
