"""A failure comes in: kept, attributed and answered in one transaction, so that it is answered once and the same."""

from collections.abc import Callable, Sequence

from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import records, rollback_queries
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.ledger.payload import module_stream
from promotion_gate.operate.ledger.projection import FAILURE_KEY
from promotion_gate.operate.ledger.rollback_events import FailureAnswered, Suspected
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.operate.management.journal import LedgerJournal
from promotion_gate.operate.management.orders import Graph, modules_of, order_for, reached, seen, suspect
from promotion_gate.operate.management.sagas import Sagas
from promotion_gate.operate.rollback.attribution import Attribution, Suspect, attribute
from promotion_gate.operate.rollback.ports import Receipt


class Failures:
    """Answers failures; the rollbacks that it opens are the caller's to run.

    Args:
        journal: the ledger's.
        gate: the gate in force.
        sagas: for the rollbacks' rules and the alarm.
    """

    def __init__(self, journal: LedgerJournal, gate: Callable[[], Gate], sagas: Sagas) -> None:
        self._journal, self._gate, self._sagas = journal, gate, sagas

    def receive(self, failure: Failure, actor: str, level: str | None) -> tuple[Receipt, list[str]]:
        """Keep a failure and answer it; told again, it is answered as before. Also returns the rollbacks to be run.

        Raises:
            Conflict: the source told otherwise of the same failure before.
        """
        policy = self._gate().rules.policy
        where = level or [*policy.base][-1]
        # Before the transaction: the gate may have to read its tables, and other writers wait for this one.
        graph = self._dependencies(failure, where)
        with self._journal.transaction(actor) as writer:
            records.record_failure(writer, failure)
            key = {name: str(getattr(failure, name)) for name in FAILURE_KEY}
            before = rollback_queries.answer_of(writer.queries, key)
            if before is not None:
                return Receipt(before["answer"], before["rollback"], before["code"], before["message"]), []
            present = rollback_queries.watched(writer.queries, where, failure.occurred_at)
            found = attribute(seen(failure), [suspect(one) for one in present], graph, policy.rollback)
            receipts = self._answers(writer, failure, found)
            receipt = _in_one(receipts)
            answered = FailureAnswered(
                **key,
                level=where,
                suspects=tuple(_suspected(one) for one in found.suspects),
                answer=receipt.answer,
                rollback=receipt.rollback,
                code=receipt.code,
                message=receipt.message,
            )
            writer.append(module_stream(failure.project, failure.module), answered)
        return receipt, [str(one.rollback) for one in receipts if one.answer == "opened"]

    def _dependencies(self, failure: Failure, level: str) -> Graph:
        with self._journal.reading() as queries:
            told = modules_of(queries, rollback_queries.watched(queries, level, failure.occurred_at))
        return reached(self._gate(), (failure.project, failure.module), told)

    def _answers(self, writer: Writer, failure: Failure, found: Attribution) -> list[Receipt]:
        if found.verdict == "none":
            return [Receipt("recorded", None, found.reason.code, found.reason.message)]
        if found.verdict == "ask":
            names = ", ".join(f"{_name(one)} ({one.score:.3f})" for one in found.suspects[:10])
            where = f"{failure.severity} failure {failure.failure_id} of {failure.project} {failure.module}"
            said = f"{where}: {found.reason.message}; suspected: {names}; roll back by hand what is to blame"
            self._sagas.alarm(None, said)
            return [Receipt("recorded", None, found.reason.code, said)]
        return [self._roll_back(writer, failure, one) for one in found.chosen]

    def _roll_back(self, writer: Writer, failure: Failure, one: Suspect) -> Receipt:
        queries, name = writer.queries, one.promotion.promotion_id
        standing, what = queries.promotion(name), seen(failure)
        known = rollback_queries.rollback_of(queries, name) is not None
        if not known and not rollback_queries.is_what_runs(queries, standing):
            said = f"a newer version than {_name(one)} runs by now: there is nothing to roll back"
            self._journal.record(what, name, None, "replaced")
            return Receipt("recorded", None, "replaced", said)
        wanted = order_for(queries, self._gate(), standing, failure)
        return self._sagas.rollbacks().receive(what, wanted)


def _in_one(receipts: Sequence[Receipt]) -> Receipt:
    first = min(receipts, key=lambda one: ("opened", "attached", "recorded").index(one.answer))
    said = "; ".join(dict.fromkeys(one.message for one in receipts))
    return Receipt(first.answer, first.rollback, first.code, said)


def _suspected(one: Suspect) -> Suspected:
    return Suspected(promotion=one.promotion.promotion_id, score=one.score, evidence=one.evidence)


def _name(one: Suspect) -> str:
    return f"{' '.join(one.promotion.module)} {one.promotion.version}".rstrip()
