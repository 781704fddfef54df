"""When a window is due: windows lie on one grid of the wall clock, so that those of all agents coincide."""

from dataclasses import dataclass

LONGEST_GAP_S = 300
"""Seconds. What counted on meanwhile is told in one wider window up to this; beyond, it is a missing window."""


@dataclass(frozen=True)
class Span:
    """From `start` to `end`, whole seconds since 1970."""

    start: int
    end: int

    def since(self, at: int | None) -> "Span | None":
        """Return the span from the last look at `at` to this one's end; None where that look is of no use.

        It is of none where there was none, where it is more than `LONGEST_GAP_S` ago, or where it lies ahead, as after
        the clock was set back: then counting begins anew, and what lies between is not told.
        """
        if at is None or not 0 < self.end - at <= LONGEST_GAP_S:
            return None
        return Span(at, self.end)


def floor(now: float, width: int) -> int:
    """Return the last boundary of the grid, in seconds since 1970."""
    return int(now // width) * width


def due(now: float, last_end: int, width: int) -> Span | None:
    """Return the window to be told now, None where the last one told reaches up to now or beyond.

    Where boundaries were missed, as in a machine's sleep, it is the newest window alone: what counted on is told by
    collectors that widen it. Where the clock was set back a little, none is due until it has caught up.

    Args:
        now: seconds since 1970.
        last_end: of the window told last.
        width: of a window, seconds.
    """
    end = floor(now, width)
    return Span(end - width, end) if end > last_end else None


def is_behind(now: float, last_end: int) -> bool:
    """Tell whether the clock was set back so far that waiting for it would be worse than beginning anew."""
    return last_end - now > LONGEST_GAP_S
