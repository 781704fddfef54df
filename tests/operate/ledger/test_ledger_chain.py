"""What was altered, removed or put elsewhere is found, whichever event it is; and so is a projection that disagrees."""
# ruff: noqa: S608 - the tests say themselves what they put into statements

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from promotion_gate.decide.digest import digest
from promotion_gate.operate.ledger import deployments, records
from promotion_gate.operate.ledger.chain import GENESIS, canonical, link
from promotion_gate.operate.ledger.database import parsed
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.tables import PROJECTIONS
from promotion_gate.operate.ledger.verify import chain_faults, verify
from tests.operate.ledger.cases import NOW, POLICY, deployed, do, failure, request, stable, telemetry

COLUMNS = ("kind", "at", "actor", "stream", "payload", "hash")


def written(url):
    """A ledger with something in every table that promotions lead to; return how many events it has."""
    with Ledger.to_migrate(url) as made:
        made.migrate()
    with Ledger.open(url) as ledger:
        stable(ledger)
        rolled = deployed(ledger, version="2")
        with ledger.write("pager", NOW) as writer:
            records.record_failure(writer, failure(promotion=rolled.id, evidence={"errors": 3, "source": "probe"}))
            records.record_telemetry(writer, telemetry())
            records.record_telemetry(writer, telemetry("b2", version="2", latency_buckets={"0.1": 9, "+Inf": 10}))
            records.store_answer(writer, "ci", "k", "a" * 64, 201, {})
        do(ledger, deployments.roll_back, rolled.id, "500s")
        do(ledger, deployments.rolled_back, rolled.id, POLICY.surcharge)
        request(ledger, version="3")
        with ledger.read() as queries:
            return queries.head()[0]


def tamper(url, *statements, **values):
    """Do what somebody does who owns the database."""
    engine = create_engine(parsed(url))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER IF EXISTS events_no_update"))
            connection.execute(text("DROP TRIGGER IF EXISTS events_no_delete"))
        else:
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), values if ":" in statement else {})
    engine.dispose()


def found(url, head=None):
    with Ledger.look(url) as ledger, ledger.read() as queries:
        return list(verify(queries.connection, head))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")
    count = written(f"sqlite:///{folder}/original.db")
    assert found(f"sqlite:///{folder}/original.db") == []
    return folder, count


@pytest.fixture
def copy(original):
    folder, count = original

    def make():
        shutil.copy(folder / "original.db", folder / "copy.db")
        for rest in ("copy.db-wal", "copy.db-shm"):
            (folder / rest).unlink(missing_ok=True)
        return f"sqlite:///{folder}/copy.db"

    return make, count


