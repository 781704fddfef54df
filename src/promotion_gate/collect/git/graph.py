"""Which commits lead to which: ancestors and the main line, over commits in topological order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promotion_gate.collect.git.history import Commit


@dataclass(frozen=True)
class Graph:
    """Commits, parents before children, with the place of each hash."""

    commits: Sequence[Commit]
    places: Mapping[str, int]

    @classmethod
    def of(cls, commits: Sequence[Commit]) -> "Graph":
        """Return the graph of commits that are in topological order, parents first."""
        return cls(commits, {commit.sha: place for place, commit in enumerate(commits)})

    def parents(self, place: int) -> Iterator[int]:
        """Yield the places of a commit's parents; those beyond a shallow clone's boundary are none."""
        return (self.places[sha] for sha in self.commits[place].parents if sha in self.places)

    def ancestors(self, tip: int) -> npt.NDArray[np.bool_]:
        """Return, for every commit, whether it is the tip or leads to it."""
        reached = np.zeros(len(self.commits), dtype=bool)
        reached[tip] = True
        for place in range(tip, -1, -1):
            if reached[place]:
                for parent in self.parents(place):
                    reached[parent] = True
        return reached

    def main_line(self, tip: int) -> Iterator[int]:
        """Yield the tip, its first parent, that one's first parent, and so on to the root."""
        place: int | None = tip
        while place is not None:
            yield place
            place = next(self.parents(place), None)
