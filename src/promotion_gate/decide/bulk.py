"""Many verdicts at once, over columns: what `policy.decide` says of each row, without its sentences.

Thresholds are made by `threshold`, `base_for` and `lines_required`, once for each distinct (level, category, surcharge,
band) and each distinct number of lines; floats are compared with decimals exactly (`_compared`). The tests hold every
row against the one-at-a-time function. Reports of this form name neither lines nor versions: none is stale, and the
union of several suites is its safe bound, the largest of them.
"""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.decide.bulk_input import Reports, bad_row, numbers, reports_of, texts
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE
from promotion_gate.decide.threshold import base_for, lines_required, threshold
from promotion_gate.rules import Policy
from promotion_gate.schema import AGGREGATE

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STATUSES: tuple[str, ...] = (PROMOTE, INSUFFICIENT, BLOCKED)
CODES = (
    "unknown-module",
    "blocked-band",
    "coverage-short",
    "no-coverage",
    "suite-missing",
    "no-lines",
    "coverage-met",
)
"""Codes of verdicts and gaps, in the order in which a decision gives them."""

UNKNOWN = "unknown"
"""Band of a module that has no score, as `threshold` names it."""


@dataclasses.dataclass(frozen=True)
class _Limits:
    """The distinct thresholds of a set of requests: before whole lines, None where no coverage would do."""

    bands: tuple[str, ...]
    bases: Floats
    required: tuple[Fraction | None, ...]


@dataclasses.dataclass(frozen=True)
class _Evidence:
    """What the coverage of each row is worth: as `evidence.Evidence`, in columns; `total` is 0 where none counts."""

    covered: Ints
    total: Ints
    bare: Floats
    nothing: Flags
    missing: Ints
    empty: Ints


