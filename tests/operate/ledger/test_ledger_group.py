"""Group commit: writers who wait share a transaction; each is acknowledged after the commit, and fails alone."""

import threading

import pytest
from sqlalchemy import event

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import promotions
from promotion_gate.operate.ledger.errors import LedgerUnavailable
from promotion_gate.operate.ledger.ledger import Ledger
from tests.operate.ledger.cases import NOW, case


class Crowd:
    """Writers who all wait while one holds the ledger, then go; what became of each by name."""

    def __init__(self, ledger, bodies):
        self.commits, self.results = 0, {}
        event.listen(ledger._engine, "commit", self._count)
        with ledger.write("first", NOW) as writer:
            promotions.request(writer, case("first.py"))
            self._threads = [threading.Thread(target=self._run, args=(ledger, *one)) for one in bodies.items()]
            for number, thread in enumerate(self._threads, 1):
                thread.start()
                while ledger._groups._waiting < number:
                    pass
        for thread in self._threads:
            thread.join()

    def _count(self, _connection):
        self.commits += 1

    def _run(self, ledger, name, body):
        try:
            with ledger.write(name, NOW) as writer:
                body(writer, name)
        except Exception as error:
            self.results[name] = error
        else:
            with ledger.read() as queries:  # what was acknowledged is seen by others
                self.results[name] = [entry.stream for entry in queries.events(limit=1000) if entry.actor == name]


def asks(writer, name):
    promotions.request(writer, case(f"{name}.py"), name)


def refused(writer, name):
    promotions.request(writer, case(f"{name}.py"), name)
    raise InputError("no")


def test_writers_who_wait_are_committed_together(ledger):
    crowd = Crowd(ledger, {f"w{n}": asks for n in range(8)})
    assert crowd.results == {f"w{n}": [f"promotion\tw{n}"] * 2 for n in range(8)}
    assert crowd.commits == 1
    with ledger.read() as queries:
        assert queries.head()[0] == 18


def test_one_who_fails_takes_nothing_of_the_others_with_him(ledger):
    crowd = Crowd(ledger, {"a": asks, "b": refused, "c": asks, "d": refused})
    assert [type(crowd.results[name]) for name in "abcd"] == [list, InputError, list, InputError]
    assert crowd.commits == 1
    with ledger.read() as queries:
        assert {entry.actor for entry in queries.events()} == {"first", "a", "c"}


def test_where_the_commit_fails_nobody_was_acknowledged(ledger):
    broken = []

    def breaks(connection):
        broken.append(connection)
        raise OSError("disk full")

    event.listen(ledger._engine, "commit", breaks)
    with pytest.raises(OSError, match="disk full"):
        Crowd(ledger, {"a": asks, "b": asks})
    event.remove(ledger._engine, "commit", breaks)
    with ledger.read() as queries:
        assert queries.head()[0] == 0
    assert len(broken) >= 1
    with ledger.write("later", NOW) as writer:
        asks(writer, "later")


def test_who_ends_the_transaction_ends_it_for_all_and_the_next_group_goes_on(ledger):
    def ends(writer, name):
        asks(writer, name)
        writer.queries.connection.exec_driver_sql("ROLLBACK")
        raise InputError("the database gave up")

    crowd = None
    with pytest.raises(LedgerUnavailable):  # the first is told, too: nothing of it was committed
        crowd = Crowd(ledger, {"a": ends})
    assert crowd is None
    with ledger.read() as queries:
        assert queries.head()[0] == 0
    with ledger.write("later", NOW) as writer:
        asks(writer, "later")


def test_who_waits_too_long_is_told_and_holds_up_nobody(ledger_url, monkeypatch):
    monkeypatch.setattr("promotion_gate.operate.ledger.database.BUSY_S", 0.05)
    with Ledger.open(ledger_url) as ledger:
        found = []

        def late():
            try:
                with ledger.write("late", NOW):
                    found.append("written")
            except LedgerUnavailable as error:
                found.append(str(error))

        with ledger.write("first", NOW) as writer:
            asks(writer, "first")
            thread = threading.Thread(target=late)
            thread.start()
            thread.join()
        assert "other writers held it too long" in found[0]
        with ledger.read() as queries:
            assert queries.head()[0] == 2
