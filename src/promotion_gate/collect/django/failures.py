"""Matches -> the failure log: severity, when it occurred and when it was known, one row a defect and module."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from promotion_gate.collect.django import archives
from promotion_gate.collect.django.matching import Match
from promotion_gate.collect.django.notes import Item, severity
from promotion_gate.collect.tables import utc
from promotion_gate.schema import LEVELS

COLUMNS = (
    "failure_id", "project", "module", "severity", "occurred_at", "resolved_at", "occurred_after", "item", "item_kind",
    "fixed_in", "also_fixed_in", "match_score", "changed_symbols",
)  # fmt: skip
DAY = 86_400
SYMBOLS_SHOWN = 4

Released = Mapping[str, tuple[float, float | None]]
Row = dict[str, object]


@dataclass(frozen=True)
class Interval:
    """A failure occurred after `after` and was resolved at `resolved`, both in seconds since 1970."""

    after: float
    resolved: float

    @property
    def middle(self) -> float:
        """The best guess of when it occurred, knowing no more than the interval."""
        return (self.after + self.resolved) / 2


def interval(version: str, released: Released) -> Interval:
    """Return when a failure that `version` resolved must have occurred. ValueError for an x.y.0: it resolves none."""
    resolved, after = released[version]
    if after is None:
        raise ValueError(f"{version} is the first of its series: what it fixed was no failure of the series")
    return Interval(after, resolved)


def earliest(matches: Iterable[Match], released: Released) -> list[Match]:
    """Return matches by the time of their fix; of those of one day, the one whose interval is narrowest first.

    A security fix goes into all series on one day: the series with the latest release before it tells best since when.
    """

    def order(match: Match) -> tuple[int, float, tuple[int, ...]]:
        when = interval(match.change.version, released)
        return int(when.resolved // DAY), -when.after, archives.number(match.change.version)

    return sorted(matches, key=order)


def symbols(match: Match) -> str:
    """Return the first changed symbols of a match, and how many more there were."""
    names = match.change.symbols
    more = len(names) - SYMBOLS_SHOWN
    return " ".join(names[:SYMBOLS_SHOWN]) + (f" +{more}" if more > 0 else "")


def severities(items: Iterable[Item]) -> dict[str, str]:
    """Return {defect: severity}, the worst grade of the items that note it.

    They grade one defect, but not all can: notes of several CVEs with several ratings leave open which is which, those
    of a series that got only one of the fixes do not.
    """
    worst: dict[str, str] = {}
    for item in items:
        worst[item.key] = max(worst.get(item.key, LEVELS[0]), severity(item), key=LEVELS.index)
    return worst


def row(match: Match, others: Iterable[Match], released: Released) -> Row:
    """Return one row of the table `failures`, not graded; `others` are the same defect and module in other releases."""
    version, module = match.change.version, match.change.module
    when = interval(version, released)
    also = sorted({other.change.version for other in others} - {version}, key=archives.number)
    return {
        "failure_id": f"{match.item.id}:{module}",
        "project": "django",
        "module": module,
        "occurred_at": utc(when.middle),
        "resolved_at": utc(when.resolved),
        "occurred_after": utc(when.after),
        "item": match.item.id,
        "item_kind": match.item.kind,
        "fixed_in": version,
        "also_fixed_in": " ".join(also),
        "match_score": f"{match.score:.3f}",
        "changed_symbols": symbols(match),
    }


def log(matches: Iterable[Match], released: Released) -> list[Row]:
    """Return the failure log: one row for each (defect, module), from the earliest release that fixed it."""
    matches = list(matches)
    grade = severities(match.item for match in matches)
    same: dict[tuple[str, str], list[Match]] = defaultdict(list)
    for match in matches:
        same[match.item.key, match.change.module].append(match)
    rows = []
    for (defect, _), group in same.items():
        first, *others = earliest(group, released)
        rows.append(row(first, others, released) | {"severity": grade[defect]})
    return rows
