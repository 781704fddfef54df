"""A program killed at every step: a deployment, or a failure and its rollback, through the management.

A step is a write to the ledger, before and after, and every call that changes the deployer's folders. Then another
process starts as the service would, takes again what was never acknowledged, and what it comes to is printed, a line
of JSON for each point of death:

    python -m tests.operate.management.management_victim FOLDER deployment|failure EVERY
"""

import contextlib
import json
import os
import pathlib
import shutil
import sys

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.deployers.directory import DirectoryDeployer, DirectorySettings
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.ledger.verify import verify
from tests.operate.management.management_world import PLACE, Shop
from tests.operate.rollback.rollback_victim import Steps, forked

STEPS: list[Steps] = []


class Stepping(Ledger):
    """A ledger whose writes are steps."""

    @contextlib.contextmanager
    def write(self, actor, now):
        for steps in STEPS:
            steps.step()
        with super().write(actor, now) as writer:
            yield writer
        for steps in STEPS:
            steps.step()


@contextlib.contextmanager
def opened(folder):
    """A shop of which the folder holds all that lasts."""
    with Stepping.open(f"sqlite:///{folder}/ledger.db") as ledger:
        settings = DirectorySettings(root=str(folder / "root"), sources=str(folder / "sources"), keep=2)

        def stable(module):
            with ledger.read() as queries:
                return queries.module("shop", module).stable.get("production", (None, None))[1]

        yield Shop(ledger, {PLACE: DirectoryDeployer(settings, stable)})


def prepare(folder, mode):
    (folder / "root").mkdir(parents=True)
    for version in "123":
        source = folder / "sources" / "tax" / version
        source.mkdir(parents=True)
        (source / "main.py").write_text(version)
    with opened(folder) as shop:
        shop.stable(version="1")
        shop.clock.sleep(1)
        if mode == "failure":
            shop.deployed(version="2")
        else:
            shop.request(version="2")


def deployment(folder):
    with opened(folder) as shop:
        shop.clock.sleep(60)
        shop.management.resume()
        with shop.ledger.read() as queries:
            standing = queries.open_promotion("shop", "tax", "production")
        with contextlib.suppress(PromotionGateError):  # it is deployed already, if the first life came that far
            shop.management.deploy(standing.id, "ci")


def failure(folder):
    with opened(folder) as shop:
        shop.clock.sleep(60)
        shop.management.resume()
        for number in (1, 1):
            shop.management.failure(shop.failure(number, version="2"), "pager")


def life(folder, act, fatal=None, report=False):
    steps = Steps(fatal)
    steps.watch(folder)
    STEPS.append(steps)
    act(folder)
    if report:
        (folder / "steps").write_text(str(steps.count))


def seen(folder):
    """What is there, as plain values."""
    with Ledger.look(f"sqlite:///{folder}/ledger.db") as ledger, ledger.read() as queries:
        found = {
            "faults": list(verify(queries.connection)),
            "states": [one.state for one in queries.promotions(Filters())],
            "surcharge": str(queries.module("shop", "tax").surcharge),
            "kinds": [entry.kind for entry in queries.events(limit=1000)],
        }
    switches = folder / "switches"
    history = json.loads((folder / "root/tax/history.json").read_text())
    return {
        **found,
        "running": (folder / "root/tax/current/main.py").read_text(),
        "switches": switches.read_text().split() if switches.exists() else [],
        "calls": [(past["action"], past["version"]) for past in history],
    }


def main():
    top, mode, every = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    act = {"deployment": deployment, "failure": failure}[mode]
    assert forked(lambda: prepare(top / "prepared", mode)) == 0

    def fresh(name):
        return pathlib.Path(shutil.copytree(top / "prepared", top / name, symlinks=True))

    whole = fresh("whole")
    assert forked(lambda: life(whole, act, report=True)) == 0
    count = int((whole / "steps").read_text())
    print(json.dumps({"steps": count, **seen(whole)}))
    for fatal in range(1, count + 1, every):
        folder = fresh(str(fatal))
        codes = [forked(lambda fatal=fatal: life(folder, act, fatal))]  # noqa: B023 - run at once
        between = seen(folder)
        codes.append(forked(lambda: life(folder, act)))  # noqa: B023 - as above
        print(json.dumps({"fatal": fatal, "codes": codes, "between": between, "end": seen(folder)}), flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
