"""Edges between files, and why the other imports are none."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

EXTERNAL = "not of this repository, or left out"
AMBIGUOUS = "several files fit equally well"
WILDCARD = "all of a package"
UNUSED = "no name of it is used"


@dataclass
class Resolved:
    """(importer, imported) pairs of paths, and the imports without one, by reason."""

    edges: set[tuple[str, str]] = field(default_factory=set)
    unresolved: Counter[str] = field(default_factory=Counter)

    def add(self, path: str, target: str | None, reason: str = EXTERNAL) -> None:
        """Add what an import of `path` led to; None: to nothing, for the reason."""
        if target is None:
            self.unresolved[reason] += 1
        elif target != path:
            self.edges.add((path, target))


def nearest(path: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that shares most leading folders with a path, None where several share as many."""
    parts = path.split("/")[:-1]

    def shared(other: str) -> int:
        count = 0
        for one, two in zip(parts, other.split("/")[:-1], strict=False):
            if one != two:
                break
            count += 1
        return count

    ranked = sorted(((shared(other), other) for other in candidates), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]
