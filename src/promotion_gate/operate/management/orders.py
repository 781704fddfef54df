"""From the ledger's promotions to what attribution and rollback work with: suspects, dependencies, orders."""

from collections.abc import Iterable

from promotion_gate.errors import InputError, ModelError
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger import rollback_queries
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.deployments import restored_by
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.ledger.queries import Promotion, Queries
from promotion_gate.operate.rollback import attribution
from promotion_gate.operate.rollback.attribution import Key
from promotion_gate.operate.rollback.ports import Order, members, order
from promotion_gate.schema import ModuleData

Graph = dict[Key, list[Key]]


def seen(failure: Failure) -> attribution.Failure:
    """Return a failure as attribution knows it; its id names the source too, for two sources may use the same."""
    return attribution.Failure(
        failure_id=f"{failure.source}:{failure.failure_id}",
        module=(failure.project, failure.module),
        version=failure.version,
        occurred_at=failure.occurred_at,
        severity=failure.severity,
    )


def suspect(promotion: Promotion) -> attribution.Promotion:
    """Return a promotion that was deployed, or is being deployed, as attribution knows it."""
    since = unstamp(promotion.deployed_at or promotion.updated_at)
    return attribution.Promotion(
        promotion_id=promotion.id,
        module=(promotion.project, promotion.module),
        level=promotion.level,
        version=promotion.version or "",
        promoted_at=since,
        watch_until=since if promotion.watch_until is None else unstamp(promotion.watch_until),
        state=promotion.state.value,
        fis=promotion.fis,
    )


def needs(gate: Gate, module: ModuleData) -> list[Key]:
    """Return what a module depends on; without a model to ask, what it says itself."""
    try:
        return [(module.project, name) for name in gate.dependencies(module)]
    except ModelError:  # a failure must be answered all the same
        return []


def reached(gate: Gate, start: Key, told: dict[Key, ModuleData]) -> Graph:
    """Return the dependencies of a module and of all that it depends on.

    Args:
        gate: what the data set knows.
        start: the module.
        told: modules as their promotions told of them, which goes before the data set.
    """
    graph: Graph = {}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        if key not in graph:
            project, module = key
            graph[key] = needs(gate, told.get(key) or ModuleData(project=project, module=module))
            waiting += graph[key]
    return graph


def modules_of(queries: Queries, promotions: Iterable[Promotion]) -> dict[Key, ModuleData]:
    """Return the modules of promotions as their requests told of them; of two the later one's."""
    return {(one.project, one.module): rollback_queries.request_of(queries, one.id).module for one in promotions}


def order_for(
    queries: Queries,
    gate: Gate,
    failed: Promotion,
    failure: Failure | None,
    reason: str = "",
    charged: bool = True,
) -> Order:
    """Return the order to roll back a promotion, and with it those of its batch that run and depend on it.

    Args:
        queries: of the transaction that opens it.
        gate: for the dependencies.
        failed: the promotion; it has been deployed.
        failure: see `rollback.ports.order`, as are the others.
        reason: see there.
        charged: see there.

    Raises:
        InputError: none but a failure tells why.
    """
    if failure is None and not reason.strip():
        raise InputError("a reason is needed to roll back")
    batch = [
        one
        for one in rollback_queries.batch_of(queries, failed.id)
        if one.id != failed.id and rollback_queries.is_what_runs(queries, one)
    ]
    told = modules_of(queries, batch)
    graph = {key: needs(gate, module) for key, module in told.items()}
    targets = {one.id: restored_by(queries, one)[1] for one in (failed, *batch)}
    restored = members(suspect(failed), [suspect(one) for one in batch], graph, lambda one: targets[one.promotion_id])
    surcharge = queries.module(failed.project, failed.module).surcharge
    return order(suspect(failed), None if failure is None else seen(failure), restored, surcharge, reason, charged)
