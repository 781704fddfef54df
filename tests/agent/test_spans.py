"""The grid of windows: shared by all agents, never told twice, through jumps of the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.agent.spans import LONGEST_GAP_S, Span, due, is_behind


@pytest.mark.parametrize(
    ("now", "last_end", "expected"),
    [
        (99.9, 90, None),
        (100.0, 90, Span(90, 100)),
        (104.2, 90, Span(90, 100)),
        (104.2, 100, None),
        (151.0, 100, Span(140, 150)),  # the machine slept
        (95.0, 100, None),  # the clock was set back a little
    ],
)
def test_which_window_is_due(now, last_end, expected):
    assert due(now, last_end, 10) == expected


@given(st.lists(st.floats(0, 1e6), max_size=30), st.integers(1, 300))
def test_windows_lie_on_the_grid_and_never_overlap(times, width):
    last_end = 0
    for now in times:
        span = due(now, last_end, width)
        if span is not None:
            assert last_end <= span.start
            assert span.end <= now
            assert (span.start % width, span.end - span.start) == (0, width)
            last_end = span.end


@pytest.mark.parametrize(
    ("at", "expected"),
    [(None, None), (90, Span(90, 100)), (70, Span(70, 100)), (100, None), (110, None), (100 - LONGEST_GAP_S - 1, None)],
)
def test_a_collector_that_missed_windows_tells_a_wider_one_up_to_a_bound(at, expected):
    assert Span(90, 100).since(at) == expected


def test_a_clock_far_behind_is_not_waited_for():
    assert not is_behind(1000, 1000 + LONGEST_GAP_S)
    assert is_behind(1000, 1001 + LONGEST_GAP_S)
