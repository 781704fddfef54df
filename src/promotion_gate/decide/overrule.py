"""Promotions that a person answers for: against the verdict, as a hotfix, or as a rollback. Each is its own kind.

An override needs a reason, a name and an expiry. A fix of an open critical failure needs the same and the failure: the
gate would otherwise keep out the very change that ends the damage. A rollback restores what already ran, and is never
gated. None of them changes what the verdict was: its steps, reasons and what would unblock it stay to be read.
"""

import datetime as dt
from dataclasses import dataclass

from promotion_gate.errors import InputError
from promotion_gate.rules import Policy
from promotion_gate.schema import LEVELS, Decision, DecisionKind, Reason

WORST = LEVELS[-1]


@dataclass(frozen=True)
class Warrant:
    """Who promotes against the verdict, why, and until when; times are aware.

    Attributes:
        by: name of the person.
        reason: in words.
        at: when it was given.
        until: when it expires; None for a rollback, which is over at once.
    """

    by: str
    reason: str
    at: dt.datetime
    until: dt.datetime | None = None


@dataclass(frozen=True)
class OpenFailure:
    """A failure of a module as the log knows it; `resolved_at` is None while it is open."""

    failure_id: str
    project: str
    module: str
    severity: str
    resolved_at: dt.datetime | None


def override(decision: Decision, warrant: Warrant, policy: Policy) -> Decision:
    """Return the promotion of a module against the verdict.

    Raises:
        InputError: the verdict is Promote, name or reason is blank, or the expiry is missing, not after the giving, or
            later than the policy's `override_days` after it.
    """
    if decision.status == "Promote":
        raise InputError("nothing to override: the verdict is Promote")
    _check_expiry(warrant, policy)
    said = (
        f"{warrant.by} promotes against the verdict {decision.status!r} until {_time(warrant.until)}: {warrant.reason}"
    )
    return _overruled(decision, "override", warrant, said)


def hotfix(decision: Decision, warrant: Warrant, policy: Policy, failure: OpenFailure) -> Decision:
    """Return the promotion of a fix of an open critical failure, whatever the verdict.

    Raises:
        InputError: the failure is another module's, milder than critical, or resolved; or as `override`.
    """
    where = f"failure {failure.failure_id}"
    if (failure.project, failure.module) != (decision.project, decision.module):
        raise InputError(
            f"{where} is of {failure.project} {failure.module}, not of {decision.project} {decision.module}"
        )
    if failure.severity != WORST:
        raise InputError(f"{where} is {failure.severity}: the hotfix path is for {WORST} ones; use an override")
    if failure.resolved_at is not None and failure.resolved_at <= warrant.at:
        raise InputError(
            f"{where} was resolved at {_time(failure.resolved_at)}: there is nothing to fix; use an override"
        )
    _check_expiry(warrant, policy)
    said = f"{warrant.by} promotes the fix of the open {WORST} {where} until {_time(warrant.until)}: {warrant.reason}"
    return _overruled(decision, "hotfix", warrant, said, {"failure_id": failure.failure_id})


def rollback(decision: Decision, warrant: Warrant) -> Decision:
    """Return the promotion of a version that is restored: a rollback is never gated.

    Raises:
        InputError: name or reason is blank.
    """
    _check_words(warrant)
    said = f"{warrant.by} rolls back, which is never gated: {warrant.reason}"
    return _overruled(decision, "rollback", warrant, said)


def _overruled(
    decision: Decision, kind: DecisionKind, warrant: Warrant, said: str, more: dict[str, str] | None = None
) -> Decision:
    told = {"by": warrant.by, "reason": warrant.reason, "at": _time(warrant.at), "until": _time(warrant.until)}
    return decision.model_copy(
        update={
            "kind": kind,
            "status": "Promote",
            "reasons": (Reason(code=kind, message=said), *decision.reasons),
            "overruled": {**told, **(more or {}), "verdict": decision.status},
        }
    )


def _check_words(warrant: Warrant) -> None:
    for name, words in (("a name", warrant.by), ("a reason", warrant.reason)):
        if not words.strip():
            raise InputError(f"{name} is needed to promote against the verdict")


def _check_expiry(warrant: Warrant, policy: Policy) -> None:
    _check_words(warrant)
    if warrant.until is None:
        raise InputError("an expiry is needed to promote against the verdict")
    if warrant.until <= warrant.at:
        raise InputError(f"the expiry {_time(warrant.until)} is not after {_time(warrant.at)}")
    longest = warrant.at + dt.timedelta(days=policy.override_days)
    if warrant.until > longest:
        raise InputError(
            f"the expiry {_time(warrant.until)} is after {_time(longest)}: {policy.override_days} days at most"
        )


def _time(when: dt.datetime | None) -> str | None:
    return None if when is None else when.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