def law(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@law(40)
@given(data=st.data(), column=st.sampled_from(COLUMNS), character=st.characters(codec="ascii", exclude_characters="\0"))
def test_a_changed_character_of_any_event_is_found(copy, data, column, character):
    make, count = copy
    url, number = make(), data.draw(st.integers(1, count))
    engine = create_engine(url)
    with engine.connect() as connection:
        value = connection.execute(text(f"SELECT {column} FROM events WHERE sequence = {number}")).scalar_one()
    engine.dispose()
    place = data.draw(st.integers(0, len(value) - 1))
    changed = value[:place] + character + value[place + 1 :]
    tamper(url, f"UPDATE events SET {column} = :value WHERE sequence = {number}", value=changed)
    said = found(url)
    if changed == value:
        assert said == []
    else:
        assert any(f"event {number}" in line or f"event {number + 1}" in line for line in said)


@law(15)
@given(data=st.data())
def test_a_removed_event_is_found_the_last_too(copy, data):
    make, count = copy
    url, number = make(), data.draw(st.integers(1, count))
    tamper(url, f"DELETE FROM events WHERE sequence = {number}")
    assert f"events {number} to {number}: removed" in found(url)[0]


@law(20)
@given(data=st.data())
def test_two_events_in_each_other_s_place_are_found(copy, data):
    make, count = copy
    one, other = sorted(data.draw(st.lists(st.integers(1, count), min_size=2, max_size=2, unique=True)))
    url = make()
    tamper(
        url,
        f"UPDATE events SET sequence = -1 WHERE sequence = {one}",
        f"UPDATE events SET sequence = {one} WHERE sequence = {other}",
        f"UPDATE events SET sequence = {other} WHERE sequence = -1",
    )
    assert any(f"event {one}: does not follow" in line for line in found(url))


def test_events_that_nobody_wrote_are_found(copy):
    make, count = copy
    columns = "kind, at, actor, stream, payload, hash"
    for number, said in ((-3, "event -3: added"), (count + 1, f"event {count + 1}: does not follow")):
        tamper(
            url := make(), f"INSERT INTO events (sequence, {columns}) SELECT {number}, {columns} FROM events LIMIT 1"
        )
        assert any(line.startswith(said) for line in found(url))


def test_a_head_kept_elsewhere_finds_what_the_ledger_alone_cannot(copy):
    make, count = copy
    with Ledger.look(url := make()) as ledger, ledger.read() as queries:
        kept = queries.head()[1]
    assert found(url, kept) == found(url, GENESIS) == []
    # Somebody cuts the last events and makes the head and the projections fit.
    with Ledger.look(url) as ledger, ledger.read() as queries:
        before = queries.events(after=count - 3, limit=1)[0]
    update = f"UPDATE ledger_head SET count = {before.sequence}, hash = '{before.hash}'"
    gone = f"DELETE FROM events WHERE sequence > {before.sequence}"
    last = [f"DELETE FROM {table} WHERE sequence > {before.sequence}" for table in ("promotions", "scores")]
    tamper(url, *last, gone, update)
    with Ledger.look(url) as ledger, ledger.read() as queries:
        assert list(chain_faults(queries.connection)) == []
        assert any("no event has the hash" in line for line in chain_faults(queries.connection, kept))


def test_a_head_that_is_not_its_own_is_found(copy):
    make, count = copy
    for change, said in (
        (f"UPDATE ledger_head SET hash = '{'f' * 64}'", "head: its hash is not that of event"),
        ("UPDATE ledger_head SET count = count - 1", f"events {count} to {count}: added at the end"),
        ("UPDATE ledger_head SET count = count + 1", f"events {count + 1} to {count + 1}: removed at the end"),
        ("DELETE FROM ledger_head", "head: 0 rows"),
    ):
        tamper(url := make(), change)
        with Ledger.look(url) as ledger, ledger.read() as queries:
            assert next(verify(queries.connection)).startswith(said)


CHANGES = {
    "promotions": "state = 'stable'",
    "modules": "surcharge = '0'",
    "stable_versions": "version = '9'",
    "scores": "fis = 0.5",
    "failures": "severity = 'low'",
    "telemetry": "requests = 11",
    "telemetry_batches": "body_sha256 = 'x'",
    "answers": "status = 500",
}


def test_a_projection_that_disagrees_is_named_and_made_again(ledger_url):
    url = ledger_url
    written(url)
    for table, change in CHANGES.items():
        tamper(url, f"UPDATE {table} SET {change}")
    said = found(url)
    assert {line.split()[0] for line in said} == set(CHANGES)
    assert any("surcharge is '0', the events say" in line for line in said)
    tamper(url, *(f"DELETE FROM {name}" for name in ("scores", "failures", "telemetry")))
    assert any(line.startswith("failures shop pager 1 cart.py: missing") for line in found(url))
    with Ledger.to_migrate(url) as ledger:
        ledger.migrate("ledger_0001")
        ledger.migrate()
    assert found(url) == []


def test_an_event_that_fits_the_chain_and_breaks_the_rules_is_found(copy):
    make, count = copy
    with Ledger.look(url := make()) as ledger, ledger.read() as queries:
        request_again, last = queries.events(after=count - 2, limit=1)[0], queries.head()[1]
    forged = {
        "another's place": (request_again.kind, "promotion\tforged", request_again.payload, "UNIQUE constraint failed"),
        "no promotion": ("deployment-started", "promotion\tnobody", "{}", "no promotion 'nobody'"),
        "no stream": ("deployment-started", "system", "{}", "belongs to a promotion"),
        "no payload": ("deployed", "promotion\tx", "{}", "no deployed: watch_until: Field required"),
        "no kind": ("coup", "system", "{}", "event kind 'coup' is unknown"),
    }
    for kind, stream, payload, said in forged.values():
        entry = link(last, count + 1, kind, request_again.at, "x", stream, payload)
        columns = ", ".join(f":{name}" for name in vars(entry))
        engine = create_engine(url := make())
        with engine.begin() as connection:
            connection.execute(text(f"INSERT INTO events ({columns.replace(':', '')}) VALUES ({columns})"), vars(entry))
            connection.execute(text(f"UPDATE ledger_head SET count = {count + 1}, hash = '{entry.hash}'"))
        engine.dispose()
        (line,) = found(url)
        assert line.startswith(f"event {count + 1}: could never have been written: ")
        assert said in line


def test_a_row_that_no_event_made_is_found(copy):
    make, _ = copy
    tamper(url := make(), "INSERT INTO modules VALUES ('shop', 'a.py', '0', 1)")
    assert found(url) == ["modules shop a.py: in no event"]
    assert {table.name for table in PROJECTIONS} >= set(CHANGES)


def test_the_database_itself_refuses_to_change_an_event(ledger_url):
    written(ledger_url)
    engine = create_engine(parsed(ledger_url))
    for statement in ("UPDATE events SET actor = 'x'", "DELETE FROM events WHERE sequence = 1"):
        with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_the_hash_is_that_of_the_documented_text():
    entry = link(GENESIS, 1, "k", "t", "a", "s", "{}")
    document = {
        "previous": GENESIS,
        "sequence": 1,
        "kind": "k",
        "at": "t",
        "actor": "a",
        "stream": "s",
        "payload": "{}",
    }
    assert entry.hash == digest(document)
    assert canonical(document).startswith('{"actor":"a","at":"t"')
