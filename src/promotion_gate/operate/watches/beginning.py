"""A promotion that is deployed -> its watch: with what it is compared, who witnesses beside it, and its past.

All of it follows from the ledger up to the event that deployed it, and from the gate. So a restarted service, and every
process of several, begins the same watch.
"""

import datetime as dt

from promotion_gate.errors import ModelError
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import rollback_queries
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.ledger.telemetry_queries import busiest
from promotion_gate.operate.management.orders import modules_of, reached
from promotion_gate.operate.monitoring import detector
from promotion_gate.operate.monitoring.state import State
from promotion_gate.operate.monitoring.window import Key, Watch
from promotion_gate.operate.watches.past import past
from promotion_gate.schema import ModuleData

CONTROLS = 20
"""Modules beside the watched one that are looked at: enough to see what all share, few enough to be looked at often."""

UNNAMED = "the new version"
"""Stands for the version of a promotion that names none; agents do not either then."""


def begin(queries: Queries, gate: Gate, promotion: Promotion) -> tuple[State, frozenset[Key]]:
    """Return the watch of a promotion with its past, and the modules whose windows it takes.

    Args:
        queries: of the transaction.
        gate: for what depends on the module, its criticality, and what is tolerated.
        promotion: deploying or watched; the times of its watch are set.

    Raises:
        ModelError, InputError: the gate has no rules.
    """
    rules = gate.rules.policy.monitor
    key = promotion.project, promotion.module
    promoted_at, until = _times(promotion)
    module = rollback_queries.request_of(queries, promotion.id).module
    controls = _controls(queries, gate, promotion, promoted_at)
    watch = Watch(
        project=promotion.project,
        module=promotion.module,
        version=promotion.version or UNNAMED,
        stable=_stable(queries, promotion),
        promoted_at=promoted_at,
        until=until,
        criticality=_criticality(gate, module),
    )
    windows = past(queries, key, controls, promoted_at, float(rules.baseline_hours), promotion.updated_sequence)
    return detector.update(detector.begin(watch, rules), windows), frozenset([key, *controls])


def _times(promotion: Promotion) -> tuple[dt.datetime, dt.datetime]:
    assert promotion.deployed_at is not None  # noqa: S101 - the caller's promise
    assert promotion.watch_until is not None  # noqa: S101
    return unstamp(promotion.deployed_at), unstamp(promotion.watch_until)


def _stable(queries: Queries, promotion: Promotion) -> str | None:
    _, version = queries.module(promotion.project, promotion.module).stable.get(promotion.level, (None, None))
    return None if version == promotion.version else version  # the same one again cannot be told from itself


def _criticality(gate: Gate, module: ModuleData) -> float:
    try:
        return gate.calculator.criticality(module)
    except ModelError:  # what fails must be seen all the same
        return module.criticality or 0.0


def _controls(queries: Queries, gate: Gate, promotion: Promotion, promoted_at: dt.datetime) -> list[Key]:
    """The busiest modules but those that are watched at the time, and those that depend on the watched one."""
    key = promotion.project, promotion.module
    levels = gate.rules.policy.base
    watched = [one for level in levels for one in rollback_queries.watched(queries, level, promoted_at)]
    apart = {key, *((one.project, one.module) for one in watched)}
    candidates = [one for one in busiest(queries, promotion.updated_sequence) if one not in apart]
    running = rollback_queries.stable_on(queries, promotion.project, promotion.level)
    told = modules_of(queries, [*running, *watched])
    found: list[Key] = []
    for candidate in candidates:
        if len(found) == CONTROLS:
            break
        if candidate[0] != promotion.project or key not in reached(gate, candidate, told):
            found.append(candidate)
    return found
