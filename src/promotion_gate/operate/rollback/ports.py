"""What a rollback is made of, and what it needs of the world: a journal, deployers, scores, a clock, an alarm."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from promotion_gate.decide.digest import digest
from promotion_gate.operate.deployers.protocol import Deployer
from promotion_gate.operate.rollback.attribution import RUNNING, Failure, Key, Promotion
from promotion_gate.schema import FISResult

CLOSE = "close"
"""The last step: the rollback has ended."""

RETRY = "retry"
"""A person tries a failed rollback again: what failed is done once more, what was done is not."""

End = Literal["rolled-back", "rollback-failed"]
"""How a rollback, and a module in it, ends: states of the promotion as the ledger names them."""


@dataclass(frozen=True)
class Member:
    """A module that is restored: what runs, and the last stable version before it, None where there is none."""

    promotion_id: str
    module: Key
    version: str
    target: str | None


@dataclass(frozen=True)
class Order:
    """A rollback that is to be done; plain data that a journal can keep.

    Attributes:
        id: the same for the same promotion: one promotion is rolled back once.
        failed: the promotion that the failure was attributed to.
        failure: the first one; None where a person asks for it, or the deployment itself failed.
        members: what is restored, in this order; the failed module is among them.
        surcharge: share that the failed module carries before.
        reason: in words.
        charged: whether it raises the surcharge; not where only the deployment failed: the module did not.
    """

    id: str
    failed: Promotion
    failure: Failure | None
    members: tuple[Member, ...]
    surcharge: Decimal
    reason: str
    charged: bool = True


def members(
    failed: Promotion,
    batch: Sequence[Promotion],
    dependencies: Mapping[Key, Sequence[Key]],
    last_stable: Callable[[Promotion], str | None],
) -> tuple[Member, ...]:
    """Return what must be restored with a failed promotion: those of its batch that depend on it, before it.

    Args:
        failed: the promotion that is rolled back.
        batch: all that were promoted together, in the order of promotion (`decide.batch.plan`); may lack `failed`.
        dependencies: what each module depends on.
        last_stable: a promotion -> the last stable version of its module before it, None where there is none.
    """
    inside = {promotion.module for promotion in batch}
    dependents, waiting = {failed.module}, [failed.module]
    while waiting:
        need = waiting.pop()
        found = {module for module in inside - dependents if need in dependencies.get(module, ())}
        dependents |= found
        waiting += found
    rest = [
        promotion
        for promotion in reversed(batch)
        if promotion.module in dependents - {failed.module} and promotion.state in RUNNING
    ]
    return tuple(Member(one.promotion_id, one.module, one.version, last_stable(one)) for one in (*rest, failed))


def order(
    failed: Promotion,
    failure: Failure | None,
    restored: tuple[Member, ...],
    surcharge: Decimal,
    reason: str = "",
    charged: bool = True,
) -> Order:
    """Return the order to roll back a promotion; its id follows from the promotion's.

    Args:
        failed: what the failure was attributed to.
        failure: the failure, None where there is none.
        restored: see `members`.
        surcharge: share that the failed module carries now.
        reason: in words; "": the failure.
        charged: see `Order`.
    """
    name = f"rb-{digest(['rollback', failed.promotion_id])[:32]}"
    if failure is not None:
        reason = reason or f"failure {failure.failure_id} of {' '.join(failure.module)}, {failure.severity}"
    return Order(name, failed, failure, restored, surcharge, reason, charged)


@dataclass(frozen=True)
class Entry:
    """What happened in a rollback: a step begins, an attempt at it fails, or it is done. `data` is plain JSON."""

    rollback: str
    step: str
    phase: Literal["begin", "attempt-failed", "done"]
    at: dt.datetime
    data: Mapping[str, Any]


class Journal(Protocol):
    """Where rollbacks are kept; what a call wrote survives a crash from its return on. Safe for several threads.

    `operate.management.journal.LedgerJournal` is the real one.
    """

    def open(self, order: Order) -> tuple[str, bool]:
        """Keep an order with its failure, unless its promotion is in a rollback already, as its own or as a member.

        At once: of two calls one opens and the other sees it. Returns the rollback's id, and whether this call opened
        it.
        """

    def order(self, rollback: str) -> Order:
        """Return the order that opened a rollback."""

    def record(self, failure: Failure, promotion_id: str, rollback: str | None, code: str) -> None:
        """Keep a failure of a promotion, attached to a rollback or to none; a second time nothing happens.

        Every failure counts in the module's history, however it was answered, which `code` says.
        """

    def failures(self, rollback: str) -> Sequence[Failure]:
        """Return the failures attached to a rollback, the order's own first."""

    def append(self, entry: Entry) -> None:
        """Keep what happened."""

    def entries(self, rollback: str) -> Sequence[Entry]:
        """Return what happened in a rollback, oldest first."""

    def unfinished(self) -> Sequence[str]:
        """Return the rollbacks whose step `close` is not done, or that are tried again since, oldest first."""


class Clock(Protocol):
    """Time."""

    def now(self) -> dt.datetime:
        """Return the present, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the present, UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Ports:
    """What a rollback uses.

    Attributes:
        journal: see `Journal`.
        deployer: project and level -> its deployer; raises PromotionGateError where there is none.
        rescore: the failed promotion and all failures of this rollback -> the score with these in the history.
        alarm: rollback and one line: tell a person, now. May be called again after a crash.
        clock: see `Clock`.
    """

    journal: Journal
    deployer: Callable[[str, str], Deployer]
    rescore: Callable[[Promotion, Sequence[Failure]], FISResult]
    alarm: Callable[[str, str], None]
    clock: Clock


@dataclass(frozen=True)
class Restored:
    """How it ended for a module of a rollback; `detail` is a line."""

    member: Member
    state: End
    detail: str


@dataclass(frozen=True)
class Outcome:
    """How a rollback ended.

    Attributes:
        rollback: its id.
        state: `rolled-back` where every module was restored and verified.
        modules: each with its own state, in the order in which they were restored.
        fis: of the failed module, before and after; None where there was or is none.
        surcharge: of the failed module, before and after.
        failures: ids of all attached when it was scored.
        review: modules that a person must see to.
        message: one line: how it ended and, where it failed, what to do.
    """

    rollback: str
    state: End
    modules: tuple[Restored, ...]
    fis: tuple[float | None, float | None]
    surcharge: tuple[Decimal, Decimal]
    failures: tuple[str, ...]
    review: tuple[Key, ...]
    message: str


@dataclass(frozen=True)
class Receipt:
    """How a failure was answered.

    `opened`: a rollback was opened and is to be run. `attached`: one is under way or has failed. `recorded`: none is
    due. `code` and `message` say why; `rollback` is None where there is none.
    """

    answer: Literal["opened", "attached", "recorded"]
    rollback: str | None
    code: str
    message: str
