"""When the database says no, nothing is acknowledged; when several write at once, one is first."""

import threading

import pytest
from sqlalchemy import event, text

from promotion_gate.operate.ledger import deployments
from promotion_gate.operate.ledger.errors import Conflict, LedgerUnavailable
from promotion_gate.operate.ledger.instance import Instance
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.ledger.verify import verify
from tests.operate.ledger.cases import NOW, PROMOTE, do, request


def test_a_lock_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "ledger.db.lock").mkdir()
    with pytest.raises(LedgerUnavailable, match="unable to open database file"):
        Instance(tmp_path / "ledger.db")


def test_a_full_disk_acknowledges_nothing_and_harms_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.open(url) as ledger:
        first = request(ledger)
        with ledger.read() as queries:
            pages = queries.connection.execute(text("PRAGMA page_count")).scalar_one()
            before = queries.head()
        ledger._engine.dispose()
        event.listen(ledger._engine, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count = {pages + 1}"))

        def fill():
            for number in range(20):
                request(ledger, PROMOTE, f"{number}" * 400)

        with pytest.raises(LedgerUnavailable, match="database or disk is full"):
            fill()
    with Ledger.open(url) as ledger:
        do(ledger, deployments.start, first.id)
        with ledger.read() as queries:
            assert list(verify(queries.connection)) == []
            assert queries.head()[0] >= before[0] + 1


def test_a_broken_file_is_no_ledger(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"promotion" * 1000)
    with pytest.raises(LedgerUnavailable, match="file is not a database"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db")


def test_a_server_that_is_gone_is_said_and_found_again(cluster, emptied):
    with Ledger.open(emptied()) as ledger:
        request(ledger)
        cluster.stop()
        with pytest.raises(LedgerUnavailable, match=r"is not available: ") as raised:
            request(ledger, PROMOTE, "b.py")
        assert "not-a-secret" not in str(raised.value)
        cluster.start()
        request(ledger, PROMOTE, "b.py")
        with ledger.read() as queries:
            assert [promotion.module for promotion in queries.promotions(Filters())] == ["b.py", "cart.py"]


def test_a_connection_cut_before_the_commit_writes_nothing(cluster, emptied):
    def cut():
        with ledger.write("ci", NOW) as writer:
            deployments.start(writer, promotion.id)
            cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 't%'")

    with Ledger.open(emptied()) as ledger:
        promotion = request(ledger)
        with pytest.raises(LedgerUnavailable):
            cut()
        with ledger.read() as queries:
            assert queries.head()[0] == 2
        assert do(ledger, deployments.start, promotion.id).revision == 3


def test_threads_of_one_process_write_one_after_the_other(ledger):
    def work(number):
        for step in range(5):
            request(ledger, PROMOTE, f"m{number}-{step}.py")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as queries:
        assert queries.head()[0] == 60
        assert list(verify(queries.connection)) == []


def test_of_threads_that_want_the_same_place_one_wins(ledger):
    results = []

    def work():
        try:
            results.append(request(ledger).id)
        except Conflict as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [result for result in results if isinstance(result, str)]
    assert (len(results), len(winners)) == (8, 1)
    assert all(winners[0] in str(result) for result in results if isinstance(result, Conflict))
