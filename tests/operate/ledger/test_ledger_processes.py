"""Processes: several race on PostgreSQL, and on both databases they are killed while they write.

PROMOTION_GATE_KILLS says how many (default 20 on each database); `PROMOTION_GATE_KILLS=200 pytest ...` for the promise.
"""

import collections
import contextlib
import os
import random
import time

from sqlalchemy import select

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.verify import verify
from tests.operate.forks import FORKS
from tests.operate.ledger import writer_process

KILLS = int(os.environ.get("PROMOTION_GATE_KILLS", "20"))
TOGETHER = 3
"""Processes that write at once where the database takes several."""


@contextlib.contextmanager
def processes(work, arguments):
    """Start processes, each of which has said that it is ready: each with the pipe to it."""
    started = []
    try:
        for given in arguments:
            ours, theirs = FORKS.Pipe()
            process = FORKS.Process(target=work, args=(theirs, *given))
            process.start()
            theirs.close()
            started.append((process, ours))
        assert [pipe.recv() for _, pipe in started] == ["ready"] * len(started)
        yield started
    finally:
        for process, pipe in started:
            process.kill()
            process.join()
            process.close()
            pipe.close()


def test_of_processes_that_want_the_same_places_each_place_has_one_winner(emptied):
    url = emptied()
    with processes(writer_process.race, [(url, f"p{number}") for number in range(TOGETHER)]) as started:
        for _, pipe in started:
            pipe.send("go")
        won = [number for _, pipe in started for number in pipe.recv()]
    assert sorted(won) == list(range(10))
    with Ledger.look(url) as ledger, ledger.read() as queries:
        assert queries.head()[0] == 20
        assert list(verify(queries.connection)) == []


def test_what_was_acknowledged_is_there_once_after_every_kill(ledger_url, tmp_path):
    randomly = random.Random(7)
    together = 1 if ledger_url.startswith("sqlite") else TOGETHER
    killed = 0
    while killed < KILLS:
        names = [f"r{killed + one}" for one in range(min(together, KILLS - killed))]
        given = [(ledger_url, str(tmp_path / f"{name}.log"), name) for name in names]
        with processes(writer_process.write_on, given) as started:
            # Under load: some are killed within their first write, some after dozens.
            for process, _ in randomly.sample(started, len(started)):
                time.sleep(randomly.uniform(0, 0.15))
                process.kill()
                process.join()
                killed += 1
    acknowledged = [line for log in tmp_path.glob("*.log") for line in log.read_text().split()]
    with Ledger.open(ledger_url) as ledger, ledger.read() as queries:
        there = queries.connection.execute(select(tables.promotions.c.id)).scalars().all()
        answered = queries.connection.execute(select(tables.answers.c.key)).scalars().all()
        assert list(verify(queries.connection)) == []
        assert queries.head()[0] == 3 * len(there)
    assert set(acknowledged) <= set(there)
    assert max(collections.Counter(there).values()) == 1
    assert {f"{name}.py" for name in there} == set(answered)
    assert len(there) - len(acknowledged) <= KILLS  # what a kill took between the commit and the line in the log
    assert acknowledged
