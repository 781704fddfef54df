"""What the processes of test_ledger_processes.py do; a module of its own, so that their server loads it but once."""

import itertools
import os
import pathlib

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger import promotions, records
from promotion_gate.operate.ledger.ledger import Ledger
from tests.operate.ledger.cases import NOW, case, request


def write_on(pipe, url, log, name):
    """Write until killed. Each line of the log is a promotion that was acknowledged, on disk before the next begins."""
    with Ledger.open(url) as ledger, pathlib.Path(log).open("a") as lines:
        pipe.send("ready")
        for number in itertools.count():
            module = f"{name}-{number}.py"
            with ledger.write(name, NOW) as writer:
                promotion, _ = promotions.request(writer, case(module), f"{name}-{number}")
                records.store_answer(writer, name, module, "a" * 64, 201, {"id": promotion.id})
            lines.write(f"{promotion.id}\n")
            lines.flush()
            os.fsync(lines.fileno())


def race(pipe, url, name):
    """When told to, ask for ten places that others ask for too; tell which were won."""
    won = []
    with Ledger.open(url) as ledger:
        pipe.send("ready")
        pipe.recv()
        for number in range(10):
            try:
                request(ledger, module=f"m{number}.py", actor=name)
                won.append(number)
            except PromotionGateError:
                pass
        pipe.send(won)
