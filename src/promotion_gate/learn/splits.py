"""Which releases test, which validate: always forward in time."""

import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.labels import mature
from promotion_gate.learn.tables import Release, Tables


def with_past(tables: Tables, horizon: pd.Timedelta, when: pd.Timestamp) -> list[Release]:
    """Releases that were mature at `when` and had, at their own date, a mature one of their project to learn from."""
    ready = mature(tables.as_of(when).timeline(), horizon, when)
    return [
        release
        for release in ready
        if any(q.project == release.project and q.released_at + horizon <= release.released_at for q in ready)
    ]


def test_releases(tables: Tables, horizon: pd.Timedelta, count: int) -> list[Release]:
    """The newest `count` releases that can be tested: mature by the end of the log, with a past to learn from.

    Raises:
        InputError: there is none.
    """
    found = with_past(tables, horizon, tables.end_of_log())
    if not found:
        raise InputError(
            f"releases: no release can be tested: one is needed that came out at least {horizon.days} days before the "
            f"end of the failure log ({tables.end_of_log():%Y-%m-%d}), with another at least as long before it; "
            "add older releases or shorten labels.horizon_days"
        )
    return found[-count:]


def validation_releases(tables: Tables, horizon: pd.Timedelta, tested: list[Release], count: int) -> list[Release]:
    """The newest `count` releases that can validate before the first tested release came out; may be none."""
    return with_past(tables, horizon, min(release.released_at for release in tested))[-count:]
