"""The ledger as the journal of rollbacks: orders, steps and failures as events, in step with the promotions' states.

A rollback's order and `rollback-started` of all its members are one transaction, and so are its end and theirs: no
promotion is `rolling-back` without an order, and none has ended with its rollback still open.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

from promotion_gate.operate.ledger import deployments, rollback_queries
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.module_events import Scored
from promotion_gate.operate.ledger.payload import module_stream
from promotion_gate.operate.ledger.queries import Queries
from promotion_gate.operate.ledger.rollback_events import FailureLinked, RollbackOpened, RollbackStep, rollback_stream
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.rollback.attribution import Failure
from promotion_gate.operate.rollback.ports import CLOSE, RETRY, Clock, Entry, Order
from promotion_gate.rules import Surcharge
from promotion_gate.schema import FISResult

PROGRAM = "promotion-gate"
"""The actor of what nobody asked for: steps, expiries, ends of watches."""


class LedgerJournal:
    """See `rollback.ports.Journal`.

    Args:
        ledger: opened to write.
        clock: time.
        rules: the surcharge's, in force when a rollback ends.
    """

    def __init__(self, ledger: Ledger, clock: Clock, rules: Callable[[], Surcharge]) -> None:
        self._ledger, self._clock, self._rules = ledger, clock, rules
        self._here = threading.local()

    @contextlib.contextmanager
    def transaction(self, actor: str = PROGRAM) -> Iterator[Writer]:
        """Make one transaction of all that this thread writes within the block, calls of the journal included."""
        present: Writer | None = getattr(self._here, "writer", None)
        if present is not None:
            yield present
            return
        with self._ledger.write(actor, self._clock.now()) as writer:
            self._here.writer = writer
            try:
                yield writer
            finally:
                self._here.writer = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Queries]:
        """Ask the ledger, within the thread's transaction if it is in one."""
        present: Writer | None = getattr(self._here, "writer", None)
        if present is not None:
            yield present.queries
            return
        with self._ledger.read() as queries:
            yield queries

    def open(self, order: Order) -> tuple[str, bool]:
        """Keep an order; members that another rollback has already are left to it."""
        with self.transaction() as writer:
            failed = order.failed.promotion_id
            found = rollback_queries.rollback_of(writer.queries, failed)
            if found is not None:
                return found, False
            kept = tuple(
                member
                for member in order.members
                if rollback_queries.rollback_of(writer.queries, member.promotion_id) is None
            )
            for member in kept:
                deployments.roll_back(writer, member.promotion_id, order.reason)
            opened = RollbackOpened(order=dataclasses.replace(order, members=kept))
            writer.append(rollback_stream(order.id), opened)
            return order.id, True

    def order(self, rollback: str) -> Order:
        """Return the order that opened a rollback."""
        with self.reading() as queries:
            return rollback_queries.order_of(queries, rollback)

    def record(self, failure: Failure, promotion_id: str, rollback: str | None, code: str) -> None:
        """Keep a failure of a promotion, attached to a rollback or to none."""
        with self.transaction() as writer:
            if not rollback_queries.is_linked(writer.queries, failure, promotion_id):
                linked = FailureLinked(failure=failure, promotion=promotion_id, rollback=rollback, code=code)
                writer.append(module_stream(*failure.module), linked)

    def failures(self, rollback: str) -> list[Failure]:
        """Return the failures attached to a rollback, the order's own first."""
        with self.reading() as queries:
            return rollback_queries.attached(queries, rollback)

    def append(self, entry: Entry) -> None:
        """Keep what happened, and what it means for the promotions, the score and the surcharge."""
        with self.transaction() as writer:
            step = RollbackStep(step=entry.step, phase=entry.phase, at=entry.at, data=dict(entry.data))
            writer.append(rollback_stream(entry.rollback), step)
            if entry.phase != "done":
                return
            if entry.step == CLOSE:
                self._close(writer, entry)
            elif entry.step == RETRY:
                for name in entry.data["promotions"]:
                    deployments.roll_back(writer, name, entry.data["reason"])
            elif entry.step == "rescore" and entry.data.get("result") is not None:
                order = rollback_queries.order_of(writer.queries, entry.rollback)
                scored = Scored(
                    result=FISResult.model_validate(entry.data["result"]), version=order.failed.version or None
                )
                writer.append(module_stream(*order.failed.module), scored)

    def entries(self, rollback: str) -> list[Entry]:
        """Return what happened in a rollback, oldest first."""
        with self.reading() as queries:
            found = rollback_queries.steps_of(queries, rollback, RollbackStep.kind)
        steps = [parse(entry.kind, entry.payload) for entry in found]
        return [
            Entry(rollback, step.step, step.phase, step.at, step.data)
            for step in steps
            if isinstance(step, RollbackStep)
        ]

    def unfinished(self) -> list[str]:
        """Return the rollbacks that are under way or were cut off, oldest first."""
        with self.reading() as queries:
            return rollback_queries.open_rollbacks(queries)

    def _close(self, writer: Writer, entry: Entry) -> None:
        order = rollback_queries.order_of(writer.queries, entry.rollback)
        for member in order.members:
            name = member.promotion_id
            if writer.queries.promotion(name).state is not State.ROLLING_BACK:
                continue  # of an earlier try: it has ended
            state, detail = entry.data["ends"][name]
            rules = self._rules() if order.charged and name == order.failed.promotion_id else None
            if state == "rolled-back":
                deployments.rolled_back(writer, name, rules)
            else:
                deployments.rollback_failed(writer, name, str(detail), rules)
