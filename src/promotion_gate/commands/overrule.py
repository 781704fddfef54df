"""Options of a promotion that a person answers for: an override, a hotfix, a rollback."""

import datetime as dt
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

import click

from promotion_gate.commands.group import FILE
from promotion_gate.decide.case import Overruling
from promotion_gate.decide.overrule import OpenFailure, Warrant
from promotion_gate.errors import InputError

C = TypeVar("C", bound=Callable[..., Any])

NEEDED = {
    "override": ("by", "reason", "until"),
    "hotfix": ("failures", "by", "reason", "until"),
    "rollback": ("by", "reason"),
}
"""Options that go with each kind, all of them and no other."""


def options(command: C) -> C:
    """Add the options of an overruling."""
    added = (
        click.option("--override", is_flag=True, help="Promote against the verdict; with --by, --reason, --until."),
        click.option("--hotfix", metavar="FAILURE", help="Promote the fix of an open critical failure."),
        click.option("--failures", type=FILE, help="Failure log that holds the one of --hotfix: the raw table."),
        click.option("--rollback", is_flag=True, help="Promote a version that is restored; with --by and --reason."),
        click.option("--by", help="Who answers for it."),
        click.option("--reason", help="Why."),
        click.option("--until", metavar="TIME", help="When it expires: ISO 8601, UTC where no offset is given."),
    )
    for option in reversed(added):
        command = option(command)
    return command


def overruling(given: dict[str, Any], now: dt.datetime) -> Overruling | None:
    """Return what the options ask for, None where they ask for no overruling.

    Raises:
        InputError: options are missing or do not go together, the time is none, or the failure is not in the log.
    """
    kinds = [kind for kind in NEEDED if kind in given]
    words = [name for name in NEEDED["hotfix"] if name in given]
    if not kinds:
        if words:
            raise InputError(f"--{words[0]} goes with --override, --hotfix FAILURE or --rollback")
        return None
    if len(kinds) > 1:
        raise InputError(f"--{kinds[0]} and --{kinds[1]} exclude each other")
    needed = NEEDED[kinds[0]]
    if missing := [name for name in needed if name not in given]:
        raise InputError(f"--{kinds[0]} needs --{missing[0]}")
    if over := [name for name in words if name not in needed]:
        raise InputError(f"--{kinds[0]} does not go with --{over[0]}")
    until = _time(given["until"]) if "until" in needed else None
    warrant = Warrant(given["by"], given["reason"], now, until)
    if kinds == ["hotfix"]:
        return Overruling("hotfix", warrant, _failure(given["failures"], given["hotfix"], given.get("module")))
    return Overruling("override" if kinds == ["override"] else "rollback", warrant)


def _time(text: str) -> dt.datetime:
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--until: a time is expected, for instance 2026-12-01T18:00:00Z, not {text!r:.40}") from None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def _failure(log: pathlib.Path, name: str, module: str | None) -> OpenFailure:
    import pandas as pd  # half a second that other promotions need not pay

    from promotion_gate.learn.ingest import read_table
    from promotion_gate.schema import CONTRACTS

    rows = read_table(log, CONTRACTS["failures"]).accepted
    rows = rows[rows["failure_id"] == name]
    if not len(rows):
        raise InputError(f"{log}: no failure {name!r:.80}; --hotfix takes the failure_id of a row")
    # A failure may hit several modules; where this one is not among them, the hotfix is refused by the first.
    row = rows.sort_values("module", key=lambda names: names != module, kind="stable").iloc[0]
    return OpenFailure(
        failure_id=row["failure_id"],
        project=row["project"],
        module=row["module"],
        severity=row["severity"],
        resolved_at=None if pd.isna(row["resolved_at"]) else row["resolved_at"].to_pydatetime(),
    )
