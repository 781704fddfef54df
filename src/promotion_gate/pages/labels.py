"""Names beside what they name in a drawing: each where it meets no other name, no mark and no line."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

Box = tuple[float, float, float, float]
"""Left, bottom, width, height, in units from the corner of the axes."""

LETTER, HEIGHT = 6.9, 15.0
"""About how wide a letter and how high a line of text is, in units."""
MARK = 12.0
GAP = 8.0
ON_A_MARK = 5
"""How much worse it is to cover a mark or a name than a line."""


class Labels:
    """The places of names in one pair of axes, whose limits and size must not change any more."""

    def __init__(self, axes: Axes) -> None:
        figure = axes.get_figure(root=True)
        if figure is None:
            raise ValueError("these axes are in no figure")
        figure.draw_without_rendering()
        self._axes, self._scale = axes, 72 / figure.dpi
        box = axes.get_window_extent()
        self._size = box.width * self._scale, box.height * self._scale
        self._taken: list[tuple[str, Box]] = []

    def keep_clear(self, x: Sequence[float], y: Sequence[float], size: float = MARK) -> None:
        """Keep names off marks at the given points of the data."""
        self._taken += [("", (px - size / 2, py - size / 2, size, size)) for px, py in self._places(x, y)]

    def keep_clear_of_line(self, owner: str, x: Sequence[float], y: Sequence[float]) -> None:
        """Keep names off a line through the given points, but for its owner's."""
        places = self._places(x, y)
        steps = np.arange(0, len(places) - 1 + 1e-9, 0.25)
        dense = [np.interp(steps, np.arange(len(places)), places[:, axis]) for axis in (0, 1)]
        self._taken += [(owner, (px - 2, py - 2, 4.0, 4.0)) for px, py in zip(*dense, strict=True)]

    def name_line(self, owner: str, x: Sequence[float], y: Sequence[float], **style: Any) -> None:
        """Write the name of a line on it, where it meets the least else and is nearest to the middle."""
        length, places = LETTER * len(owner), self._places(x, y)
        found = [(px - length / 2, py - HEIGHT / 2) for px, py in places]
        effort = [abs(place - len(found) / 2) for place in range(len(found))]
        self._write(owner, length, found, effort, style)

    def name_mark(self, said: str, x: float, y: float, **style: Any) -> None:
        """Write a name beside a mark, on the side where there is most room."""
        length = LETTER * len(said)
        (px, py), *_ = self._places([x], [y])
        found = list(_beside(px, py, length))
        self._write(said, length, found, list(range(len(found))), style)

    def _write(
        self, said: str, length: float, corners: Sequence[tuple[float, float]], effort: Sequence[float], style: Any
    ) -> None:
        """Write at the corner of the least cost; the less effort, the better among equals."""
        costs = [
            self._cost(said, (*corner, length, HEIGHT)) + 0.1 * e for corner, e in zip(corners, effort, strict=True)
        ]
        left, bottom = corners[costs.index(min(costs))]
        self._taken.append(("", (left, bottom, length, HEIGHT)))
        at = (left + length / 2) / self._size[0], (bottom + 3.5) / self._size[1]
        self._axes.text(*at, said, transform=self._axes.transAxes, in_layout=False, ha="center", **style)

    def _places(self, x: Sequence[float], y: Sequence[float]) -> Any:
        """Points of the data in units from the corner of the axes, shape (n, 2)."""
        if not len(x):
            return np.empty((0, 2))
        corner = self._axes.get_window_extent().p0
        return (self._axes.transData.transform(np.column_stack([x, y])) - corner) * self._scale

    def _cost(self, owner: str, box: Box) -> float:
        left, bottom, width, height = box
        over = sum(
            (1 if other else ON_A_MARK)
            * max(0.0, min(left + width, u + w) - max(left, u))
            * max(0.0, min(bottom + height, v + h) - max(bottom, v))
            for other, (u, v, w, h) in self._taken
            if not other or other != owner
        )
        outside = max(0.0, -left) + max(0.0, left + width - self._size[0])
        outside += max(0.0, -bottom) + max(0.0, bottom + height - self._size[1])
        return over + 50 * outside


def _beside(x: float, y: float, length: float) -> Iterator[tuple[float, float]]:
    """Lower left corners of a name beside a point, the best first."""
    yield x + GAP, y - HEIGHT / 2
    yield x - GAP - length, y - HEIGHT / 2
    yield x - length / 2, y + GAP
    yield x - length / 2, y - GAP - HEIGHT
    for away in (GAP / 2, GAP / 2 + HEIGHT):
        yield x + GAP / 2, y + away
        yield x - GAP / 2 - length, y + away
        yield x + GAP / 2, y - away - HEIGHT
        yield x - GAP / 2 - length, y - away - HEIGHT
