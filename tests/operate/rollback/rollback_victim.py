"""A program killed at every step: a rollback (or a deployment) runs in a child until its n-th step, there SIGKILL.

Every call that changes the disk is a step, before and after; a write to the journal is also cut in half. Then another
child starts as the service would, and what it comes to is printed, a line of JSON for each point of death:

    python -m tests.operate.rollback.rollback_victim FOLDER rollback|deployment|twice
"""

import datetime as dt
import functools
import itertools
import json
import os
import pathlib
import shutil
import signal
import sys
from decimal import Decimal

from promotion_gate.operate.deployers.directory import DirectoryDeployer, DirectorySettings
from promotion_gate.operate.rollback.attribution import Failure, Promotion
from promotion_gate.operate.rollback.ports import Ports, SystemClock, members, order
from promotion_gate.operate.rollback.rollback import Rollbacks
from promotion_gate.rules import Rollback, Surcharge
from tests.operate.rollback.journals import FileJournal
from tests.operate.rollback.rollback_world import score

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
RULES = Rollback(watch_hours=24, suspects="likeliest", least_score=0, margin=0, verify_seconds=5)
CHARGES = Surcharge.model_validate({"step": 0.05, "cap": 0.15, "decay": 0.5})
CHANGES = ("replace", "rename", "symlink", "mkdir", "unlink", "rmdir", "ftruncate", "fsync")
MODULES = ("tax", "cart")


class Steps:
    """Counts steps, and dies at one."""

    def __init__(self, fatal=None):
        self.count, self.fatal = 0, fatal

    def step(self):
        self.count += 1
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, folder):
        """Make steps of what changes the disk; note every switch of a link that was really made."""
        for name in CHANGES:
            setattr(os, name, functools.partial(self._changed, folder, name, getattr(os, name)))
        os.write = functools.partial(self._written, os.write)

    def _changed(self, folder, name, real, *arguments, **options):
        self.step()
        result = None if name == "fsync" else real(*arguments, **options)  # no power is cut here
        if name == "replace" and pathlib.Path(arguments[1]).name == "current":
            with (folder / "switches").open("a") as file:
                file.write(f"{pathlib.Path(arguments[1]).parent.name}\n")
        self.step()
        return result

    def _written(self, real, handle, content):
        self.step()
        half = real(handle, content[: len(content) // 2])
        self.step()
        written = half + real(handle, content[half:])
        self.step()
        return written


def deployer(folder):
    settings = DirectorySettings(root=str(folder / "root"), sources=str(folder / "sources"), keep=2)
    return DirectoryDeployer(settings, lambda module: "1")


def prepare(folder):
    (folder / "root").mkdir(parents=True)
    for module, version in itertools.product(MODULES, "123"):
        source = folder / "sources" / module / version
        source.mkdir(parents=True)
        for name in ("main.py", "more.py"):
            (source / name).write_text(version * 10)
    for module, version in itertools.product(MODULES, "12"):
        deployer(folder).deploy(module, version, f"deployed-{version}")


def rollback(folder):
    """What the service does with a failure, and at its start: finish what is there, take what it is told again."""
    promoted = [
        Promotion(f"p-{name}", ("shop", name), "production", "2", NOON, NOON + dt.timedelta(days=1), "watching", 0.4)
        for name in MODULES
    ]
    needs = {("shop", "cart"): [("shop", "tax")]}
    failure = Failure("f1", ("shop", "tax"), "2", NOON + dt.timedelta(hours=1), "high")
    ports = Ports(
        FileJournal(folder / "journal"),
        lambda project, level: deployer(folder),
        lambda failed, failures: score(0.4 + 0.1 * len(failures)),
        lambda name, line: (folder / "alarm").touch(),
        SystemClock(),
    )
    rollbacks = Rollbacks(ports, RULES, CHARGES)
    rollbacks.resume()
    wanted = order(promoted[0], failure, members(promoted[0], promoted, needs, lambda one: "1"), Decimal("0.05"))
    receipt = rollbacks.receive(failure, wanted)
    return rollbacks.run(receipt.rollback or wanted.id)


def deployment(folder):
    """A third version is deployed, and the second, neither current nor stable, removed."""
    deployer(folder).deploy("cart", "3", "the-key")


def forked(work):
    """Run work in a child; return its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def life(folder, act, fatal=None, report=False):
    steps = Steps(fatal)
    steps.watch(folder)
    outcome = act(folder)
    if report:
        (folder / "steps").write_text(str(steps.count))
        (folder / "outcome").write_text(repr(outcome))


def seen(folder):
    """What is there, as plain values."""
    switches = folder / "switches"
    journal = FileJournal(folder / "journal")
    found = {
        "running": {name: (folder / "root" / name / "current" / "main.py").read_text() for name in MODULES},
        "whole": all(
            sorted(file.read_text() for file in version.iterdir()) == [version.name * 10] * 2
            for version in folder.glob("root/*/versions/*")
        ),
        "switches": sorted(switches.read_text().split()) if switches.exists() else [],
        "keys": {name: [past["key"] for past in history(folder, name)] for name in MODULES},
        "unfinished": list(journal.unfinished()),
        "alarm": (folder / "alarm").exists(),
        "left": sorted(path.name for path in folder.glob("root/*/.*") if path.name != ".lock"),
    }
    entries = [entry for name in {one.id for one in journal._orders()} for entry in journal.entries(name)]
    found["done"] = [entry.step for entry in entries if entry.phase == "done"]
    found["opened"] = len(journal._orders())
    found["recorded"] = journal.codes()
    return found


def history(folder, name):
    return json.loads((folder / "root" / name / "history.json").read_text())


def main():
    top, mode = pathlib.Path(sys.argv[1]), sys.argv[2]
    act = deployment if mode == "deployment" else rollback
    prepare(top / "prepared")

    def fresh(name):
        shutil.copytree(top / "prepared", top / name, symlinks=True)
        # The places are absolute only in the settings, which follow the folder.
        return top / name

    whole = fresh("whole")
    assert forked(lambda: life(whole, act, report=True)) == 0
    expected = (whole / "outcome").read_text()
    count = int((whole / "steps").read_text())
    deaths = [(first,) for first in range(1, count + 1)]
    if mode == "twice":
        deaths = [(first, second) for first in range(2, count, 17) for second in range(1, count, 13)]
    print(json.dumps({"steps": count, "deaths": len(deaths), **seen(whole)}))
    for death in deaths:
        folder = fresh("-".join(map(str, death)))
        codes = [forked(lambda fatal=fatal: life(folder, act, fatal)) for fatal in death]  # noqa: B023 - run at once
        between = seen(folder)
        codes.append(forked(lambda: life(folder, act, report=True)))  # noqa: B023 - as above
        same = (folder / "outcome").read_text() == expected
        print(json.dumps({"codes": codes, "same": same, "between": between, "end": seen(folder)}), flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
