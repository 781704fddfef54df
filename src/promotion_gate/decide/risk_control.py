"""A promise of the gate: of the failures that turn out high or critical, at most a given share escapes the block.

The block's threshold is set by conformal risk control on the scores that past severe failures had before they
happened. The promise is an expectation over releases like the past ones, exact without any belief in the model; a
single release with few severe failures scatters about it, and one unlike the past is not covered.

Sources: Angelopoulos, Bates, Fisch, Lei & Schuster, Conformal risk control (ICLR 2024); Vovk, Conditional validity of
inductive conformal predictors (ACML 2012) for the beta distribution of what one threshold lets through.
"""

import dataclasses
from decimal import ROUND_CEILING, Decimal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln

from promotion_gate.errors import InputError
from promotion_gate.learn.labels import mature, worst_levels
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.schema import LEVELS

SEVERE = LEVELS.index("high")
"""Level from which on a failure is severe: high and critical."""


def needed(escape_rate: float | Decimal) -> int:
    """How many past severe failures there must be before an escape rate can be promised: 1 / rate - 1, rounded up.

    Raises:
        InputError: the rate is not between 0 and 1, both excluded: 0 cannot be promised, 1 needs no gate.
    """
    return int((1 / _rate(escape_rate)).to_integral_value(ROUND_CEILING)) - 1


def blocked_from(scores_of_severe: ArrayLike, escape_rate: float | Decimal) -> float | None:
    """Return the largest score from which on to block, so that severe failures escape at no more than the given rate.

    With m past severe failures of which a share R scored below the threshold, the next one, exchangeable with them,
    escapes with a probability of at most m / (m + 1) R + 1 / (m + 1). The largest threshold that keeps this within the
    rate is one of the past scores, and never rises as the rate falls.

    Args:
        scores_of_severe: scores that the past severe failures had before they happened, 0 to 1, shape (m,).
        escape_rate: accepted share of severe failures below the threshold, between 0 and 1.

    Returns:
        The threshold, or None where m is below `needed`: then nothing can be promised, not even by blocking from the
        lowest past score on, and blocking everything is no gate.

    Raises:
        InputError: a score is out of range or no number, or the rate is not between 0 and 1, both excluded.
    """
    scores = np.sort(np.asarray(scores_of_severe, dtype=np.float64))
    if scores.ndim != 1 or not ((scores >= 0) & (scores <= 1)).all():
        raise InputError("scores of severe failures must be shares between 0 and 1, one a failure")
    below = _may_escape(len(scores), escape_rate)
    return None if below < 0 else float(scores[below])


@dataclasses.dataclass(frozen=True)
class Promise:
    """What was promised for one release, and what then happened; shares are 0 to 1.

    Attributes:
        project: name.
        release: name.
        escape_rate: the accepted share of severe failures that are not blocked.
        learnt_from: severe failures of earlier releases that were known at the release's date.
        threshold: score from which on modules are blocked; None where nothing could be promised, as all that follows.
        blocked: share of the release's modules that are blocked.
        severe: modules that then failed high or critically.
        escaped: those of them that are not blocked.
        kept: whether the escaped share is within the rate; None also where no module failed severely.
        chance: probability of as many escapes or more on exchangeable data: small where the past is no guide.
    """

    project: str
    release: str
    escape_rate: float
    learnt_from: int
    threshold: float | None
    blocked: float | None
    severe: int
    escaped: int | None
    kept: bool | None
    chance: float | None


def promises(
    scored: pd.DataFrame, tables: Tables, horizon: pd.Timedelta, escape_rate: float | Decimal
) -> list[Promise]:
    """Back-test the promise forward in time: each release gated by what its project's earlier ones had taught.

    Args:
        scored: project, release, module, fis: scores as of each release's own date, one row a module.
        tables: the whole tables; what is learnt at a release's date is cut to what was known by then.
        horizon: window in which a failure counts.
        escape_rate: accepted share of severe failures that are not blocked, between 0 and 1.

    Returns:
        One promise a release, oldest first.

    Raises:
        InputError: a score or the rate is out of range.
    """
    parts = _by_release(scored)
    releases = [release for release in tables.timeline() if release[:2] in parts]
    found = []
    for now in releases:
        learnt = scores_of_severe(scored, tables, now.project, now.released_at, horizon)
        rows = parts[now[:2]]
        severe = _of_severe(tables, now, rows, horizon)
        found.append(_promise(now, rows.fis.to_numpy(float), severe, learnt, escape_rate))
    return found


