"""Deployments and rollbacks: durable before the deployer is told, told under a key that it does once, finished later.

Whoever tells a deployer holds the ledger's lease of the places, for a deployment from the first word in the ledger to
the last. So whoever holds it and finds something under way there knows that it was cut off, and finishes it.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers.protocol import Deployer, DeployError
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import deployments, rollback_queries, telemetry_queries
from promotion_gate.operate.ledger.errors import Busy, Conflict
from promotion_gate.operate.ledger.lease import Place
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.payload import SYSTEM
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.ledger.rollback_events import AlarmRaised
from promotion_gate.operate.ledger.states import Event, State, next_state
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.management.journal import PROGRAM, LedgerJournal
from promotion_gate.operate.management.orders import order_for
from promotion_gate.operate.management.score import rescored
from promotion_gate.operate.rollback import attribution
from promotion_gate.operate.rollback.outcome import line_of
from promotion_gate.operate.rollback.ports import Clock, Ports
from promotion_gate.operate.rollback.rollback import Rollbacks
from promotion_gate.operate.spans import span
from promotion_gate.schema import FISResult

LOG = logging.getLogger(__name__)

WAIT_S = 30.0
"""How long a call waits for another deployment or rollback on its places to end."""


class Sagas:
    """Runs deployments and rollbacks.

    Args:
        ledger: for its leases.
        journal: the ledger's.
        gate: the gate in force.
        deployers: by project and level.
        clock: time.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: LedgerJournal,
        gate: Callable[[], Gate],
        deployers: Mapping[tuple[str, str], Deployer],
        clock: Clock,
    ) -> None:
        self._ledger, self._journal, self._gate = ledger, journal, gate
        self._deployers, self._clock = deployers, clock

    def rollbacks(self) -> Rollbacks:
        """Return the rollbacks under the rules in force."""
        policy = self._gate().rules.policy
        ports = Ports(self._journal, self._deployer, self._rescore, self.alarm, self._clock)
        return Rollbacks(ports, policy.rollback, policy.surcharge)

    def alarm(self, rollback: str | None, message: str) -> None:
        """Tell a person, now: an event of the ledger, and a line of the program's log."""
        with self._journal.transaction() as writer:
            writer.append(SYSTEM, AlarmRaised(rollback=rollback, message=message[:10_000]))
        LOG.error("%s", message)

    def watch_until(self) -> dt.datetime:
        """Return until when is watched what is deployed now."""
        return self._clock.now() + dt.timedelta(hours=float(self._gate().rules.policy.rollback.watch_hours))

    def deploy(self, promotion: str, actor: str) -> Promotion:
        """Deploy, or undo it where the deployer fails. See `PromotionManagement.deploy`."""
        standing = self._read(promotion)
        if not self._is_served(standing):
            return self._start(promotion, actor)
        with self._ledger.lease([_place(standing)], WAIT_S):
            rollback = self._finish(self._start(promotion, actor), actor)
        if rollback is not None:
            self.run(rollback, WAIT_S)
        return self._read(promotion)

    def deployed(self, promotion: str, actor: str) -> Promotion:
        """Keep that a version runs; where its rollback began meanwhile, that goes on. IllegalTransition."""
        with self._journal.transaction(actor) as writer:
            standing = writer.queries.promotion(promotion)
            if standing.state is State.ROLLING_BACK:
                return standing
            return deployments.deployed(writer, promotion, self.watch_until())

    def roll_back(self, promotion: str, reason: str, actor: str) -> Promotion:
        """Roll back as a person asks, or try a rollback that failed again. See `PromotionManagement.roll_back`."""
        with self._journal.transaction(actor) as writer:
            standing = writer.queries.promotion(promotion)
            rollback = rollback_queries.rollback_of(writer.queries, promotion)
            if rollback is None:
                next_state(standing.state, Event.ROLLBACK_STARTED)
                rollback = self._open(writer, standing, reason)
            elif standing.state is State.ROLLBACK_FAILED:
                self.rollbacks().reopen(rollback, _still_failed(writer.queries, rollback), reason)
            elif standing.state is not State.ROLLING_BACK:
                next_state(standing.state, Event.ROLLBACK_STARTED)
        self.run(rollback, WAIT_S)
        return self._read(promotion)

    def run(self, rollback: str, wait_s: float) -> bool:
        """Run a rollback to its end; False where others are at work on its places, or have ended it."""
        with self._journal.reading() as queries:
            wanted = rollback_queries.order_of(queries, rollback)
        places = [(*member.module, wanted.failed.level) for member in wanted.members]
        try:
            with self._ledger.lease(places, wait_s):
                with self._journal.reading() as queries:
                    is_open = rollback in rollback_queries.open_rollbacks(queries)
                if is_open:
                    self.rollbacks().run(rollback)
                return is_open
        except Busy:  # it is in the ledger, and `resume` runs it when they have ended
            return False

    def resume(self) -> tuple[str, ...]:
        """Finish what was cut off, and leave alone what others are at. Returns ids of rollbacks and promotions."""
        with self._journal.reading() as queries:
            rollbacks = rollback_queries.open_rollbacks(queries)
            deploying = [one for one in rollback_queries.in_state(queries, State.DEPLOYING) if self._is_served(one)]
        done = [rollback for rollback in rollbacks if self.run(rollback, 0)]
        return (*done, *(one.id for one in deploying if self._resume_deployment(one)))

    def _resume_deployment(self, standing: Promotion) -> bool:
        try:
            with self._ledger.lease([_place(standing)], 0):
                if self._read(standing.id).state is not State.DEPLOYING:
                    return False
                rollback = self._finish(standing, PROGRAM)
        except Busy:
            return False
        if rollback is not None:
            self.run(rollback, 0)
        return True

    def _is_served(self, promotion: Promotion) -> bool:
        """Say whether a deployer serves a promotion's place; otherwise the pipeline deploys by itself."""
        return (promotion.project, promotion.level) in self._deployers

    def _start(self, promotion: str, actor: str) -> Promotion:
        """Keep that a promotion is being deployed; where a deployer serves it, under the lease, until `_finish`."""
        with self._journal.transaction(actor) as writer:
            standing = writer.queries.promotion(promotion)
            next_state(standing.state, Event.DEPLOYMENT_STARTED)
            if self._is_served(standing) and standing.version is None:
                raise InputError(f"promotion {promotion} names no version: a deployer needs one")
            return deployments.start(writer, promotion, self.watch_until())

    def _finish(self, standing: Promotion, actor: str) -> str | None:
        """Deploy what was started, under the lease; where the deployer fails, return the rollback that is to be run."""
        try:
            deployer = self._deployer(standing.project, standing.level)
            with span("deployer.deploy", promotion=standing.id, level=standing.level):
                deployer.deploy(standing.module, str(standing.version), standing.id)
        except Exception as error:  # foreign code: whatever it raises, the level must not stay as it left it
            return self._undo(standing, line_of(error), actor)
        self.deployed(standing.id, actor)
        return None

    def _undo(self, standing: Promotion, said: str, actor: str) -> str | None:
        reason = f"the deployment failed: {said}"
        leaves = self._is_empty(standing)
        with self._journal.transaction(actor) as writer:
            present = writer.queries.promotion(standing.id)
            if present.state is not State.DEPLOYING:
                return None
            deployments.fail(writer, standing.id, reason)
            nothing = deployments.restored_by(writer.queries, present) == (None, None)
            if leaves and nothing:  # nothing ran before and nothing runs now: there is nothing to restore
                deployments.roll_back(writer, standing.id, reason)
                deployments.rolled_back(writer, standing.id, None)
                return None
            return self._open(writer, writer.queries.promotion(standing.id), reason, charged=False)

    def _is_empty(self, standing: Promotion) -> bool:
        try:
            return self._deployer(standing.project, standing.level).status(standing.module).version is None
        except Exception:  # foreign code; what cannot be seen is not taken for nothing
            return False

    def _open(self, writer: Writer, standing: Promotion, reason: str, charged: bool = True) -> str:
        wanted = order_for(writer.queries, self._gate(), standing, None, reason, charged)
        return self._journal.open(wanted)[0]

    def _read(self, promotion: str) -> Promotion:
        with self._journal.reading() as queries:
            return queries.promotion(promotion)

    def _deployer(self, project: str, level: str) -> Deployer:
        found = self._deployers.get((project, level))
        if found is None:
            raise DeployError(f"no deployer serves {project} on {level}")
        return found

    def _rescore(self, failed: attribution.Promotion, failures: Sequence[attribution.Failure]) -> FISResult:
        with self._journal.reading() as queries:
            request = rollback_queries.request_of(queries, failed.promotion_id)
            load = telemetry_queries.newest_load(queries, *failed.module, self._clock.now())
        return rescored(self._gate(), request, failures, load)


def _place(promotion: Promotion) -> Place:
    return promotion.project, promotion.module, promotion.level


def _still_failed(queries: Queries, rollback: str) -> list[str]:
    members = [member.promotion_id for member in rollback_queries.order_of(queries, rollback).members]
    found = [name for name in members if queries.promotion(name).state is State.ROLLBACK_FAILED]
    if rollback in rollback_queries.open_rollbacks(queries):
        raise Conflict(f"rollback {rollback} is under way")
    return found
