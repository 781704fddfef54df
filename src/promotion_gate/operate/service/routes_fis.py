"""Scores: of one module, of many; and the load and telemetry that move them."""

import datetime as dt
import json
import uuid

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.module_events import Telemetry, Window
from promotion_gate.operate.ledger.records import record_telemetry
from promotion_gate.operate.service import limits, problems
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.endpoint import Answer, Call, Endpoint
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.wire import Load, Modules, Recorded, Results, TelemetryBatch
from promotion_gate.schema import FISResult, ModuleData

LOAD_SOURCE = "load"
AHEAD = dt.timedelta(minutes=1)
"""So far may an agent's clock be ahead. A load from the future would be the newest one for as long."""

MOMENT = dt.timedelta(seconds=1)
"""A load is told of a moment; telemetry knows windows."""


def _is_batch(call: Call) -> bool:
    return isinstance(call.body, dict) and "modules" in call.body


def swift_fis(call: Call) -> Answer | None:
    """Answer what the model knows, from memory; None where that takes the model, or is of many."""
    if _is_batch(call):
        return None
    module = call.read(ModuleData)
    call.caller.within([module.project])
    calculator = call.service.models.live.calculator
    return Answer(calculator.as_json(module)) if calculator.is_ready(module) else None


def fis(call: Call) -> Answer:
    """Score one module or many."""
    if not _is_batch(call):
        if len(call.raw) > limits.BODY:
            said = f"one module's body has {len(call.raw):,} bytes"
            raise Problem(413, "too-large", said, expected=f"{limits.BODY:,} bytes at most")
        module = call.read(ModuleData)
        call.caller.within([module.project])
        return Answer(call.service.models.live.calculator.as_json(module))
    modules = call.read(Modules).modules
    call.caller.within(module.project for module in modules)
    calculator = call.service.models.live.calculator  # one model answers all of them
    found = zip(modules, calculator.as_jsons(modules), strict=True)
    # One that cannot be scored takes none of the others with it.
    return Answer(b'{"results":[' + b",".join(_told(module, one) for module, one in found) + b"]}")


def _told(module: ModuleData, found: bytes | InputError) -> bytes:
    if isinstance(found, bytes):
        return found
    wrong = problems.of(found).document("/v1/fis", "")
    return json.dumps({"project": module.project, "module": module.module, "problem": wrong}).encode()


def load(call: Call) -> Answer:
    """Keep how loaded a module is now."""
    told = call.read(Load)
    call.caller.within([told.project])
    end = told.at or call.service.clock.now()
    window = Window(project=told.project, module=told.module, window_start=end - MOMENT, window_end=end, load=told.load)
    return _record(call, Telemetry(source=LOAD_SOURCE, batch_id=str(uuid.uuid4()), windows=(window,)))


def telemetry(call: Call) -> Answer:
    """Keep what an agent saw."""
    told = call.read(TelemetryBatch)
    call.caller.within(window.project for window in told.windows)
    return _record(call, Telemetry(source=told.source, batch_id=told.batch_id, windows=told.windows))


def _record(call: Call, batch: Telemetry) -> Answer:
    service = call.service
    latest = service.clock.now() + AHEAD
    for window in batch.windows:
        if window.window_end > latest:
            said = f"a window of {window.module} ends at {window.window_end.isoformat()}, which is to come"
            raise Problem(
                422, "from-the-future", said, where="window_end", expected="what was seen; set the agent's clock"
            )
    with service.ledger.write(call.actor(), service.clock.now()) as writer:
        is_new = record_telemetry(writer, batch)
    with service.ledger.read() as queries:
        service.loads.refresh(queries)
    service.telemetry_came()
    return Answer(Recorded(recorded=is_new))


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/fis",
        Scope.READ,
        fis,
        (FISResult, Results),
        "The Failure Impact Score of one module, or of many",
        takes=(ModuleData, Modules),
        fails=(404,),
        swift=swift_fis,
        most=limits.BATCH_BODY,
    ),
    Endpoint("POST", "/v1/load", Scope.INGEST, load, (Recorded,), "How loaded a module is now", takes=(Load,)),
    Endpoint(
        "POST",
        "/v1/telemetry",
        Scope.INGEST,
        telemetry,
        (Recorded,),
        "A batch of what an agent saw; idempotent by source and batch id",
        takes=(TelemetryBatch,),
        fails=(409,),
        most=limits.BATCH_BODY,
    ),
)