def scores_of_severe(
    scored: pd.DataFrame, tables: Tables, project: str, when: pd.Timestamp, horizon: pd.Timedelta
) -> NDArray[np.float64]:
    """Return the scores that severe failures had before they happened, as far as was known at a moment.

    Args:
        scored: project, release, module, fis: scores as of each release's own date, one row a module.
        tables: the whole tables; cut here to what was known at `when`.
        project: whose failures.
        when: releases whose window was not over by then teach nothing yet.
        horizon: window in which a failure counts.

    Returns:
        Scores of the modules that failed high or critically in the window of their release, shape (m,).
    """
    known, parts = tables.as_of(when), _by_release(scored[scored.project == project])
    past = [
        _of_severe(known, release, parts[release[:2]], horizon)
        for release in mature(known.timeline(), horizon, when)
        if release[:2] in parts
    ]
    return np.concatenate([np.empty(0), *past])


def _by_release(scored: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    return {(str(project), str(name)): rows for (project, name), rows in scored.groupby(["project", "release"])}


def _promise(
    release: Release,
    scores: NDArray[np.float64],
    severe: NDArray[np.float64],
    learnt: NDArray[np.float64],
    escape_rate: float | Decimal,
) -> Promise:
    threshold = blocked_from(learnt, escape_rate)
    none = Promise(
        project=release.project,
        release=release.release,
        escape_rate=float(escape_rate),
        learnt_from=len(learnt),
        threshold=threshold,
        blocked=None,
        severe=len(severe),
        escaped=None,
        kept=None,
        chance=None,
    )
    if threshold is None:
        return none
    escaped = int((severe < threshold).sum())
    return dataclasses.replace(
        none,
        blocked=float((scores >= threshold).mean()),
        escaped=escaped,
        kept=bool(escaped <= _rate(escape_rate) * len(severe)) if len(severe) else None,
        chance=chance_of(escaped, len(severe), len(learnt), escape_rate),
    )


def chance_of(escaped: int, severe: int, learnt_from: int, escape_rate: float | Decimal) -> float:
    """Probability of at least `escaped` escapes among `severe` failures that are exchangeable with those learnt from.

    The share below the k-th of m scores is Beta(k, m + 1 - k), so the count is beta-binomial; ties make it smaller.

    Raises:
        InputError: `learnt_from` is below `needed`, or the rate is not between 0 and 1, both excluded.
    """
    below = _may_escape(learnt_from, escape_rate)
    if below < 0:
        raise InputError(f"{learnt_from} severe failures are too few to promise an escape rate of {escape_rate}")
    a, b = below + 1, learnt_from - below
    counts = np.arange(escaped, severe + 1)
    combinations = -betaln(counts + 1, severe - counts + 1) - np.log(severe + 1)
    return float(min(1.0, np.exp(combinations + betaln(counts + a, severe - counts + b) - betaln(a, b)).sum()))


def _of_severe(known: Tables, release: Release, rows: pd.DataFrame, horizon: pd.Timedelta) -> NDArray[np.float64]:
    """Scores of the release's modules that failed severely as far as is known, shape (m,)."""
    return rows.fis.to_numpy(float)[worst_levels(known, release, rows.module, horizon) >= SEVERE]


def _may_escape(m: int, escape_rate: float | Decimal) -> int:
    """How many of m past severe failures may lie below the threshold; negative where nothing can be promised."""
    return int(_rate(escape_rate) * (m + 1)) - 1


def _rate(escape_rate: float | Decimal) -> Decimal:
    # In decimals: .29 * 100 is 28.999999999999996 in floats, and a failure that may escape would not.
    rate = Decimal(str(escape_rate))
    if not (rate.is_finite() and 0 < rate < 1):
        raise InputError(f"an escape rate lies between 0 and 1, both excluded, not {escape_rate}")
    return rate
