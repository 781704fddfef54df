"""A tracker's own words for how bad an issue is -> a severity."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from promotion_gate.collect.trackers.issue import WORST_FIRST, RowError


def of_priority(column: str, priority: str, severities: Mapping[str, str]) -> str:
    """Return what a priority means, case ignored. RowError where no one said."""
    known = {name.lower(): severity for name, severity in severities.items()}
    if priority.lower() not in known:
        raise RowError(column, priority, f"unknown, expected one of {', '.join(severities)}; see `severities`")
    return known[priority.lower()]


def of_labels(labels: Iterable[str], severities: Mapping[str, str], otherwise: str) -> str:
    """Return the worst severity that labels mean by patterns, case ignored."""
    names = [label.lower() for label in labels]
    found = {
        severity
        for pattern, severity in severities.items()
        if any(fnmatchcase(name, pattern.lower()) for name in names)
    }
    return next((severity for severity in WORST_FIRST if severity in found), otherwise)
