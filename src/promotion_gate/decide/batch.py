"""Modules that are promoted together: in which order, and which are held because what they depend on is held.

A module is no safer than what it is shipped with: if a module of the batch is not promoted, neither is what depends on
it in the batch, directly or not. Modules that depend on one another in a circle go together or not at all. Dependencies
outside the batch are taken to be in place.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from promotion_gate.errors import InputError
from promotion_gate.schema import Decision

Key = tuple[str, str]
"""Project and module."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A module's place in a batch.

    Attributes:
        decision: its own verdict.
        step: from 0: modules of a step come after those of the steps before; those of a circle share one.
        promoted: whether it goes: its own verdict is Promote, and nothing holds it.
        held_by: modules of the batch that hold it though its own verdict is Promote, sorted; with `atomic` all that
            are not to be promoted by themselves.
    """

    decision: Decision
    step: int
    promoted: bool
    held_by: tuple[Key, ...]


def plan(
    decisions: Sequence[Decision], dependencies: Mapping[Key, Sequence[Key]], *, atomic: bool = False
) -> list[Place]:
    """Return the modules of a batch in the order in which they are to be promoted: dependencies first.

    Args:
        decisions: one a module, each with project and module.
        dependencies: what each module depends on; names outside the batch are ignored, as is a module's own.
        atomic: all go or none does.

    Raises:
        InputError: a decision names no module, or a module is there twice.
    """
    own = _by_module(decisions)
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(sorted(own))
    # Edges run from what is needed to what needs it, so that an order of the graph is one of promotion.
    graph.add_edges_from(
        (need, key) for key in own for need in dependencies.get(key, ()) if need in own and need != key
    )
    refused = {key for key, decision in own.items() if decision.status != "Promote"}
    circles = nx.condensation(graph)
    order = nx.lexicographical_topological_sort(circles, key=lambda node: min(circles.nodes[node]["members"]))
    places, held = [], dict[Any, set[Key]]()
    for step, node in enumerate(order):
        members = circles.nodes[node]["members"]
        held[node] = refused & members
        held[node] = held[node].union(*(held[earlier] for earlier in circles.predecessors(node)))
        holding = refused if atomic else held[node]
        places += [
            Place(own[key], step, promoted=not holding, held_by=() if key in refused else tuple(sorted(holding)))
            for key in sorted(members)
        ]
    return places


def _by_module(decisions: Sequence[Decision]) -> dict[Key, Decision]:
    found: dict[Key, Decision] = {}
    for decision in decisions:
        if decision.project is None or decision.module is None:
            raise InputError("a batch is of modules: a what-if has none")
        key = (decision.project, decision.module)
        if key in found:
            raise InputError(f"{decision.project} {decision.module} is in the batch twice")
        found[key] = decision
    return found
