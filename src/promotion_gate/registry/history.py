"""The history of the alias `champion`: every move with who, why, when and on which review; nothing is overwritten.

Each move is a tag of the registered model under a key of its own (time and a random end): two people who promote at the
same moment write two tags, none over the other. A move is written before the alias moves, so that no move is without a
record; afterwards both are read again, and whoever was overtaken is told.
"""

import dataclasses
import json
import secrets
from collections.abc import Sequence
from typing import Any, Literal

from promotion_gate.errors import InputError, ModelError
from promotion_gate.registry.store import CHAMPION, by_alias, now

PREFIX = "champion_move."
LONGEST_NAME, LONGEST_REASON = 200, 1000
"""Letters: a tag of a registered model holds 5000 in MLflow's databases, and JSON makes two of one at worst."""

Kind = Literal["register", "promote", "rollback"]


@dataclasses.dataclass(frozen=True)
class Move:
    """One move of the alias.

    Attributes:
        before: number of the champion until then; None where there was none.
        after: number of the champion from then on.
        by: who moved it; `register` where the pipeline did.
        reason: why.
        at: ISO 8601, UTC.
        review: SHA-256 of the review that was stored for `after` then.
        kind: register (by itself), promote or rollback (by a person).
    """

    before: str | None
    after: str
    by: str
    reason: str
    at: str
    review: str
    kind: Kind


def a_line(option: str, text: str, longest: int) -> str:
    """The text, if it is one line of at most so many letters. InputError otherwise."""
    said = " ".join(text.split())
    if not said:
        raise InputError(f"{option} is empty; who moves the champion says who and why")
    if not said.isprintable():
        raise InputError(f"{option} holds letters that cannot be printed")
    if len(said) > longest:
        raise InputError(f"{option} has {len(said)} letters, at most {longest} are kept")
    return said


def moves(client: Any, name: str) -> list[Move]:
    """Every recorded move, oldest first; none where there is no such model.

    Raises:
        ModelError: a record breaks its form: somebody has edited it.
    """
    found = [model for model in client.search_registered_models(f"name = '{name}'") if model.name == name]
    records = {key: value for model in found for key, value in model.tags.items() if key.startswith(PREFIX)}
    read = []
    for key in sorted(records):
        try:
            read.append(Move(**json.loads(records[key])))
        except (ValueError, TypeError):
            raise ModelError(f"{name}: its tag {key} is no record of a move; put right what was edited") from None
    return read


def present(client: Any, name: str, history: Sequence[Move]) -> Any:
    """The champion's version, None where there is none.

    Raises:
        ModelError: the alias names another version than the last record: it was moved past the review.
    """
    champion = by_alias(client, name, CHAMPION)
    recorded = history[-1].after if history else None
    named = None if champion is None else str(champion.version)
    if recorded is None or named == recorded:
        return champion
    raise ModelError(
        f"the alias champion of {name} names {named or 'nothing'}, but the last recorded move was to {recorded}: it "
        f"was moved without a review; set it back to {recorded} in MLflow, then `promotion-gate registry promote` the "
        "other"
    )


def previous(history: Sequence[Move]) -> str | None:
    """Number of the champion before the present one, as one who rolls back wants it; None where there was none.

    What was rolled back is not returned to: after 1, 2, 3 and a rollback to 2, the next leads to 1.
    """
    stack: list[str] = []
    for move in history:
        if not stack and move.before is not None:
            stack.append(move.before)
        if move.kind == "rollback" and move.after in stack:
            while stack[-1] != move.after:
                stack.pop()
        else:
            stack.append(move.after)
    return stack[-2] if len(stack) > 1 else None


def record_and_move(client: Any, name: str, move: Move, seen: Sequence[Move]) -> None:
    """Record a move, move the alias, and see that nobody else did meanwhile.

    Args:
        client: of the store.
        name: of the registered model.
        move: what is to be done.
        seen: the history that the move was decided on.

    Raises:
        ModelError: somebody moved the alias since, or at the same time; all moves are on record.
    """
    champion = by_alias(client, name, CHAMPION)
    if moves(client, name) != list(seen) or (None if champion is None else str(champion.version)) != move.before:
        raise ModelError(
            f"the champion of {name} was moved meanwhile; see `promotion-gate registry list`, review again"
        )
    key = f"{PREFIX}{move.at.translate(str.maketrans('', '', '-:.'))}.{secrets.token_hex(4)}"
    client.set_registered_model_tag(name, key, json.dumps(dataclasses.asdict(move), ensure_ascii=False))
    client.set_registered_model_alias(name, CHAMPION, move.after)
    _tell_on_pages(client, name, move)
    others = [other for other in moves(client, name) if other not in (*seen, move)]
    champion = by_alias(client, name, CHAMPION)
    if others or champion is None or str(champion.version) != move.after:
        told = ", ".join(f"{other.by} moved it to {other.after}" for other in others) or "the alias was moved"
        named = None if champion is None else champion.version
        raise ModelError(
            f"{told} at the same time; all moves are on record, the champion of {name} is {named} now: see "
            "`promotion-gate registry list` and decide again"
        )


def _tell_on_pages(client: Any, name: str, move: Move) -> None:
    """Tags for the pages of the two versions in MLflow: what became of each."""
    told = {"since": move.at, "by": move.by, "reason": move.reason, "review_sha256": move.review}
    for key, value in told.items():
        client.set_model_version_tag(name, move.after, f"champion_{key}", value)
    if move.before is not None and move.before != move.after:
        ended = f"{move.at}, {move.kind} of {name}/{move.after} by {move.by}: {move.reason}"
        client.set_model_version_tag(name, move.before, "champion_until", ended)


def made(kind: Kind, before: str | None, after: str, by: str, reason: str, review: str) -> Move:
    """A move as of now."""
    return Move(before=before, after=after, by=by, reason=reason, at=now(), review=review, kind=kind)
