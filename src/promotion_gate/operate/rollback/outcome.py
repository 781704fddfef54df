"""How a rollback stands and ended, as its journal tells it. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.rollback.attribution import Key
from promotion_gate.operate.rollback.ports import CLOSE, RETRY, End, Entry, Member, Order, Outcome, Restored

ONCE = ("rescore", "surcharge")
"""Steps that are done once, however often a rollback is tried."""


def standing(entries: Sequence[Entry]) -> list[Entry]:
    """Return what counts as done or tried: all since the last retry, and of before it what is done once."""
    last = max((number for number, entry in enumerate(entries) if entry.step == RETRY), default=-1)
    return [*(entry for entry in entries[: last + 1] if entry.step in ONCE), *entries[last + 1 :]]


def settled_before(entries: Sequence[Entry], member: Member) -> str | None:
    """Return what is said of a member that a retry has nothing to do for; None where it is to be restored."""
    last = max((number for number, entry in enumerate(entries) if entry.step == RETRY), default=-1)
    if last < 0:
        return None
    [*_, end] = [entry.data["ends"] for entry in entries[:last] if (entry.step, entry.phase) == (CLOSE, "done")]
    state, detail = end[member.promotion_id]
    if state == "rolled-back":
        return str(detail)
    tried = member.promotion_id in entries[last].data["promotions"]
    return None if tried else f"{name_of(member.module)} was put right by hand"


def outcome_of(
    wanted: Order, restored: tuple[Restored, ...], score: Mapping[str, Any], charge: Mapping[str, Any]
) -> Outcome:
    """Return how a rollback ended: what became of each member, and what the steps `rescore` and `surcharge` led to."""
    broken = [one for one in restored if one.state == "rollback-failed"]
    state: End = "rollback-failed" if broken else "rolled-back"
    good = ", ".join(f"{name_of(one.member.module)} to {one.member.target}" for one in restored if one not in broken)
    said = [f"rolled back {good}"] * bool(good) + [one.detail for one in broken]
    return Outcome(
        rollback=wanted.id,
        state=state,
        modules=restored,
        fis=(score["before"], score["after"]),
        surcharge=(Decimal(charge["before"]), Decimal(charge["after"])),
        failures=tuple(score["failures"]),
        review=tuple(one.member.module for one in broken),
        message="; ".join(said),
    )


def name_of(module: Key) -> str:
    """Return project and module for people."""
    return " ".join(module)


def line_of(error: Exception) -> str:
    """Return what any error says, in one line."""
    said = " ".join(str(error).split())[:300]
    return said if isinstance(error, PromotionGateError) else f"{type(error).__name__}: {said}"
