"""Clients that write over HTTP all the time, each thing until it is acknowledged; and what must be in the ledger then.

A write has a name, under which it is acknowledged and under which the ledger's events have it: what was acknowledged
and is not there is lost, what is there twice was done twice.
"""

import collections
import http.client
import itertools
import json
import random
import threading
from dataclasses import dataclass

from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.verify import verify
from tests.operate.management.management_world import INSUFFICIENT, PROMOTE, asked

AT = "2026-01-31T09:00:00Z"
AGAIN_S = 0.01
"""A client's pause before it tries again."""


MOVES = 0.3
"""So often a client goes on with the next service though it has no trouble with this one."""


class Connection:
    """To one service at a time."""

    def __init__(self, ports):
        self._ports = itertools.cycle(ports)
        self._connect()

    def move(self):
        """Go to the next service, or connect to the only one again."""
        self.close()
        self._connect()

    def _connect(self):
        self.port = next(self._ports)
        self._open = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def close(self):
        self._open.close()

    def call(self, method, path, body, key):
        """Return status and answer. OSError and HTTPException where the connection is refused or cut."""
        headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
        self._open.request(method, path, None if body is None else json.dumps(body), headers)
        got = self._open.getresponse()
        return got.status, json.loads(got.read())


class Writers:
    """Starts to write when entered, and has ended when left.

    Args:
        ports: of the services.
        seed: of what is written.
        threads: how many clients.

    Attributes:
        acknowledged: names of the writes.
        statuses: how often each HTTP status was answered, `cut` for none at all.
        retried: writes that were tried more than once before they were acknowledged.
        faults: answers that should not have been.
    """

    def __init__(self, ports, seed, threads=4):
        self.acknowledged, self.statuses, self.retried, self.faults = [], collections.Counter(), 0, []
        self._ports, self._over, self._changed = ports, threading.Event(), threading.Condition()
        self._by_port = collections.Counter()
        self._threads = [threading.Thread(target=self._work, args=(one, seed)) for one in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait(self, port=None, more=1, seconds=60):
        """Return when so many more writes were acknowledged, by the service of a port if one is named."""

        def count():
            return self._by_port.total() if port is None else self._by_port[port]

        with self._changed:
            wanted = count() + more
            done = self._changed.wait_for(lambda: self.faults or count() >= wanted, timeout=seconds)
        assert not self.faults, self.faults[:3]
        assert done, f"nothing acknowledged in {seconds} s: {self.statuses}"

    def wait_status(self, status, more=1, seconds=60):
        """Return when a status was answered so many times more."""
        with self._changed:
            wanted = self.statuses[status] + more
            done = self._changed.wait_for(lambda: self.faults or self.statuses[status] >= wanted, timeout=seconds)
        assert not self.faults, self.faults[:3]
        assert done, f"not answered {status} in {seconds} s: {self.statuses}"

    def _work(self, number, seed):
        draw, connection = random.Random(f"{seed}-{number}"), Connection(self._ports[number % len(self._ports) :])
        for step in itertools.count():
            if self._over.is_set():
                break
            task = draw.choice((self._promote, self._hold, self._fail, self._tell))
            task(connection, f"c{number}-{step}")
            if draw.random() < MOVES:
                connection.move()
        connection.close()

    def _promote(self, connection, name):
        answer = self._ask(connection, name, PROMOTE)
        for call, state in (("deployed", "watching"), ("confirm", "stable")):
            if answer is not None:
                path = f"/v1/promotions/{answer['id']}"
                answer = self._write(connection, f"{path}/{call}", None, [(call, answer["id"])], then=(path, state))

    def _hold(self, connection, name):
        self._ask(connection, name, INSUFFICIENT)

    def _ask(self, connection, name, outcome):
        body = asked(name, "1", outcome).model_dump(mode="json", exclude_none=True)
        return self._write(connection, "/v1/promotions", body, [("requested", name)], key=name, status=201)

    def _fail(self, connection, name):
        body = {"source": "pager", "failure_id": name, "project": "shop", "module": "other", "severity": "high"}
        names = [("failure", name), ("failure answered", name)]
        self._write(connection, "/v1/failures", {**body, "occurred_at": AT}, names)

    def _tell(self, connection, name):
        window = {"project": "shop", "module": "tax", "window_start": "2026-01-31T08:00:00Z", "window_end": AT}
        body = {"source": "agent", "batch_id": name, "windows": [{**window, "requests": 1}]}
        self._write(connection, "/v1/telemetry", body, [("batch", name)])

    def _write(self, connection, path, body, names, *, key=None, status=200, then=None):
        """Write until it is acknowledged; return the answer, None where there is none or another than expected.

        `then`: where a write that was tried again is refused because it is done, what is to be seen of it, and how.
        """
        for tries in itertools.count(1):
            got, answer = self._call(connection, "POST", path, body, key)
            if got == 409 and tries > 1 and then is not None:
                got, answer = self._call(connection, "GET", then[0], None, None)
                if got == 200 and answer["state"] != then[1]:
                    got = f"{answer['state']}, not {then[1]}"
            if got not in ("cut", 503):
                break
            if self._over.wait(AGAIN_S):
                return None
        with self._changed:
            self.retried += tries > 1
            if got == status:
                self.acknowledged += names + ([] if key is None else [("answer", key, answer["id"])])
                self._by_port[connection.port] += 1
            else:
                self.faults.append((path, got, answer))
            self._changed.notify_all()
        return answer if got == status else None

    def _call(self, connection, method, path, body, key):
        try:
            status, answer = connection.call(method, path, body, key)
        except (OSError, http.client.HTTPException) as error:
            status, answer = "cut", repr(error)
            connection.move()
        with self._changed:
            self.statuses[status] += 1
            self._changed.notify_all()
        return status, answer


@dataclass(frozen=True)
class Reckoning:
    """What is wrong: writes that were acknowledged and are not there, or are there twice; the chain's faults."""

    lost: list
    double: list
    chain: list

    @property
    def is_good(self):
        return not (self.lost or self.double or self.chain)


def reckon(url, acknowledged):
    """Compare what was acknowledged with the ledger."""
    with Ledger.look(url) as ledger, ledger.read() as queries:
        there = collections.Counter(map(_name, _entries(queries)))
        chain = list(verify(queries.connection))
    lost = [name for name in acknowledged if not there[name]]
    double = [name for name, count in there.items() if count > 1]
    return Reckoning(lost, double, chain)


def _entries(queries):
    last = 0
    while page := queries.events(after=last, limit=5000):
        yield from page
        last = page[-1].sequence


def _name(entry):
    """Return the name of the write that an event is of."""
    told = json.loads(entry.payload)
    promotion = entry.stream.partition("\t")[2]
    match entry.kind:
        case "promotion-requested":
            return "requested", told["request"]["module"]["module"]
        case "answer-stored":
            return "answer", told["key"], told["answer"]["id"]
        case "failure-recorded":
            return "failure", told["failure_id"]
        case "failure-answered":
            return "failure answered", told["failure_id"]
        case "telemetry-recorded":
            return "batch", told["batch_id"]
        case "deployed":
            return "deployed", promotion
        case "promotion-stable" if told["how"] == "confirmed":
            return "confirm", promotion
    return entry.kind, entry.stream
