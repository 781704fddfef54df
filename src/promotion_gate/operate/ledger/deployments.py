"""Commands from the deployment on: deployed, watched, stable, failed, rolled back."""

import datetime as dt
from decimal import Decimal

from promotion_gate.decide.surcharge import after_clean_promotion, after_rollback
from promotion_gate.operate.ledger.errors import Conflict
from promotion_gate.operate.ledger.events import (
    Deployed,
    DeploymentStarted,
    Failed,
    RollbackFailed,
    RollbackStarted,
    RolledBack,
    Settled,
)
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.project_promotion import last_stable
from promotion_gate.operate.ledger.promotions import apply, is_due, read, supersede
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.ledger.states import UNDEPLOYED, Event, State, next_state
from promotion_gate.operate.ledger.writer import Writer
from promotion_gate.rules import Surcharge


def start(
    writer: Writer, promotion: str, watch_until: dt.datetime | None = None, revision: int | None = None
) -> Promotion:
    """Write that the deployer is being told.

    Args:
        writer: the transaction.
        promotion: id.
        watch_until: until when the version is watched if nobody ever says that the deployment is done.
        revision: see `promotions.read`.

    Raises:
        IllegalTransition: it may not be deployed.
        Conflict: its approval or override has expired by the writer's clock; or as `promotions.read`.
    """
    standing = read(writer, promotion, revision)
    next_state(standing.state, Event.DEPLOYMENT_STARTED)
    if is_due(standing, writer.now):
        raise Conflict(f"promotion {promotion} was {standing.state} until {standing.due_at}: ask again")
    return apply(writer, standing, DeploymentStarted(watch_until=watch_until))


def deployed(writer: Writer, promotion: str, watch_until: dt.datetime, revision: int | None = None) -> Promotion:
    """Write that the version runs, and is watched until a time. IllegalTransition, Conflict as everywhere."""
    return apply(writer, read(writer, promotion, revision), Deployed(watch_until=watch_until))


def end_watch(writer: Writer, promotion: str, rules: Surcharge, revision: int | None = None) -> Promotion:
    """Write that the watch ended without failure: the version is stable, the module's surcharge shrinks.

    Raises:
        IllegalTransition: it is not watched.
        Conflict: the watch is not over by the writer's clock; or as `promotions.read`.
    """
    standing = read(writer, promotion, revision)
    next_state(standing.state, Event.WATCH_ENDED)
    if not is_due(standing, writer.now):
        raise Conflict(f"promotion {promotion} is watched until {standing.due_at}")
    left = after_clean_promotion(writer.queries.module(standing.project, standing.module).surcharge, rules)
    return apply(writer, standing, Settled(how="watch-ended", surcharge=left))


def confirm(writer: Writer, promotion: str, revision: int | None = None) -> Promotion:
    """Write that a person calls the version stable before its watch is over. The surcharge stays: nothing was proven.

    Raises:
        IllegalTransition: it is not watched.
        Conflict: as `promotions.read`.
    """
    standing = read(writer, promotion, revision)
    same = writer.queries.module(standing.project, standing.module).surcharge
    return apply(writer, standing, Settled(how="confirmed", surcharge=same))


def fail(
    writer: Writer,
    promotion: str,
    reason: str,
    failure: tuple[str, str] | None = None,
    revision: int | None = None,
) -> Promotion:
    """Write that the deployment, or the module while it was watched, failed.

    Args:
        writer: the transaction.
        promotion: id.
        reason: in words.
        failure: source and id of the failure in the log, where there is one.
        revision: see `promotions.read`.

    Raises:
        IllegalTransition: it is neither being deployed nor watched.
        Conflict: as `promotions.read`.
    """
    return apply(writer, read(writer, promotion, revision), Failed(reason=reason, failure=failure))


def roll_back(writer: Writer, promotion: str, reason: str, revision: int | None = None) -> Promotion:
    """Write that the last stable version is being restored; `restores` names its promotion. Never gated.

    A stable promotion can be rolled back while it is its level's stable one. A newer one that has not reached the level
    gives way then: it was decided on before this was known.

    Raises:
        IllegalTransition: it has not been deployed, or is rolled back already.
        Conflict: a newer promotion runs on the level: that is the one to roll back; or as `promotions.read`.
    """
    standing = read(writer, promotion, revision)
    next_state(standing.state, Event.ROLLBACK_STARTED)
    place = {"project": standing.project, "module": standing.module, "level": standing.level}
    if standing.state is State.STABLE:
        present = writer.queries.module(standing.project, standing.module).stable.get(standing.level)
        if present is not None and present[0] != promotion:
            raise Conflict(f"promotion {promotion} is not what runs on {standing.level}: {present[0]} is")
        supersede(writer, writer.queries.open_promotion(**place), promotion, UNDEPLOYED)
    restores, version = restored_by(writer.queries, standing)
    return apply(writer, standing, RollbackStarted(reason=reason, restores=restores, version=version))


def restored_by(queries: Queries, standing: Promotion) -> tuple[str | None, str | None]:
    """Return what a rollback of a promotion restores: the last promotion that was stable before it, and its version."""
    place = {"project": standing.project, "module": standing.module, "level": standing.level}
    target = last_stable(queries.connection, **place, before=standing.stable_sequence)
    return (target["id"], target["version"]) if target else (None, None)


def rolled_back(
    writer: Writer, promotion: str, rules: Surcharge | None, revision: int | None = None, reason: str | None = None
) -> Promotion:
    """Write that the rollback is done, by the deployer or, after it failed, by hand.

    The surcharge grows at the rollback's first end, a failed one included, and not again.

    Args:
        writer: the transaction.
        promotion: id.
        rules: by which the module's surcharge grows; None: it stays, the module was only restored along with another.
        revision: see `promotions.read`.
        reason: in words, where a person says that it was done by hand.

    Raises:
        IllegalTransition: no rollback was started.
        Conflict: as `promotions.read`.
    """
    standing = read(writer, promotion, revision)
    return apply(writer, standing, RolledBack(surcharge=_charged(writer, standing, rules), reason=reason))


def rollback_failed(
    writer: Writer, promotion: str, reason: str, rules: Surcharge | None, revision: int | None = None
) -> Promotion:
    """Write that the deployer could not restore the version. Arguments, IllegalTransition, Conflict as `rolled_back`.

    The surcharge grows here as there: the module failed, whatever comes after.
    """
    standing = read(writer, promotion, revision)
    return apply(writer, standing, RollbackFailed(reason=reason, surcharge=_charged(writer, standing, rules)))


def _charged(writer: Writer, standing: Promotion, rules: Surcharge | None) -> Decimal:
    """What the module carries after the rollback: the first end of it adds the step, however often it is tried."""
    surcharge = writer.queries.module(standing.project, standing.module).surcharge
    stream, kinds = promotion_stream(standing.id), (RollbackFailed.kind,)
    ends = [parse(entry.kind, entry.payload) for entry in writer.queries.events(stream=stream, kinds=kinds)]
    settled = any(isinstance(end, RollbackFailed) and end.surcharge is not None for end in ends)
    return surcharge if rules is None or settled else after_rollback(surcharge, rules)
