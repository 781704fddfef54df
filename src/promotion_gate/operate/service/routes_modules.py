"""Modules: what is known of one, its failures; and releases of several."""

import contextlib

from promotion_gate.operate.fis import UnknownModuleError
from promotion_gate.operate.ledger import rollback_queries
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.ledger.projection import FAILURE_KEY
from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.service import limits, views
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.endpoint import Answer, Call, Endpoint
from promotion_gate.operate.service.routes_promotions import DEPLOY_S, check_request
from promotion_gate.operate.service.wire import (
    FailureAnswer,
    FailureReport,
    ModuleView,
    OfProject,
    PlaceOfRelease,
    Release,
    ReleaseAnswer,
)
from promotion_gate.schema import ModuleData


def show_module(call: Call) -> Answer:
    """Show what is known of a module."""
    calculator, name = call.service.models.live.calculator, call.path["module"]
    asked = OfProject.model_validate(call.query).project or call.caller.project
    project = calculator.project(asked)
    call.caller.within([project])
    module = ModuleData(project=project, module=name)
    score = None
    with contextlib.suppress(UnknownModuleError):
        score = calculator.score(module)
    with call.service.ledger.read() as queries:
        left, history = queries.module(project, name), queries.scores(project, name)
        promotions = queries.promotions(Filters(project=project, module=name))
        failures = [
            views.failure(row, rollback_queries.answer_of(queries, {key: row[key] for key in FAILURE_KEY}))
            for row in queries.failures(project, name)
        ]
    if score is None and not (promotions or history or failures):
        raise UnknownModuleError(calculator.unknown(module))
    shown = ("id", "version", "level", "state", "requested_at", "deployed_at")
    return Answer(
        ModuleView(
            project=project,
            module=name,
            known_to_model=score is not None,
            fis=score,
            load=call.service.loads.of(project, name),
            surcharge=float(left.surcharge),
            stable={level: {"promotion": one, "version": version} for level, (one, version) in left.stable.items()},
            versions=[{key: getattr(one, key) for key in shown} for one in promotions],
            history=[{key: row[key] for key in ("at", "version", "fis", "model_version")} for row in history],
            failures=failures,
        )
    )


def tell_failure(call: Call) -> Answer:
    """Keep a production failure and do about it what the policy says."""
    told = call.read(FailureReport)
    call.caller.within([told.project])
    failure = Failure(**told.model_dump(exclude={"level"}))
    receipt = call.service.management.failure(failure, call.actor(), told.level)
    return Answer(
        FailureAnswer(answer=receipt.answer, rollback=receipt.rollback, code=receipt.code, message=receipt.message)
    )


def release(call: Call) -> Answer:
    """Decide on modules that go together."""
    told = call.read(Release)
    for request in told.promotions:
        check_request(call, request)
    places = call.service.management.release(told.promotions, call.actor(), told.atomic)
    for place in places:
        call.service.metrics.decided(place.decision.status, place.decision.kind)
    shown = [
        PlaceOfRelease(
            step=place.step,
            promoted=place.promoted,
            held_by=[{"project": project, "module": module} for project, module in place.held_by],
            decision=place.decision,
        )
        for place in places
    ]
    return Answer(ReleaseAnswer(atomic=told.atomic, modules=shown), 201)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/modules/{module:path}",
        Scope.READ,
        show_module,
        (ModuleView,),
        "What is known of it",
        query=OfProject,
    ),
    Endpoint(
        "POST",
        "/v1/failures",
        Scope.INGEST,
        tell_failure,
        (FailureAnswer,),
        "A production failure; told again it is the same one",
        takes=(FailureReport,),
        fails=(409, 502),
        seconds=DEPLOY_S,
    ),
    Endpoint(
        "POST",
        "/v1/releases",
        Scope.REQUEST,
        release,
        (ReleaseAnswer,),
        "Ask for the promotion of modules that go together",
        takes=(Release,),
        status=201,
        fails=(409,),
        most=limits.BATCH_BODY,
    ),
)
