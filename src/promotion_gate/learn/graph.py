"""The dependency graph of one release: coupling of every module."""

from collections.abc import Sequence

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse


def adjacency(modules: Sequence[str], dependencies: pd.DataFrame) -> sparse.csr_array:
    """Edges module -> depends_on as a 0/1 matrix, shape (n, n), in the order of `modules`.

    Edges to or from what is no module of the release, and of a module to itself, are left out.
    """
    position = pd.Series(np.arange(len(modules)), index=list(modules))
    tails, heads = dependencies.module.map(position), dependencies.depends_on.map(position)
    inside = tails.notna() & heads.notna() & (tails != heads)
    pairs = pd.DataFrame({"tail": tails[inside], "head": heads[inside]}).drop_duplicates().astype(int)
    shape = (len(modules), len(modules))
    return sparse.csr_array((np.ones(len(pairs)), (pairs["tail"], pairs["head"])), shape=shape)


def transitive_dependents(edges: sparse.csr_array) -> npt.NDArray[np.float64]:
    """How many modules depend on each, directly or not, shape (n,); modules of one cycle depend on each other."""
    size = edges.shape[0]
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(zip(*(part.tolist() for part in edges.nonzero()), strict=True))
    condensed = nx.condensation(graph)
    reached: dict[int, int] = {}  # component -> its dependents and itself, a bit a module
    for component in nx.topological_sort(condensed):  # dependents come before what they depend on
        bits = sum(1 << member for member in condensed.nodes[component]["members"])
        for dependent in condensed.predecessors(component):
            bits |= reached[dependent]
        reached[component] = bits
    counts = np.zeros(size)
    for component, bits in reached.items():
        counts[list(condensed.nodes[component]["members"])] = bits.bit_count() - 1
    return counts


def coupling(edges: sparse.csr_array) -> dict[str, npt.NDArray[np.float64]]:
    """Fan-in, fan-out and transitive dependents of every module, each of shape (n,)."""
    return {
        "fan_in": np.asarray(edges.sum(axis=0), dtype=float),
        "fan_out": np.asarray(edges.sum(axis=1), dtype=float),
        "transitive_dependents": transitive_dependents(edges),
    }
