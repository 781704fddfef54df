"""Requests come in: decided with what the ledger knows, kept with their answer, put before reviewers where blocked."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from promotion_gate.decide.batch import Place
from promotion_gate.decide.case import Case, Overruling
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import promotions, records, reviews
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.ledger.telemetry_queries import newest_load
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.management import batch
from promotion_gate.operate.management.journal import LedgerJournal
from promotion_gate.operate.management.orders import needs
from promotion_gate.operate.management.score import case_of
from promotion_gate.operate.rollback.ports import Clock
from promotion_gate.operate.spans import span
from promotion_gate.schema import Decision, PromotionRequest


@dataclass(frozen=True)
class Idempotency:
    """A caller's key for a request: told again with the same body, it is answered again and nothing is done."""

    caller: str
    key: str
    body_sha256: str


class Intake:
    """Takes requests and releases; see `PromotionManagement`, whose arguments these are.

    Args:
        journal: the ledger's, for its transactions.
        gate: the gate in force.
        clock: time.
    """

    def __init__(self, journal: LedgerJournal, gate: Callable[[], Gate], clock: Clock) -> None:
        self._journal, self._gate, self._clock = journal, gate, clock

    def request(
        self, request: PromotionRequest, actor: str, overruling: Overruling | None, idempotency: Idempotency | None
    ) -> tuple[Promotion, Decision]:
        """See `PromotionManagement.request`."""
        with self._journal.reading() as queries:
            before = _answered(queries, idempotency)
        if before is not None:
            return before
        with span("gate.score", project=request.module.project, module=request.module.module, level=request.level):
            case = self._case(request, overruling)
        with self._journal.transaction(actor) as writer:
            before = _answered(writer.queries, idempotency)  # of two calls at once the second finds the first's
            if before is not None:
                return before
            standing, decision = promotions.request(writer, case)
            standing = self._put_before_reviewers(writer, standing)
            if idempotency is not None:
                told = decision.model_dump(mode="json")
                caller, key, body = idempotency.caller, idempotency.key, idempotency.body_sha256
                records.store_answer(writer, caller, key, body, 201, told)
        return standing, decision

    def release(self, requests: Sequence[PromotionRequest], actor: str, atomic: bool) -> list[Place]:
        """See `PromotionManagement.release`."""
        gate = self._gate()
        with span("gate.score", modules=len(requests)):
            cases = [self._case(request, None) for request in requests]
        batch.check(cases)
        modules = [request.module for request in requests]
        dependencies = {(module.project, module.module): needs(gate, module) for module in modules}
        with self._journal.transaction(actor) as writer:
            places = batch.release(writer, str(uuid.uuid4()), cases, dependencies, atomic)
            for place in places:
                self._put_before_reviewers(writer, writer.queries.promotion(str(place.decision.id)))
        return places

    def _case(self, request: PromotionRequest, overruling: Overruling | None) -> Case:
        module = request.module
        with self._journal.reading() as queries:
            load = newest_load(queries, module.project, module.module, self._clock.now())
        return case_of(self._gate(), request, overruling, load)

    def _put_before_reviewers(self, writer: Writer, standing: Promotion) -> Promotion:
        if standing.state is not State.BLOCKED:
            return standing
        rules = self._gate().rules.policy.review
        until = self._clock.now() + hours(rules.review_hours)
        return reviews.open_review(writer, standing.id, reviewers_needed=rules.reviewers, until=until)


def hours(number: Decimal) -> dt.timedelta:
    """Return so many hours, parts of them too."""
    return dt.timedelta(hours=float(number))


def _answered(queries: Queries, key: Idempotency | None) -> tuple[Promotion, Decision] | None:
    if key is None:
        return None
    found = records.answered(queries, key.caller, key.key, key.body_sha256)
    if found is None:
        return None
    decision = Decision.model_validate_json(found.answer)
    return queries.promotion(str(decision.id)), decision
