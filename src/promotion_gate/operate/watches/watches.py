"""All watches of a service: begun when something is deployed, carried on by telemetry as it arrives, asked at any time.

A watch is in memory and follows from the ledger: after a restart it is made again, window by window, and says the same.
That takes a while where it is old; meanwhile it lags behind, which makes no alarm, only a late one.
"""

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import rollback_queries, telemetry_queries
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.ledger.states import State as PromotionState
from promotion_gate.operate.monitoring import detector
from promotion_gate.operate.monitoring.state import State
from promotion_gate.operate.monitoring.verdict import Verdict, verdict
from promotion_gate.operate.monitoring.window import Key
from promotion_gate.operate.rollback.ports import Clock
from promotion_gate.operate.watches.beginning import begin
from promotion_gate.operate.watches.failure import SOURCE, failure_of
from promotion_gate.operate.watches.windows import of_batch

LOG = logging.getLogger("promotion_gate.watches")

BUDGET_S = 0.25
"""Seconds that a look takes at most, or one watch's beginning more: what is left is the next look's."""

PAGE = 5
"""Batches that are read at once."""


@dataclass(frozen=True)
class Watched:
    """A watch as it stands.

    Attributes:
        promotion: deploying or watched.
        keys: the modules whose windows count: its own and those beside it.
        state: of the detector.
        seen: number of the last event that counts in it.
        is_behind: telemetry that arrived is not in it yet.
        verdict: what it says.
        is_told: its failure is in the ledger.
    """

    promotion: Promotion
    keys: frozenset[Key]
    state: State
    seen: int
    is_behind: bool
    verdict: Verdict
    is_told: bool = False


class Watches:
    """See the module's text. One thread looks; any may ask.

    Args:
        ledger: opened.
        gate: the gate in force; asked when a watch begins, whose rules stay.
        clock: time.
    """

    def __init__(self, ledger: Ledger, gate: Callable[[], Gate], clock: Clock) -> None:
        self._ledger, self._gate, self._clock = ledger, gate, clock
        self._standing: tuple[Watched, ...] = ()

    def standing(self) -> tuple[Watched, ...]:
        """Return the watches as the last look left them, the oldest promotion first."""
        return self._standing

    def degraded(self) -> list[tuple[Failure, str]]:
        """Return the failures that are found and not told yet, each with its level."""
        return [
            (failure_of(one.promotion, one.state.watch.stable, one.verdict), one.promotion.level)
            for one in self._standing
            if one.verdict.state == "degraded" and not one.is_told
        ]

    def look(self) -> bool:
        """Begin, end and carry on watches; return whether all that arrived is in them.

        Raises:
            LedgerUnavailable: the database does not answer.
            ModelError, InputError: the gate has no rules by which a watch could begin.
        """
        end = self._clock.monotonic() + BUDGET_S
        before = {one.promotion.id: one for one in self._standing}
        with self._ledger.read() as queries:
            promotions = _watched(queries)
            found: dict[str, Watched] = {}
            for promotion in promotions:
                known = before.get(promotion.id)
                if known is not None and known.promotion == promotion:
                    found[promotion.id] = known
                elif self._clock.monotonic() <= end:
                    found[promotion.id] = self._begun(queries, promotion)
            found = {name: dataclasses.replace(one, is_behind=True) for name, one in found.items()}
            while self._clock.monotonic() <= end and any(one.is_behind for one in found.values()):
                found |= self._carried_on(queries, found.values(), end)
            found = {name: self._judged(queries, one) for name, one in found.items()}
        self._standing = tuple(found[one.id] for one in promotions if one.id in found)
        self._tell_changes(before)
        return len(found) == len(promotions) and not any(one.is_behind for one in self._standing)

    def _begun(self, queries: Queries, promotion: Promotion) -> Watched:
        state, keys = begin(queries, self._gate(), promotion)
        return Watched(promotion, keys, state, promotion.updated_sequence, True, verdict(state))

    def _carried_on(self, queries: Queries, watches: Iterable[Watched], end: float) -> dict[str, Watched]:
        """Carry each watch on by a page, those that lag least first: a long way to go keeps no other one waiting."""
        pages: dict[int, list[telemetry_queries.Batch]] = {}  # read once for all that stand at the same event
        found = {}
        for one in sorted(watches, key=lambda one: -one.seen):
            if one.is_behind and self._clock.monotonic() <= end:
                if one.seen not in pages:
                    pages[one.seen] = telemetry_queries.batches(queries, after=one.seen, limit=PAGE)
                found[one.promotion.id] = _taken(one, pages[one.seen])
        return found

    def _judged(self, queries: Queries, one: Watched) -> Watched:
        said = verdict(one.state)
        if not one.is_behind:
            said = _silenced(said, one.state, self._clock.now())
        is_told = one.is_told or (said.state == "degraded" and _is_told(queries, one.promotion))
        return dataclasses.replace(one, verdict=said, is_told=is_told)

    def _tell_changes(self, before: dict[str, Watched]) -> None:
        for one in self._standing:
            known = before.get(one.promotion.id)
            if known is None or known.verdict.state != one.verdict.state:
                level = logging.INFO if one.verdict.state in ("watching", "healthy") else logging.WARNING
                told = {"promotion": one.promotion.id, "of": f"{one.promotion.project} {one.promotion.module}"}
                said = {"standing": one.verdict.state, "reason": one.verdict.evidence["reason"]}
                LOG.log(level, "watch", extra={**told, **said})


def _taken(one: Watched, page: list[telemetry_queries.Batch]) -> Watched:
    state = one.state
    for _, told in page:
        state = detector.update(state, of_batch(told, one.keys))
    seen = page[-1][0] if page else one.seen
    return dataclasses.replace(one, state=state, seen=seen, is_behind=len(page) == PAGE)


def _watched(queries: Queries) -> list[Promotion]:
    found = [
        one
        for state in (PromotionState.DEPLOYING, PromotionState.WATCHING)
        for one in rollback_queries.in_state(queries, state)
    ]
    return sorted((one for one in found if one.watch_until is not None), key=lambda one: one.sequence)


def _is_told(queries: Queries, promotion: Promotion) -> bool:
    key = {"project": promotion.project, "source": SOURCE, "failure_id": promotion.id, "module": promotion.module}
    return rollback_queries.answer_of(queries, key) is not None


def _silenced(said: Verdict, state: State, now: dt.datetime) -> Verdict:
    """Return a verdict that knows what time it is: to the detector no time passes while nobody tells anything."""
    rules = state.rules
    heard = state.newest or state.watch.promoted_at + dt.timedelta(seconds=rules.grace_seconds)
    if said.state == "degraded" or (now - heard).total_seconds() <= rules.silent_seconds + rules.late_seconds:
        return said
    reason = f"no telemetry of it or of any module beside it since {heard:%Y-%m-%d %H:%M:%S} UTC"
    return dataclasses.replace(said, state="no-data", evidence={**said.evidence, "reason": reason})
