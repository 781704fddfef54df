"""The service whose database has trouble while clients write: 503 until it is over, then on as before, nothing lost."""

import contextlib
import http.client
import json
import os
import random
import resource
import signal
import subprocess

import pytest

from tests.operate.service.victims import Victim
from tests.operate.service.writers import AT, Writers, reckon

SEED = 7
SMALL = 1 << 20
"""Bytes that the ledger may take at first: some hundred writes."""


@contextlib.contextmanager
def small_disk(folder):
    """A disk with little room, and a function that makes more."""
    mounted, ballast = folder / "disk", folder / "disk/ballast"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", mounted], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here, root can: {made.stderr.strip()}")
    try:
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, (16 << 20) - SMALL)
        yield mounted, lambda _victim: None, lambda _victim: ballast.unlink()
    finally:
        subprocess.run(["umount", "--lazy", mounted], check=True)


@contextlib.contextmanager
def small_quota(folder):
    """A limit on the size of the process's files, and a function that lifts it."""

    def limit(victim, most):
        resource.prlimit(victim.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    yield folder, lambda victim: limit(victim, SMALL), lambda victim: limit(victim, resource.RLIM_INFINITY)


def ask(port, method, path, body=None):
    made = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        made.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = made.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        made.close()


def large_batch():
    window = {"project": "shop", "module": "tax", "window_start": "2026-01-31T08:00:00Z", "window_end": AT}
    windows = [{**window, "module": f"m{number}"} for number in range(10_000)]
    return {"source": "agent", "batch_id": "large", "windows": windows}


@pytest.mark.parametrize("place", [small_disk, small_quota])
def test_a_full_disk_is_said_and_written_again_when_there_is_room(place, tmp_path):
    with place(tmp_path) as (folder, fill, free), contextlib.ExitStack() as ending:
        url = f"sqlite:///{folder}/ledger.db"
        victim = Victim(tmp_path, url)
        ending.callback(victim.close)
        victim.wait()
        with Writers([victim.port], SEED) as writers:
            writers.wait()
            fill(victim)
            writers.wait_status(503, more=20)
            status, headers, problem = ask(victim.port, "POST", "/v1/telemetry", large_batch())
            assert (status, problem["code"], headers["Retry-After"]) == (503, "ledger-unavailable", "2")
            assert headers["Content-Type"] == "application/problem+json"
            assert ask(victim.port, "GET", "/v1/promotions")[0] == 200
            victim.kill()  # nor does it harm a service that starts
            victim.start()
            victim.wait()
            fill(victim)
            writers.wait_status(503, more=20)
            full = reckon(url, list(writers.acknowledged))
            free(victim)
            writers.wait(more=100)
        victim.close()
        found = reckon(url, writers.acknowledged)
    assert full.is_good, full
    assert found.is_good, found
    assert not writers.faults
    assert set(writers.statuses) <= {200, 201, 409, 503, "cut"}
    assert "Traceback" not in victim.log.read_text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_server_that_is_restarted_is_waited_for(how, cluster, emptied, tmp_path):
    url, draw = emptied(), random.Random(SEED)
    with contextlib.ExitStack() as ending:
        victims = [Victim(tmp_path, url) for _ in range(2)]
        for victim in victims:
            ending.callback(victim.close)
            victim.wait()
        victim.wait()
        with Writers([victim.port for victim in victims], SEED) as writers:
            for _ in range(8):
                writers.wait(more=draw.randrange(1, 50))
                cluster.stop(how)
                writers.wait_status(503, more=20)
                cluster.start()
            for victim in victims:
                writers.wait(victim.port, more=20)
    found = reckon(url, writers.acknowledged)
    print(f"\n{len(writers.acknowledged):,} acknowledged, {writers.retried:,} retried; {dict(writers.statuses)}")
    assert found.is_good, found
    assert not writers.faults
    assert set(writers.statuses) <= {200, 201, 409, 503}
    for victim in victims:
        assert "Traceback" not in victim.log.read_text()
