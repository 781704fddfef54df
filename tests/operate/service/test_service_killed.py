"""The service killed by SIGKILL while clients write: what was acknowledged is in the ledger, and once.

PROMOTION_GATE_KILLS says how often on each database; `make nightly` has 1,000. `pytest -s` shows what was counted.
"""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

from tests.cli_bundle import PARAMS, write_bundle
from tests.operate.service.victims import Victim, free_port
from tests.operate.service.writers import Writers, reckon

KILLS = int(os.environ.get("PROMOTION_GATE_KILLS", "200"))
SEED = int(os.environ.get("PROMOTION_GATE_SEED", "7"))
TOGETHER = {"sqlite": 1, "postgresql": 2}
"""Services at once; of two the other one goes on."""


def kill_on(services, writers, draw):
    """Kill one after the other, most under load, some while they start."""
    for number in range(KILLS):
        one = services[number % len(services)]
        if draw.random() < 0.8:
            writers.wait(one.port)
        time.sleep(draw.uniform(0, 0.1))
        one.kill()
        one.start()
    for one in services:
        writers.wait(one.port)


def test_what_was_acknowledged_is_there_once_after_every_kill(ledger_url, tmp_path):
    name = ledger_url.partition(":")[0]
    began = time.monotonic()
    with contextlib.ExitStack() as ending:
        services = [Victim(tmp_path, ledger_url) for _ in range(TOGETHER[name])]
        for one in services:
            ending.callback(one.close)
        with Writers([one.port for one in services], SEED) as writers:
            kill_on(services, writers, random.Random(SEED))
    found = reckon(ledger_url, writers.acknowledged)
    print(
        f"\n{name}: seed {SEED}, {KILLS:,} kills in {time.monotonic() - began:.0f} s, "
        f"{len(writers.acknowledged):,} acknowledged writes, {writers.retried:,} retried, "
        f"{len(found.lost)} lost, {len(found.double)} double, {len(found.chain)} faults of the chain"
    )
    assert found.is_good, found
    assert not writers.faults
    assert writers.retried
    for one in services:
        assert '"level": "error"' not in one.log.read_text()


def workers_of(program):
    """Return the processes that a program of several workers has them in, as soon as there are two."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        with contextlib.suppress(OSError):  # one ended meanwhile
            found = [int(pid) for pid in children if b"spawn_main" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
            if len(found) == 2:
                return found
        time.sleep(0.02)
    raise AssertionError("there are no two workers")


def test_when_one_of_two_workers_is_killed_the_other_goes_on_and_it_comes_again(emptied, tmp_path):
    url, port, draw, log = emptied(), free_port(), random.Random(SEED), tmp_path / "log"
    given = ["--no-auth", "--port", str(port), "--database", url, "--workers", "2"]
    model = ["--models", str(write_bundle(tmp_path / "champion")), "--params", str(PARAMS)]
    with log.open("wb") as stream:
        program = subprocess.Popen([sys.executable, "-m", "promotion_gate", "serve", *given, *model], stderr=stream)
    try:
        with Writers([port], SEED) as writers:
            for _ in range(2):
                workers = workers_of(program)
                writers.wait(more=draw.randrange(1, 50))
                os.kill(draw.choice(workers), signal.SIGKILL)
                writers.wait(more=50)
            assert set(workers_of(program)) != set(workers)
    finally:
        program.terminate()
    assert program.wait(60) == 0
    assert reckon(url, writers.acknowledged).is_good
    assert not writers.faults
    assert set(writers.statuses) <= {200, 201, 409, "cut"}
    assert "Traceback" not in log.read_text()
