"""How severe a degradation is: by the share of requests that it spoils, and the module's criticality."""

from promotion_gate.rules import Monitor

GRADES = ("low", "medium", "high", "critical")
"""Every alarm is a failure: the mildest is low."""


def severity(more_errors: float, more_slow: float, criticality: float, rules: Monitor) -> str:
    """Return the level of a degradation; it never falls with any of the three.

    Args:
        more_errors: share of the requests that fail in addition, -1 to 1.
        more_slow: share of the requests that are slow in addition, -1 to 1; each counts `slow_weight` of a failed one.
        criticality: of the module, 0 to 1.
        rules: the table: of its rows the last one counts whose criticality the module reaches.
    """
    row = [row for row in rules.severity if float(row.criticality) <= criticality][-1]
    effect = max(more_errors, more_slow * float(rules.slow_weight))
    return GRADES[sum(effect >= float(start) for start in (row.medium, row.high, row.critical))]
