"""A batch in the ledger: decided, planned and kept in one transaction; what is held is withdrawn in the same."""

from collections.abc import Mapping, Sequence

from promotion_gate.decide.batch import Key, Place, plan
from promotion_gate.decide.case import Case
from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import promotions
from promotion_gate.operate.ledger.rollback_events import BatchPlace, BatchReleased, batch_stream
from promotion_gate.operate.ledger.writer import Writer


def check(cases: Sequence[Case]) -> None:
    """Raise InputError for what is no batch: none, of several levels, or with a module twice."""
    if not cases:
        raise InputError("a release is of one module or more")
    levels = sorted({case.request.level for case in cases})
    if len(levels) > 1:
        raise InputError(f"a release goes to one level, not to {' and '.join(levels)}")
    names = [(case.request.module.project, case.request.module.module) for case in cases]
    for project, module in names:
        if names.count((project, module)) > 1:
            raise InputError(f"{project} {module} is in the batch twice")


def release(
    writer: Writer, batch: str, cases: Sequence[Case], dependencies: Mapping[Key, Sequence[Key]], atomic: bool
) -> list[Place]:
    """Decide on the cases and keep them as a batch; return the places, the decisions with the key `batch`.

    A module that is held although its own verdict is Promote is withdrawn. So is every one of an atomic batch that does
    not go as a whole. Others whose verdict is not Promote stay as they are: they can still be reviewed or overridden,
    and then go alone.

    Args:
        writer: the transaction.
        batch: its id.
        cases: see `check`.
        dependencies: what each module depends on.
        atomic: all go or none does.
    """
    decisions = [promotions.request(writer, case)[1].model_copy(update={"batch": batch}) for case in cases]
    places = plan(decisions, dependencies, atomic=atomic)
    for place in places:
        if not place.promoted and (atomic or place.held_by):
            promotions.withdraw(writer, str(place.decision.id), _reason(batch, place))
    kept = tuple(
        BatchPlace(promotion=str(place.decision.id), step=place.step, promoted=place.promoted) for place in places
    )
    writer.append(batch_stream(batch), BatchReleased(atomic=atomic, places=kept))
    return places


def _reason(batch: str, place: Place) -> str:
    if not place.held_by:
        return f"batch {batch} goes only as a whole, and this verdict is {place.decision.status}"
    names = ", ".join(" ".join(key) for key in place.held_by[:20])
    return f"held in batch {batch} by {names}"
