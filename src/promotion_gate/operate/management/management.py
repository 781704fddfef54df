"""The Promotion Management Component: requests, releases, reviews, deployments, failures and rollbacks, in one place.

It ties the gate, the ledger and the deployers together and decides nothing by itself: what may happen to a promotion
the ledger's state machine says, whether it goes the gate, who is to blame the attribution, all under the gate's policy.
All that it says was done is on disk before a method returns, and before a deployer is told to do it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promotion_gate.decide.batch import Place
from promotion_gate.decide.case import Overruling
from promotion_gate.operate.deployers.protocol import Deployer
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import deployments, promotions, reviews, telemetry_queries
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.errors import Conflict, IllegalTransition
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.ledger.queries import Promotion
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.management.failures import Failures
from promotion_gate.operate.management.intake import Idempotency, Intake, hours
from promotion_gate.operate.management.journal import PROGRAM, LedgerJournal
from promotion_gate.operate.management.sagas import WAIT_S, Sagas
from promotion_gate.operate.rollback.ports import Clock, Receipt
from promotion_gate.rules import Policy
from promotion_gate.schema import Decision, PromotionRequest


@dataclass(frozen=True)
class Ticked:
    """What a tick did: promotions that expired and that became stable; rollbacks and deployments that it finished."""

    expired: tuple[str, ...]
    stable: tuple[str, ...]
    resumed: tuple[str, ...]


class PromotionManagement:
    """See each method. Safe for several threads; what a method returns is on disk.

    Every method may raise LedgerUnavailable, and NotFound for an id that is none.

    Args:
        ledger: opened to write; of one ledger one management in a process.
        gate: the gate in force; asked at each call, so that a new champion or policy takes effect.
        deployers: by project and level.
        clock: time.
    """

    def __init__(
        self,
        ledger: Ledger,
        gate: Callable[[], Gate],
        deployers: Mapping[tuple[str, str], Deployer],
        clock: Clock,
    ) -> None:
        self._ledger, self._gate, self._clock = ledger, gate, clock
        self._journal = LedgerJournal(ledger, clock, lambda: self._policy().surcharge)
        self._sagas = Sagas(ledger, self._journal, gate, deployers, clock)
        self._intake = Intake(self._journal, gate, clock)
        self._failures = Failures(self._journal, gate, self._sagas)

    def request(
        self,
        request: PromotionRequest,
        actor: str,
        overruling: Overruling | None = None,
        idempotency: Idempotency | None = None,
    ) -> tuple[Promotion, Decision]:
        """Decide on a request and keep it; what is blocked is put before reviewers at once.

        A key that was used before: the promotion as it stands now, and the decision as it was answered then.

        Raises:
            Conflict: a promotion of the module and level is not over; or the key came with another body.
            InputError, ModelError: as `Gate.case` and `judge`.
        """
        return self._intake.request(request, actor, overruling, idempotency)

    def release(self, requests: Sequence[PromotionRequest], actor: str, atomic: bool = False) -> list[Place]:
        """Decide on modules that go together, in one transaction; places as `decide.batch.plan` gives them.

        Each place's decision has the promotion's `id` and the further key `batch`. See `batch.release` for
        what becomes of those that do not go; of these what is blocked and not withdrawn is put before reviewers.

        Raises:
            As `request`; InputError: there is none, two levels, or a module twice.
        """
        return self._intake.release(requests, actor, atomic)

    def review(self, promotion: str, verdict: Literal["approve", "refuse"], reason: str, actor: str) -> Promotion:
        """Keep a reviewer's word. IllegalTransition, NotAllowed, Conflict as `ledger.reviews.review`."""
        until = self._clock.now() + hours(self._policy().review.approval_hours)
        with self._journal.transaction(actor) as writer:
            return reviews.review(writer, promotion, verdict, reason, approved_until=until)

    def override(self, promotion: str, overruling: Overruling, actor: str) -> Promotion:
        """Let through what the gate held. IllegalTransition, InputError as `ledger.promotions.override`."""
        with self._journal.transaction(actor) as writer:
            return promotions.override(writer, promotion, overruling, self._policy())[0]

    def withdraw(self, promotion: str, reason: str, actor: str) -> Promotion:
        """End a promotion that is not wanted any more. IllegalTransition once it is being deployed."""
        with self._journal.transaction(actor) as writer:
            return promotions.withdraw(writer, promotion, reason)

    def deploy(self, promotion: str, actor: str) -> Promotion:
        """Deploy; without a deployer for the place it is `deploying` until the pipeline says `deployed`.

        Returns the promotion `watching`; where the deployer failed, as the undoing left it: `rolled-back`, or
        `rollback-failed` with an alarm. The surcharge stays: nothing was learned about the module.

        Raises:
            IllegalTransition: it may not be deployed.
            Conflict: it has expired.
            Busy: another deployment or rollback of the module on the level is under way and does not end.
            InputError: it has no version, which a deployer needs.
        """
        return self._sagas.deploy(promotion, actor)

    def deployed(self, promotion: str, actor: str) -> Promotion:
        """Keep that the pipeline has deployed: the watch begins. IllegalTransition where nothing was deploying."""
        return self._sagas.deployed(promotion, actor)

    def confirm(self, promotion: str, actor: str) -> Promotion:
        """Call stable what is watched. IllegalTransition where it is not."""
        with self._journal.transaction(actor) as writer:
            return deployments.confirm(writer, promotion)

    def roll_back(self, promotion: str, reason: str, actor: str) -> Promotion:
        """Restore what ran before; of a rollback that failed, try again. Returns the promotion after it.

        Where a deployment under way there does not end in time the promotion is still `rolling-back`: `tick` goes on.

        Raises:
            IllegalTransition: nothing of it runs.
            Conflict: a newer promotion runs on the level; or another person is trying again.
            InputError: there is no reason.
        """
        return self._sagas.roll_back(promotion, reason, actor)

    def restored_by_hand(self, promotion: str, reason: str, actor: str) -> Promotion:
        """Keep that a person has put right what a rollback could not. IllegalTransition where none has failed."""
        with self._journal.transaction(actor) as writer:
            standing = writer.queries.promotion(promotion)
            if standing.state is not State.ROLLBACK_FAILED:
                raise IllegalTransition(f"promotion {promotion} is {standing.state}: no rollback of it has failed")
            return deployments.rolled_back(writer, promotion, None, reason=reason)

    def failure(self, failure: Failure, actor: str, level: str | None = None) -> Receipt:
        """Keep a failure, find who is to blame, roll back as the policy says. Told twice, it is answered the same.

        A rollback that it opens has ended when this returns, unless a deployment under way there did not end in time:
        then it is open, and `tick` runs it.

        Args:
            failure: its project, source, failure_id and module are its name.
            actor: who tells.
            level: where it failed; None: the policy's last level.

        Returns:
            `opened` with the rollback's id, `attached`, or `recorded`; `code` and `message` say why.

        Raises:
            Conflict: the source told otherwise of the same failure before.
        """
        receipt, opened = self._failures.receive(failure, actor, level)
        for rollback in opened:
            self._sagas.run(rollback, WAIT_S)
        return receipt

    def tick(self) -> Ticked:
        """Do what is due: expire reviews, approvals and overrides, end watches, finish what another process left."""
        expired: list[str] = []
        stable: list[str] = []
        done = True
        while done:  # a page at a time; what cannot be done now is left to the next tick
            with self._ledger.read() as queries:
                due = queries.due(self._clock.now())
            ended = [one for one in map(self._end, due) if one is not None]
            stable += [one.id for one in ended if one.state is State.STABLE]
            expired += [one.id for one in ended if one.state is State.EXPIRED]
            done = bool(ended)
        return Ticked(tuple(expired), tuple(stable), self._sagas.resume())

    def resume(self) -> tuple[str, ...]:
        """Finish or undo the deployments and rollbacks that were cut off; at the service's start. Returns their ids.

        What another process is at work on is left to it.
        """
        return self._sagas.resume()

    def _end(self, standing: Promotion) -> Promotion | None:
        try:
            with self._journal.transaction(PROGRAM) as writer:
                if standing.state is State.WATCHING:
                    ended = deployments.end_watch(writer, standing.id, self._policy().surcharge, standing.revision)
                    self._say_if_unseen(writer, ended)
                    return ended
                return promotions.expire(writer, standing.id, standing.revision)
        except (Conflict, IllegalTransition):  # somebody was faster
            return None

    def _say_if_unseen(self, writer: Writer, ended: Promotion) -> None:
        """No data is no pass: nobody has told a failure, but a person must know that nobody could have seen one."""
        name, since = (ended.project, ended.module, ended.version), unstamp(str(ended.deployed_at))
        if telemetry_queries.is_unseen(writer.queries, *name, since):
            what = f"{ended.project} {ended.module} {ended.version or ''}".rstrip()
            said = f"the watch of {what} on {ended.level} has ended, and no request to it was ever told by an agent"
            self._sagas.alarm(None, f"{said}: it counts as stable because no failure was told; see what agents tell")

    def _policy(self) -> Policy:
        return self._gate().rules.policy
