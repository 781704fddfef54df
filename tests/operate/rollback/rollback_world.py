"""A world in which rollbacks are tried out: a deployer that breaks as told, a clock that only waits."""

import datetime as dt
from decimal import Decimal

from promotion_gate.operate.deployers.protocol import Deployed, DeployError, Status
from promotion_gate.operate.rollback.attribution import Failure, Promotion
from promotion_gate.operate.rollback.ports import Member, Ports, order
from promotion_gate.operate.rollback.rollback import Rollbacks
from promotion_gate.rules import Rollback, Surcharge
from promotion_gate.schema import FISResult
from tests.operate.rollback.journals import MemoryJournal

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
RULES = Rollback(watch_hours=24, suspects="likeliest", least_score=0, margin=0, verify_seconds=10)
CHARGES = Surcharge.model_validate({"step": 0.05, "cap": 0.15, "decay": 0.5})


class Clock:
    """Time that passes only by waiting."""

    def __init__(self):
        self.passed, self.naps = 0.0, []

    def now(self):
        return NOON + dt.timedelta(seconds=self.passed)

    def monotonic(self):
        return self.passed

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.passed += seconds


class Fleet:
    """A deployer that keeps its promises, but for what it is told to break."""

    def __init__(self):
        self.running, self.calls, self.failing, self.sick, self.mute = {}, [], {}, set(), {}
        self.keys = set()

    def deploy(self, module, version, key):
        raise AssertionError("a rollback deploys nothing")

    def restore(self, module, version, key):
        self.calls.append((module, version, key))
        if self.failing.get(module):
            raise self.failing[module].pop(0)
        changed = key not in self.keys
        self.keys.add(key)
        self.running[module] = version
        return Deployed(module, version, changed, "restored")

    def status(self, module):
        if self.mute.get(module, 0) > 0:
            self.mute[module] -= 1
            raise DeployError("the host does not answer")
        return Status(self.running.get(module), module not in self.sick, "as seen")


class World:
    """Ports of which everything can be asked."""

    def __init__(self, journal=None):
        self.journal, self.fleet, self.clock, self.alarms = journal or MemoryJournal(), Fleet(), Clock(), []
        self.rescored = []
        self.rollbacks = Rollbacks(
            Ports(self.journal, lambda project, level: self.fleet, self.rescore, self.alarm, self.clock), RULES, CHARGES
        )

    def rescore(self, promotion, failures):
        self.rescored.append([failure.failure_id for failure in failures])
        return score(0.75)

    def alarm(self, name, line):
        self.alarms.append(line)

    def steps(self, name):
        return [(entry.step, entry.phase) for entry in self.journal.entries(name)]


def score(fis):
    probabilities = {"negligible": 1.0, "low": 0.0, "medium": 0.0, "high": 0.0, "critical": 0.0}
    versions = {"model_version": "failure-impact/1", "data_hash": "d"}
    return FISResult(project="shop", module="tax", fis=fis, severity="low", probabilities=probabilities, **versions)


def promotion(module="tax", state="watching", version="2.0"):
    until = NOON + dt.timedelta(hours=24)
    return Promotion(f"p-{module}", ("shop", module), "production", version, NOON, until, state, 0.25)


def failure(number=1, hours=1.0, module="tax"):
    return Failure(f"f{number}", ("shop", module), None, NOON + dt.timedelta(hours=hours), "high")


def wanted(failed=None, first=None, target="1.0", others=(), surcharge="0"):
    failed = failed or promotion()
    mine = Member(failed.promotion_id, failed.module, failed.version, target)
    return order(failed, first or failure(), (*others, mine), Decimal(surcharge))
