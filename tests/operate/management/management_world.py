"""A shop whose promotions are managed: a real ledger, real gate, real folders or a deployer that breaks as told."""

import datetime as dt
import pathlib

from promotion_gate.decide.case import Overruling
from promotion_gate.decide.overrule import Warrant
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, Status
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.management.management import PromotionManagement
from promotion_gate.schema import FISResult, ModuleData, PromotionRequest

PARAMS = pathlib.Path(__file__).resolve().parents[3] / "params.yaml"
NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
PLACE = ("shop", "production")
PROMOTE, INSUFFICIENT, BLOCKED = (0.1, 1.0), (0.1, 0.1), (0.95, 1.0)
"""FIS and coverage that lead there."""


class Clock:
    """Time that passes by waiting, and when told to."""

    def __init__(self):
        self.at, self.naps = NOON, []

    def now(self):
        return self.at

    def monotonic(self):
        return (self.at - NOON).total_seconds()

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.at += dt.timedelta(seconds=seconds)


class Fleet:
    """A deployer in memory: done once a key, and broken as told."""

    def __init__(self, clock):
        self.clock = clock
        self.running, self.done, self.calls, self.broken = {}, {}, [], set()

    def deploy(self, module, version, key):
        return self._put("deploy", module, version, key)

    def restore(self, module, version, key):
        return self._put("restore", module, version, key)

    def _put(self, action, module, version, key):
        self.calls.append((action, module, version, key))
        self.clock.sleep(1)
        if (action, module) in self.broken:
            raise DeployError("no quorum")
        changed = key not in self.done
        if changed:
            self.done[key] = (action, module, version)
            self.running[module] = version
        return Deployed(module, version, changed, "done")

    def status(self, module):
        return Status(self.running.get(module), module in self.running, "as seen")


class Shop:
    """A management and its surroundings."""

    def __init__(self, ledger, deployers=None):
        self.ledger, self.clock = ledger, Clock()
        self.fleet = Fleet(self.clock)
        self.gate = Gate(PARAMS, pathlib.Path("/nonexistent"))
        self.policy = self.gate.rules.policy
        self.deployers = {PLACE: self.fleet} if deployers is None else deployers
        self.management = self.again()

    def again(self):
        """Return a management as a new process would have it."""
        return PromotionManagement(self.ledger, lambda: self.gate, self.deployers, self.clock)

    def request(self, module="tax", version="1", outcome=PROMOTE, actor="ci", **more):
        return self.management.request(asked(module, version, outcome), actor, **more)[0]

    def deployed(self, module="tax", version="1", **more):
        return self.management.deploy(self.request(module, version, **more).id, "ci")

    def stable(self, module="tax", version="1", **more):
        return self.management.confirm(self.deployed(module, version, **more).id, "ann")

    def failure(self, number=1, module="tax", version=None, hours=0, severity="high"):
        at = self.clock.now() + hours * HOUR
        return Failure(
            source="pager",
            failure_id=f"f{number}",
            project="shop",
            module=module,
            severity=severity,
            occurred_at=at,
            version=version,
        )

    def fails(self, number=1, **more):
        return self.management.failure(self.failure(number, **more), "pager")

    def read(self, promotion):
        with self.ledger.read() as queries:
            return queries.promotion(promotion.id)

    def surcharge(self, module="tax"):
        with self.ledger.read() as queries:
            return queries.module("shop", module).surcharge

    def kinds(self):
        """Return the kinds of all events, in order."""
        with self.ledger.read() as queries:
            return [entry.kind for entry in queries.events(limit=10_000)]


def asked(module="tax", version="1", outcome=PROMOTE, level="production", needs=()):
    fis, coverage = outcome
    probabilities = {"negligible": 1.0, "low": 0.0, "medium": 0.0, "high": 0.0, "critical": 0.0}
    score = FISResult(
        project="shop",
        module=module,
        fis=fis,
        severity="low",
        probabilities=probabilities,
        model_version="failure-impact/1",
        data_hash="d",
    )
    data = ModuleData(project="shop", module=module, version=version, dependencies=tuple(needs))
    return PromotionRequest(module=data, level=level, coverage=coverage, fis=score)


def override(by="ann", until=NOON + 24 * HOUR):
    return Overruling("override", Warrant(by, "it must go out", NOON, until))
