"""Telemetry by version: each window is kept for itself and comes in the order of arrival; on both databases."""

import datetime as dt
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from promotion_gate.operate.ledger import records
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.module_events import Telemetry, Window
from promotion_gate.operate.ledger.telemetry_queries import START, Mark, newest_load, windows
from promotion_gate.operate.ledger.verify import verify
from promotion_gate.operate.service.loads import Loads
from tests.operate.ledger.cases import NOW

STEP = dt.timedelta(seconds=10)
BUCKETS = {"+Inf": 50.0, "0.25": 45.0, "0.1": 40.0}


def window(number=0, version="1", *, module="cart.py", steps=1, **more):
    start = NOW + number * STEP
    return Window(
        project="shop", module=module, version=version, window_start=start, window_end=start + steps * STEP, **more
    )


def teller(ledger):
    numbers = count()

    def tell(*told):
        with ledger.write("agent", NOW) as writer:
            records.record_telemetry(writer, Telemetry(source="agent", batch_id=str(next(numbers)), windows=told))

    return tell


@pytest.fixture
def tell(ledger):
    yield teller(ledger)
    with ledger.read() as queries:
        assert list(verify(queries.connection)) == []


def seen(ledger, version, module="cart.py", limit=2):
    """All windows of a version, page by page, as their numbers."""
    found, after = [], START
    with ledger.read() as queries:
        while page := windows(queries, "shop", module, version, after=after, limit=limit):
            assert len(page) <= limit
            found += page
            after = page[-1].mark
    return [(one.window_start - NOW) // STEP for one in found]


def test_a_version_s_windows_come_in_the_order_in_which_they_arrived(ledger, tell):
    tell(window(4), window(3), window(3, "2"), window(5))
    tell(window(0), window(9, module="mail.py"), window(1, None))
    tell(window(3, requests=7.0), window(3, steps=2))
    # The third window was told again, and has arrived again; of one batch the earlier ending comes first.
    assert seen(ledger, "1") == [4, 5, 0, 3, 3]
    assert seen(ledger, "2") == [3]
    assert seen(ledger, None) == [1]
    assert seen(ledger, "3") == []
    with ledger.read() as queries:
        assert len(windows(queries, "shop", "cart.py", "1", after=Mark(2))) == 3
        again = windows(queries, "shop", "cart.py", "1", after=Mark(3))
    assert [one.requests for one in again] == [7.0, None]


def test_a_window_comes_as_it_was_told(ledger, tell):
    figures = {"requests": 50.0, "errors": 3.0, "latency_p95_s": 0.3, "cpu_seconds": 1.5, "load": 0.25}
    tell(window(1, **figures, latency_buckets=BUCKETS), window(2))
    with ledger.read() as queries:
        told, bare = windows(queries, "shop", "cart.py", "1")
    assert {name: getattr(told, name) for name in figures} == figures
    assert (told.window_start, told.window_end) == (NOW + STEP, NOW + 2 * STEP)
    assert list(told.latency_buckets.items()) == [("0.1", 40.0), ("0.25", 45.0), ("+Inf", 50.0)]
    assert (bare.requests, bare.latency_buckets) == (None, None)


def test_a_page_is_read_by_the_index(ledger, tell):
    for number in range(3):
        tell(*(window(100 * number + one, version, load=0.5) for one in range(100) for version in ("1", "2", "3")))
    asked = []
    with ledger.read() as queries:
        listening = queries.connection.engine
        event.listen(listening, "before_cursor_execute", lambda _c, _k, said, values, *_: asked.append((said, values)))
        page = windows(queries, "shop", "cart.py", "2", after=Mark(2), limit=10)
        newest_load(queries, "shop", "cart.py", NOW + 1000 * STEP)
        plans = []
        is_sqlite = queries.connection.dialect.name == "sqlite"
        if not is_sqlite:  # with few rows a scan is as good
            queries.connection.execute(text("SET LOCAL enable_seqscan = off"))
            queries.connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        for said, values in [one for one in asked if "FROM telemetry" in one[0]]:
            prefix = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
            rows = queries.connection.exec_driver_sql(f"{prefix} {said}", values)
            plans.append("\n".join(str(row) for row in rows))
    assert [one.mark.sequence for one in page] == [2] * 10
    assert "telemetry_of_version" in plans[0]
    assert "Sort" not in plans[0]
    assert "TEMP B-TREE" not in plans[0]
    assert "telemetry_of_version" not in plans[1]
    assert "autoindex" in plans[1] if is_sqlite else "telemetry_pkey" in plans[1]


def loads(ledger, then=None):
    made = then or Loads()
    with ledger.read() as queries:
        made.refresh(queries)
        newest = newest_load(queries, "shop", "cart.py", NOW + 10_000 * STEP)
    assert made.of("shop", "cart.py") == (None if newest is None else newest[0])
    return made


def test_of_versions_side_by_side_the_more_loaded_counts(ledger, tell):
    running = loads(ledger)
    tell(window(1, "1", load=0.2), window(1, "2", load=0.6), window(0, "3", load=0.9))
    assert loads(ledger, running).of("shop", "cart.py") == 0.6
    tell(window(1, "2", load=0.1))  # told again: it was less
    assert loads(ledger, running).of("shop", "cart.py") == 0.2
    tell(window(2, "2", load=0.1))
    assert loads(ledger, running).of("shop", "cart.py") == loads(ledger).of("shop", "cart.py") == 0.1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(
            st.builds(
                window,
                st.integers(0, 3),
                st.sampled_from([None, "1", "2"]),
                steps=st.integers(1, 2),
                load=st.sampled_from([0.0, 0.25, 1.0]),
            ),
            min_size=1,
            max_size=4,
        ),
        max_size=6,
    )
)
def test_who_was_there_all_along_knows_what_one_knows_who_comes_later(tmp_path_factory, batches):
    with Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('loads')}/ledger.db") as ledger:
        told, running = teller(ledger), loads(ledger)
        for batch in batches:
            told(*batch)
            loads(ledger, running)
        loads(ledger)
