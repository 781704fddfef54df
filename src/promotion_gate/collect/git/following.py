"""The files as they stood at each of several commits, from as few walks through the history as can be.

A release goes on from the latest other release that leads to it; only where several go on from one is its state copied.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from promotion_gate.collect.git.graph import Graph
from promotion_gate.collect.git.history import Commit
from promotion_gate.collect.git.lineage import Birth, Lineage

Touched = dict[int, dict[str, Birth]]
"""By the place of a commit, the file behind each path that it changed."""


def followed(
    graph: Graph, places: Iterable[int], counts: Callable[[Commit], bool], touched: Touched
) -> Iterator[tuple[int, Lineage]]:
    """Yield each place with the files as its commit left them, parents first; use one before asking for the next.

    Args:
        graph: of all commits.
        places: of the commits that are asked for.
        counts: whether a commit's changes are remembered.
        touched: is filled.
    """
    order = sorted(set(places))
    reached = {place: graph.ancestors(place) for place in order}
    bases = {place: max((one for one in order if one < place and reached[place][one]), default=None) for place in order}
    uses = Counter(bases.values())
    kept: dict[int | None, Lineage] = {None: Lineage()}
    for place in order:
        base = bases[place]
        uses[base] -= 1
        lineage = kept[base].copy() if base is None or uses[base] else kept.pop(base)
        new = reached[place] if base is None else reached[place] & ~reached[base]
        for at in np.flatnonzero(new).tolist():
            commit = graph.commits[at]
            touched.setdefault(at, lineage.follow(at, commit, counts(commit)))
        if uses[place]:
            kept[place] = lineage
        yield place, lineage
