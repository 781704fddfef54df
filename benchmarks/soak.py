"""Does the service stay well for long? A mixture of calls at half of the highest rate, errors and memory watched.

usage: python -m benchmarks.soak [--minutes 10] [--database URL] [--workers N] [--folder DIR]

    --minutes M       how long it is loaded, after the highest rate was found
    --database URL    a migrated ledger; without, a new SQLite file
    --workers N       processes of the service, on PostgreSQL
    --folder DIR      where the SQLite ledger is written

The mixture, of 100 calls: 60 scores by name, 2 with metrics of the module's own, 20 promotions, 5 loads, 2 batches of
telemetry, 8 pages of promotions, 3 views of a module. The highest rate is that of 16 clients who ask again as soon as
they are answered. Memory is that of all the service's processes; its growth is the mean of the last tenth of the time
over that of the second tenth (in the first one caches fill).
"""

import argparse
import collections
import datetime as dt
import http.client
import itertools
import json
import pathlib
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from benchmarks import serving
from benchmarks.service import LEVELS, modules, named

CLIENTS = 16
TOP_S = 20.0
LOOK_S = 2.0
SHARES = {"name": 60, "metrics": 2, "promotion": 20, "load": 5, "telemetry": 2, "page": 8, "module": 3}

Call = tuple[str, str, Any]
"""Method, path, body."""


def calls(seed: int) -> Iterator[Call]:
    """What one client asks, for ever."""
    drawn = random.Random(seed)
    known = modules()
    held = [entry for entry in known if entry["severity"] == "negligible"]
    while True:
        kind = drawn.choices(list(SHARES), list(SHARES.values()))[0]
        one = named(drawn.choice(known))
        now = dt.datetime.now(dt.UTC)
        if kind == "name":
            yield "POST", "/v1/fis", one
        elif kind == "metrics":
            yield "POST", "/v1/fis", {**one, "metrics": {"loc": drawn.randint(1, 2000), "churn": drawn.randint(0, 90)}}
        elif kind == "promotion":
            asked = {"module": {**named(drawn.choice(held)), "version": "1"}, "level": drawn.choice(LEVELS)}
            yield "POST", "/v1/promotions", {**asked, "coverage": 0.3}
        elif kind == "load":
            yield "POST", "/v1/load", {**one, "load": round(drawn.random(), 2)}
        elif kind == "telemetry":
            ends = {"window_start": (now - dt.timedelta(seconds=10)).isoformat(), "window_end": now.isoformat()}
            windows = [{**named(entry), **ends, "requests": 90, "errors": 1} for entry in drawn.sample(known, 50)]
            yield "POST", "/v1/telemetry", {"source": "soak", "batch_id": str(uuid.uuid4()), "windows": windows}
        elif kind == "page":
            yield "GET", f"/v1/promotions?project={one['project']}&limit=20", None
        else:
            yield "GET", f"/v1/modules/{one['module']}?project={one['project']}", None


class Client(threading.Thread):
    """Asks at a rate, or as fast as it is answered, until a moment.

    Attributes:
        answered: calls by status.
        slow: seconds of each call.
        late: how far behind its rate it was at the end, seconds.
    """

    def __init__(self, seed: int, port: int, until: float, every_s: float) -> None:
        super().__init__(daemon=True)
        self._calls, self._port, self._until, self._every_s = calls(seed), port, until, every_s
        self.answered: collections.Counter[int] = collections.Counter()
        self.told: collections.Counter[str] = collections.Counter()
        self.slow: list[float] = []
        self.late = 0.0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        due = time.perf_counter() + random.random() * self._every_s
        while (now := time.perf_counter()) < self._until:
            if self._every_s:
                time.sleep(max(0.0, due - now))
                due += self._every_s
            method, path, body = next(self._calls)
            sent = None if body is None else json.dumps(body).encode()
            began = time.perf_counter()
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            self.slow.append(time.perf_counter() - began)
            self.answered[answer.status] += 1
            if answer.status >= 400:
                self.told[content[:200].decode(errors="replace")] += 1
        self.late = max(0.0, self._until - due) if self._every_s else 0.0


def load(port: int, seconds: float, rate: float | None) -> list[Client]:
    """Clients at work."""
    until = time.perf_counter() + seconds
    every_s = CLIENTS / rate if rate else 0.0
    clients = [Client(seed, port, until, every_s) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    return clients


def ended(clients: list[Client], seconds: float, what: str) -> float:
    """Wait for the clients, say how it went, and return calls a second."""
    for client in clients:
        client.join()
    slow = sorted(itertools.chain.from_iterable(client.slow for client in clients))
    answered = sum((client.answered for client in clients), collections.Counter[int]())
    errors = sum(count for status, count in answered.items() if status >= 400)
    rate, p50, p99 = len(slow) / seconds, statistics.median(slow), slow[int(0.99 * len(slow))]
    times = f"p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms, worst {1000 * slow[-1]:.0f} ms"
    print(f"{what}: {rate:,.0f} calls/s, {len(slow):,} calls, {errors} errors, {times}", flush=True)
    for line, count in sum((client.told for client in clients), collections.Counter[str]()).most_common(5):
        print(f"  {count} x {line}", flush=True)
    return rate


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--minutes", type=float, default=10)
    cli.add_argument("--database")
    cli.add_argument("--workers", type=int, default=1)
    cli.add_argument("--folder", type=pathlib.Path)
    options = cli.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        room, port = pathlib.Path(folder), serving.free_port()
        command = serving.ours(
            port, options.database or f"sqlite:///{room}/ledger.db", "--workers", str(options.workers)
        )
        with serving.served(command, port, "/readyz", room / "service.log") as process:
            top = ended(load(port, TOP_S, None), TOP_S, "highest rate")
            seconds = 60 * options.minutes
            clients, memory = load(port, seconds, top / 2), []
            while any(client.is_alive() for client in clients):
                memory.append(serving.resident_mib(process))
                time.sleep(LOOK_S)
            rate = ended(clients, seconds, "half of it")
            if rate < 0.49 * top:
                print(f"  the clients did not keep their rate: late by {max(client.late for client in clients):.1f} s")
            tenth = max(1, len(memory) // 10)
            early, late = statistics.mean(memory[tenth : 2 * tenth]), statistics.mean(memory[-tenth:])
            said = (
                f"{early:,.0f} MiB in the second tenth, {late:,.0f} MiB in the last: {100 * (late / early - 1):+.2f} %"
            )
            print(f"memory: {said}", flush=True)


if __name__ == "__main__":
    main()
