"""The service killed by SIGKILL while clients write: what was acknowledged is in the ledger, and once.

PROMOTION_GATE_KILLS says how often on each database; `make nightly` has 1,000. `pytest -s` shows what was counted.
"""

import contextlib
import os
import random
import time

from tests.operate.service.victims import Victim
from tests.operate.service.writers import Writers, reckon

KILLS = int(os.environ.get("PROMOTION_GATE_KILLS", "200"))
SEED = int(os.environ.get("PROMOTION_GATE_SEED", "7"))
TOGETHER = {"sqlite": 1, "postgresql": 2}
"""Services at once; of two the other one goes on."""


def kill_on(services, writers, draw):
    """Kill one after the other, most under load, some while they start."""
    for _ in range(KILLS):
        one = draw.choice(services)
        if draw.random() < 0.8:
            writers.wait(one.port)
        time.sleep(draw.uniform(0, 0.15))
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
            ending.callback(one.stop)
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
