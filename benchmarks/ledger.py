"""How fast the ledger writes, and how fast a page of a long one comes.

usage: python -m benchmarks.ledger [sqlite] [postgresql] [--events N] [--verify] [--folder DIR]

    --events N     length of the ledger that pages are read from (default 1,000,000); 0: only the writing is timed
    --verify       follow the chain of the long ledger and make its projections again, too; minutes
    --folder DIR   where the databases are written: the disk's fsync decides how fast a commit is

PostgreSQL is started for the purpose, with its own settings, fsync on.
"""

import argparse
import contextlib
import pathlib
import resource
import statistics
import tempfile
import threading
import time

from sqlalchemy import create_engine, insert, text, update

from promotion_gate.operate.ledger import promotions, tables
from promotion_gate.operate.ledger.chain import GENESIS, link, stamp
from promotion_gate.operate.ledger.database import parsed
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.verify import chain_faults, verify
from tests.operate.ledger import postgres
from tests.operate.ledger.cases import NOW, case, deployed, stable

BLOCK = 10_000
MODULES, LEVELS = 2_000, ("development", "staging", "production")


def memory() -> float:
    """Peak so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def time_writes(url: str, threads: int, seconds: float = 5.0) -> None:
    counts = [0] * threads
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < end:
            with ledger.write("bench", NOW) as writer:
                promotions.request(writer, case(f"w{threads}-{number}-{counts[number]}.py"))
            counts[number] += 1

    with Ledger.open(url) as ledger:
        running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    done = sum(counts) / seconds
    print(
        f"  {threads} writer(s): {done:,.0f} promotions/s, {2 * done:,.0f} events/s, each promotion a commit",
        flush=True,
    )


def load(url: str, events: int) -> None:
    """Fill an empty ledger with decided promotions, chained as `Writer` would, and projected as `projection` would."""
    start = time.perf_counter()
    with Ledger.open(url) as ledger:
        with ledger.write("bench", NOW) as writer:
            promotions.request(writer, case("MODULE"), "PROMOTION")
            promotions.withdraw(writer, "PROMOTION", "a benchmark")
        with ledger.read() as queries:
            life = queries.events()
            row = vars(queries.promotion("PROMOTION"))
    engine = create_engine(parsed(url))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER events_no_delete"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in (tables.scores, tables.promotions, tables.events):
            connection.execute(table.delete())
        last = GENESIS
        for first in range(0, events // 3, BLOCK):
            entries, rows, scores = [], [], []
            for number in range(first, min(first + BLOCK, events // 3)):
                module, level = f"m{number % MODULES}.py", LEVELS[number // MODULES % 3]
                for offset, one in enumerate(life, 1):
                    payload = one.payload.replace("MODULE", module).replace("PROMOTION", f"p{number}")
                    payload = payload.replace('"level":"production"', f'"level":"{level}"')
                    stream = f"promotion\tp{number}"
                    entry = link(last, 3 * number + offset, one.kind, one.at, one.actor, stream, payload)
                    entries.append(vars(entry))
                    last = entry.hash
                place = {"module": module, "level": level, "sequence": 3 * number + 1}
                after = {"updated_sequence": 3 * number + 3, "decided_sequence": 3 * number + 2}
                rows.append({**row, "id": f"p{number}", **place, **after})
                scored = {"sequence": 3 * number + 2, "project": "shop", "module": module, "version": "1"}
                scores.append({**scored, "at": stamp(NOW), "fis": row["fis"], "model_version": row["model_version"]})
            connection.execute(insert(tables.events), entries)
            connection.execute(insert(tables.promotions), rows)
            connection.execute(insert(tables.scores), scores)
        connection.execute(update(tables.head).values(count=3 * (events // 3), hash=last))
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    engine.dispose()
    print(f"  {events:,} events loaded in {time.perf_counter() - start:,.0f} s", flush=True)


def time_pages(url: str) -> None:
    with Ledger.open(url) as ledger:
        for number in range(20):
            stable(ledger, f"new{number}.py")
            deployed(ledger, f"watched{number}.py")
        questions = {
            "all": Filters(),
            "project": Filters(project="shop"),
            "module": Filters(project="shop", module="m7.py"),
            "level": Filters(level="staging"),
            "state, many": Filters(state=State.WITHDRAWN),
            "state, few": Filters(state=State.WATCHING),
            "project, level, state, few": Filters(project="shop", level="production", state=State.WATCHING),
            "project, level, state, many": Filters(project="shop", level="staging", state=State.WITHDRAWN),
            "level, state, none": Filters(level="staging", state=State.WATCHING),
            "module, state, none": Filters(project="shop", module="m7.py", state=State.FAILED),
            "project, none": Filters(project="other"),
        }
        with ledger.read() as queries:
            count = queries.head()[0]
            queries.promotions(Filters())
        before = memory()
        worst = 0.0
        for name, filters in questions.items():
            times = []
            for place in range(40):
                start = time.perf_counter()
                with ledger.read() as queries:
                    queries.promotions(filters, before=count - place * (count // 40))
                times.append(1000 * (time.perf_counter() - start))
            worst = max(worst, max(times))
            print(f"  page of 50, {name:28}  median {statistics.median(times):6.2f} ms  worst {max(times):6.2f} ms")
        start = time.perf_counter()
        for place in range(40):
            with ledger.read() as queries:
                queries.events(after=place * (count // 40))
        print(f"  page of 50 events, mean {1000 * (time.perf_counter() - start) / 40:.2f} ms")
        print(f"  worst page {worst:.1f} ms; memory before {before:,.0f} MiB, after {memory():,.0f} MiB", flush=True)


def time_verify(url: str) -> None:
    with Ledger.look(url) as ledger, ledger.read() as queries:
        count = queries.head()[0]
        before, start = memory(), time.perf_counter()
        assert not list(chain_faults(queries.connection))
        seconds = time.perf_counter() - start
        print(
            f"  chain followed: {seconds:,.0f} s, {count / seconds:,.0f} events/s; {before:,.0f} -> {memory():,.0f} MiB"
        )
        start = time.perf_counter()
        assert not list(verify(queries.connection))
        seconds = time.perf_counter() - start
        print(
            f"  verify: {seconds:,.0f} s, {count / seconds:,.0f} events/s; {memory():,.0f} MiB",
            flush=True,
        )


@contextlib.contextmanager
def empty_ledgers(database: str, folder: pathlib.Path):
    """A function that makes an empty ledger and returns its URL."""
    made = []
    if database == "sqlite":
        yield lambda: f"sqlite:///{folder}/{made.append(0) or len(made)}.db"
        return
    with postgres.cluster(postgres.binaries()) as cluster:

        def make() -> str:
            url = cluster.url(cluster.database())
            with Ledger.to_migrate(url) as ledger:
                ledger.migrate()
            return url

        yield make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("databases", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path)
    given = parser.parse_args()
    for database in given.databases:
        print(f"{database}:", flush=True)
        with (
            tempfile.TemporaryDirectory(dir=given.folder) as folder,
            empty_ledgers(database, pathlib.Path(folder)) as make,
        ):
            url = make()
            for threads in (1, 4):
                time_writes(url, threads)
            if given.events:
                load(url := make(), given.events)
                time_pages(url)
                if given.verify:
                    time_verify(url)


if __name__ == "__main__":
    main()
