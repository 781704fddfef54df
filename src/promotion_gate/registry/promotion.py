"""Moving the champion by hand: promote a reviewed version, roll back to the one before; what `registry list` shows."""

import contextlib
import dataclasses
import pathlib
import tempfile
from typing import Any, NamedTuple

from promotion_gate import bundle
from promotion_gate.errors import InputError, ModelError
from promotion_gate.registry import compatibility
from promotion_gate.registry.history import (
    LONGEST_NAME,
    LONGEST_REASON,
    Move,
    a_line,
    made,
    moves,
    present,
    previous,
    record_and_move,
)
from promotion_gate.registry.reviews import AGAINST_TAG, AT_TAG, CHECKLIST_TAG, HASH_TAG, NOBODY, Review, stored
from promotion_gate.registry.store import (
    CHAMPION,
    Store,
    by_number,
    connected,
    fetch_bundle,
    full_name,
    redacted,
    signature_of,
    utc,
    versions,
)


class Promotion(NamedTuple):
    """What was done: the move, and the review that it rests on."""

    move: Move
    review: Review


def promote(store: Store, name: str, wanted: str, by: str, reason: str) -> Promotion:
    """Make a version champion, by hand.

    Raises:
        InputError: there is no such version, it is champion already, it has no review against the present champion, or
            `by` or `reason` is empty or too long.
        ModelError: its review or its bundle is not what was stored, it does not fit the installed code, or somebody
            else moved the champion.
    """
    by, reason = a_line("--by", by, LONGEST_NAME), a_line("--reason", reason, LONGEST_REASON)
    with connected(store) as client:
        version = by_number(client, name, wanted)
        history = moves(client, name)
        champion = present(client, name, history)
        before = None if champion is None else str(champion.version)
        if before == str(version.version):
            raise InputError(f"{full_name(version)} is champion already")
        review = stored(client, version)
        against, expected = version.tags.get(AGAINST_TAG), NOBODY if champion is None else full_name(champion)
        if against != expected:
            raise InputError(
                f"{full_name(version)} was reviewed against {against}, but the champion is {expected}; review it "
                f"again: `promotion-gate review {version.version}`"
            )
        check_fit(version)
        move = made("promote", before, str(version.version), by, reason, review.sha256)
        record_and_move(client, name, move, history)
    return Promotion(move, review)


def rollback(store: Store, name: str, by: str, reason: str) -> Promotion:
    """Make the champion before the present one champion again.

    Raises:
        InputError: `by` or `reason` is empty or too long, or that version has no stored review.
        ModelError: there is no earlier champion, or as `promote`.
    """
    by, reason = a_line("--by", by, LONGEST_NAME), a_line("--reason", reason, LONGEST_REASON)
    with connected(store) as client:
        history = moves(client, name)
        champion = present(client, name, history)
        target = previous(history)
        if champion is None or target is None:
            raise ModelError(f"{name} has had no champion before the present one: there is nothing to roll back to")
        version = by_number(client, name, target)
        review = stored(client, version)
        check_fit(version)
        move = made("rollback", str(champion.version), target, by, reason, review.sha256)
        record_and_move(client, name, move, history)
    return Promotion(move, review)


def check_fit(version: Any) -> None:
    """See that a version, its policy included, can be served by the installed code. ModelError where it cannot."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        fetch_bundle(version, folder)
        compatibility.check(folder, full_name(version), *signature_of(version))
        compatibility.check_policy(folder, full_name(version))


def resolve_champion(models: pathlib.Path, name: str, store: Store) -> pathlib.Path:
    """Bring the champion's bundle to models/champion, whole or not at all, and return that folder.

    A bundle that is there already is kept if it is the champion's version and its files have their hashes. Its policy
    is not looked at: `params.yaml`, where it has one, decides in its place.

    Raises:
        ModelError: there is no champion, its alias was moved past the review, its bundle is not what was registered, or
            it does not fit the installed code.
    """
    folder = models / CHAMPION
    with connected(store) as client:
        champion = present(client, name, moves(client, name))
        if champion is None:
            raise ModelError(f"no champion of {name} in {redacted(store.uri)}; train and register one: `make repro`")
        version, signature = full_name(champion), signature_of(champion)
        with contextlib.suppress(ModelError):
            if bundle.read_manifest(folder).model_version == version and bundle.verify(folder):
                compatibility.check(folder, version, *signature)
                return folder
        with bundle.replacing(folder) as fresh:
            fetch_bundle(champion, fresh)
            compatibility.check(fresh, version, *signature)
    return folder


def listing(store: Store, name: str) -> dict[str, Any]:
    """Every version and every move of the champion, as plain JSON values.

    Returns:
        model, aliases (by name, the version's number), versions (newest first), moves (oldest first), and warning: why
        the champion is not what the moves say, empty where it is.
    """
    with connected(store) as client:
        found = versions(client, name)
        if not found:
            raise ModelError(f"no version of {name} in {redacted(store.uri)}; train and register one: `make repro`")
        history = moves(client, name)
        warning = ""
        try:
            present(client, name, history)
        except ModelError as error:
            warning = str(error)
        aliases = {str(alias): str(number) for alias, number in client.get_registered_model(name).aliases.items()}
    return {
        "model": name,
        "aliases": aliases,
        "versions": [_told(one, aliases) for one in found],
        "moves": [dataclasses.asdict(move) for move in history],
        "warning": warning,
    }


def _told(version: Any, aliases: dict[str, str]) -> dict[str, Any]:
    tags = version.tags
    review = {
        "sha256": tags.get(HASH_TAG),
        "against": tags.get(AGAINST_TAG),
        "at": tags.get(AT_TAG),
        "checklist": tags.get(CHECKLIST_TAG),
    }
    return {
        "version": full_name(version),
        "registered_at": utc(version.creation_timestamp),
        "aliases": sorted(alias for alias, number in aliases.items() if number == str(version.version)),
        "run_id": version.run_id,
        **{key: tags.get(key) for key in ("data_hash", "policy_version", "git_commit", "git_dirty", "verdict")},
        "review": review if review["sha256"] else None,
    }