def verdicts(requests: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Return the verdict on every request.

    Args:
        requests: one row a module, the index its number in messages, with the columns
            level (text); category (text or empty), where given; fis (share; NaN: no score, which blocks);
            surcharge (share of 0 or more; NaN: none), where given; coverage (share; NaN: none), where given;
            covered_SUITE and total_SUITE (lines, in pairs; NaN: the suite did not report), where given. A suite is
            named as in a request: `aggregate`, `unit`, `unit@py311`. Further columns are not looked at.
        policy: thresholds.

    Returns:
        With the same index: status and band (categories); base_coverage, required_coverage and coverage (shares; NaN
        where the decision has None); lines_covered, lines_total, lines_required and additional_lines (float; NaN where
        lines are not known, the last two also where the module is blocked); reasons (category): the codes of the
        verdict and of the gaps in the order of the decision's, separated by spaces.

    Raises:
        InputError: a column is missing or of a wrong type, or a value is out of range; names column and first row.
    """
    fis, which, limits = _limits(requests, policy)
    levels = texts(requests, "level")
    evidence = _weigh(reports_of(requests), numbers(requests, "coverage", high=1.0), *_required(levels, policy))
    counted = evidence.total > 0
    known = np.array([one is not None for one in limits.required], dtype=bool)[which]
    lines = _lines(which, evidence.total, limits, known & counted)
    required, met = _met(which, limits, evidence, lines, known)
    share = np.where(counted, evidence.covered / np.where(counted, evidence.total, 1), evidence.bare + 0.0)
    gaps = evidence.nothing | (evidence.missing > 0) | (evidence.empty > 0)
    status = np.where(known, np.where(met & ~gaps, 0, 1), 2)
    columns = {
        "status": _categories(status, STATUSES),
        "band": _categories(which, limits.bands),
        "base_coverage": limits.bases[which],
        "required_coverage": required,
        "coverage": share,
        "lines_covered": np.where(counted, evidence.covered, np.nan),
        "lines_total": np.where(counted, evidence.total, np.nan),
        "lines_required": np.where(known & counted, lines, np.nan),
        "additional_lines": np.where(known & counted, np.maximum(lines - evidence.covered, 0), np.nan),
        "reasons": _reasons(np.isnan(fis), _categories(which, limits.bands), known, np.isnan(share), met, evidence),
    }
    return pd.DataFrame(columns, index=requests.index)


def _limits(requests: pd.DataFrame, policy: Policy) -> tuple[Floats, Ints, _Limits]:
    """The scores, the distinct thresholds, and for each row which of them it must reach."""
    level, category = texts(requests, "level"), texts(requests, "category", optional=True)
    fis = numbers(requests, "fis", high=1.0, optional=False)
    surcharge = np.nan_to_num(numbers(requests, "surcharge", high=None))
    for name in level.cat.categories:
        if name not in policy.base:
            at = requests.index[(level == name).to_numpy()][0]
            raise bad_row("level", at, f"level {name!r} is not in the policy; it knows {', '.join(policy.base)}")
    surcharges, extra = np.unique(surcharge, return_inverse=True)
    band = np.full(len(fis), -1)
    for number, one in enumerate(policy.bands):
        band[_compared(fis, Fraction(one.start)) >= 0] = number
    scored = ~np.isnan(fis)
    band[~scored] = len(policy.bands)
    parts = np.stack([level.cat.codes, category.cat.codes, band, extra]).astype(np.int64)
    sizes = (len(level.cat.categories), len(category.cat.categories) + 1, len(policy.bands) + 1, len(surcharges))
    parts[1] += 1  # -1 is no category
    distinct, which = np.unique(np.ravel_multi_index(tuple(parts), sizes), return_inverse=True)
    made = []
    for at_level, at_category, at_band, at_extra in zip(*np.unravel_index(distinct, sizes), strict=True):
        own = None if at_category == 0 else str(category.cat.categories[at_category - 1])
        base = base_for(str(level.cat.categories[at_level]), own, policy)
        start = None if at_band == len(policy.bands) else policy.bands[at_band].start
        limit = threshold(base, start, policy, Decimal(str(surcharges[at_extra])))
        made.append((limit.band, float(base.coverage), limit.required))
    bands, bases, required = zip(*made, strict=True) if made else ((), (), ())
    return fis, which, _Limits(bands, np.array(bases, dtype=np.float64), required)


def _compared(floats: Floats, exact: Fraction) -> Ints:
    """Sign of each float, read as the shortest decimal that names it, less an exact number; -1 for NaN.

    Rounding keeps order: a float that differs from the number's own float lies on the same side of the number itself.
    Only the number's own float must be compared exactly.
    """
    own = float(exact)
    decimal = Fraction(str(own))
    at_own = (decimal > exact) - (decimal < exact)
    return np.where(floats > own, 1, np.where(floats == own, at_own, -1))


def _required(levels: pd.Series, policy: Policy) -> tuple[Ints, tuple[tuple[str, ...], ...]]:
    """For each row the number of its level, and for each level the suites that it requires."""
    suites = tuple(policy.required_suites.get(str(name), ()) for name in levels.cat.categories)
    return np.asarray(levels.cat.codes, dtype=np.int64), suites


def _weigh(reports: Reports, bare: Floats, level: Ints, required: Sequence[tuple[str, ...]]) -> _Evidence:
    """As `evidence.weigh` does, for all rows."""
    rows = len(level)
    usable = {name: reported & (total > 0) for name, (reported, _, total) in reports.items()}
    any_report, empty = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=np.int64)
    for name, (reported, _, _) in reports.items():
        any_report |= reported
        empty += reported & ~usable[name]
    missing, trusted = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool)
    for number, suites in enumerate(required):
        at = level == number
        # Without reports every listing of a suite is said to be missing, with reports every suite once.
        missing[at & ~any_report] = len(suites)
        for suite in set(suites):
            missing += at & any_report & ~_reported(suite, {name: one[0] for name, one in reports.items()}, rows)
            trusted &= ~at | _reported(suite, usable, rows)
    aggregates = {name for name in reports if name.partition("@")[0] == AGGREGATE}
    has_aggregate = np.zeros(rows, dtype=bool)
    for name in aggregates:
        has_aggregate |= usable[name]
    by_aggregate = has_aggregate & trusted
    covered, total = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    for name, (_, of_suite, lines) in reports.items():
        counts = usable[name] & (by_aggregate == (name in aggregates))
        covered = np.maximum(covered, np.where(counts, of_suite, 0))
        total = np.maximum(total, np.where(counts, lines, 0))
    nothing = ~any_report & np.isnan(bare)
    return _Evidence(covered, total, bare, nothing, missing, empty)


def _reported(suite: str, reports: dict[str, Flags], rows: int) -> Flags:
    """Where a suite reported, in whichever environment where it names none."""
    found = np.zeros(rows, dtype=bool)
    for name, reported in reports.items():
        if suite in (name, name.partition("@")[0]):
            found |= reported
    return found


def _lines(which: Ints, total: Ints, limits: _Limits, wanted: Flags) -> Ints:
    """Lines that each row's threshold asks for, 0 where they are not wanted."""
    lines = np.zeros(len(which), dtype=np.int64)
    rows = np.flatnonzero(wanted)
    totals, at = np.unique(total[rows], return_inverse=True)
    pairs, inverse = np.unique(which[rows] * len(totals) + at, return_inverse=True)
    asked = np.zeros(len(pairs), dtype=np.int64)
    for number, pair in enumerate(pairs.tolist()):
        required = limits.required[pair // len(totals)]
        if required is not None:
            asked[number] = lines_required(required, int(totals[pair % len(totals)]))
    lines[rows] = asked[inverse]
    return lines


def _met(which: Ints, limits: _Limits, evidence: _Evidence, lines: Ints, known: Flags) -> tuple[Floats, Flags]:
    """The required share of each row in whole lines, NaN where blocked, and whether the coverage reaches it."""
    counted = evidence.total > 0
    shares = np.array([np.nan if one is None else float(one) for one in limits.required], dtype=np.float64)
    required = shares[which]
    exact = known & counted
    required[exact] = lines[exact] / evidence.total[exact]
    met = exact & (evidence.covered >= lines)
    bare = known & ~counted & ~np.isnan(evidence.bare)
    for number in np.unique(which[bare]):
        one = limits.required[number]
        if one is not None:
            met |= bare & (which == number) & (_compared(evidence.bare, one) >= 0)
    return required, met


def _categories(which: Ints, names: Sequence[str]) -> pd.Categorical:
    distinct = list(dict.fromkeys(names))
    codes = np.array([distinct.index(name) for name in names], dtype=np.int64)
    found: pd.Categorical = pd.Categorical.from_codes(codes[which], categories=pd.Index(distinct, dtype="str"))
    return found


def _reasons(
    unscored: Flags, band: pd.Categorical, known: Flags, no_share: Flags, met: Flags, evidence: _Evidence
) -> pd.Categorical:
    """The codes of `policy.decide`'s verdict, in its order."""
    named = np.array([name != UNKNOWN for name in band.categories], dtype=bool)[band.codes]
    blocked = ~known & named
    told = known & ~no_share
    parts = (unscored, blocked, told & ~met, evidence.nothing, evidence.missing, evidence.empty, told & met)
    stacked = np.stack([np.asarray(part, dtype=np.int64) for part in parts])
    sizes = tuple(int(part.max(initial=0)) + 1 for part in stacked)
    distinct, which = np.unique(np.ravel_multi_index(tuple(stacked), sizes), return_inverse=True)
    sentences = [
        " ".join(code for code, times in zip(CODES, counts, strict=True) for _ in range(int(times)))
        for counts in zip(*np.unravel_index(distinct, sizes), strict=True)
    ]
    return _categories(which, sentences)
