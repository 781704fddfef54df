import pandas as pd
import pytest

from promotion_gate.learn.labels import mature, worst_levels
from promotion_gate.learn.tables import Release, Tables
from tests.factories import tiny_tables

AT = pd.Timestamp("2020-01-01", tz="UTC")
RELEASE = Release("tiny", "1.0", AT)
HORIZON = pd.Timedelta(days=100)


def with_failures(*rows: tuple[str, str, int]) -> Tables:
    """Failures of (module, severity, days after the release)."""
    times = [AT + pd.Timedelta(days=days) for _, _, days in rows]
    failures = pd.DataFrame(
        {
            "failure_id": [str(n) for n in range(len(rows))],
            "project": "tiny",
            "module": [module for module, _, _ in rows],
            "severity": [severity for _, severity, _ in rows],
            "occurred_at": times,
            "resolved_at": times,
        }
    )
    return Tables(**{**tiny_tables(), "failures": failures})


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([("a", "low", 1), ("a", "high", 2), ("b", "medium", 3)], [3, 2, 0]),
        ([("a", "critical", 0)], [0, 0, 0]),  # the window is open at the release ...
        ([("a", "critical", 100)], [4, 0, 0]),  # ... and closed at its end
        ([("a", "critical", 101)], [0, 0, 0]),
        ([("a", "critical", -5)], [0, 0, 0]),
    ],
)
def test_the_worst_failure_within_the_window_counts(failures: list[tuple[str, str, int]], expected: list[int]) -> None:
    modules = pd.Series(["a", "b", "c"])
    assert worst_levels(with_failures(*failures), RELEASE, modules, HORIZON).tolist() == expected


def test_a_release_is_mature_once_its_window_is_over() -> None:
    assert mature([RELEASE], HORIZON, AT + HORIZON) == [RELEASE]
    assert mature([RELEASE], HORIZON, AT + HORIZON - pd.Timedelta(seconds=1)) == []
