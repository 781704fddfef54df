"""Promotions: asked for, listed, reviewed, overridden, deployed, confirmed, rolled back."""

import datetime as dt
import re

from sqlalchemy import select

from promotion_gate.decide.case import Overruling
from promotion_gate.decide.digest import digest
from promotion_gate.decide.overrule import OpenFailure, Warrant
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import unstamp
from promotion_gate.operate.ledger.errors import IllegalTransition
from promotion_gate.operate.ledger.queries import Filters, Promotion
from promotion_gate.operate.ledger.states import State
from promotion_gate.operate.management.intake import Idempotency
from promotion_gate.operate.service import certificates, views
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.endpoint import Answer, Call, Endpoint
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.wire import (
    Listing,
    Override,
    Page,
    PromotionDetail,
    PromotionState,
    Review,
    WithReason,
)
from promotion_gate.schema import Decision, PromotionRequest

DEPLOY_S = 900.0
"""Seconds for what a deployer does."""

IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,200}")

MAY_DEPLOY = frozenset({State.PROMOTE, State.APPROVED, State.OVERRIDDEN})


def check_request(call: Call, request: PromotionRequest) -> None:
    """Refuse what may not be asked.

    Raises:
        Problem: 403 another project's module, or a score that somebody brings along who may not.
        LookAlike: a name that a reviewer would take for another one.
    """
    call.caller.within([request.module.project, *([] if request.fis is None else [request.fis.project])])
    call.service.models.check_name(request.module)
    if request.fis is not None and not call.caller.may(Scope.OPERATE):
        said = "a score that comes with the request decides instead of the model"
        raise Problem(403, "score-brought", said, where="fis", expected="no `fis`, or the scope operate")


def request_promotion(call: Call) -> Answer:
    """Decide, keep it, then answer."""
    request = call.read(PromotionRequest)
    check_request(call, request)
    idempotency = None
    key = call.headers.get("idempotency-key")
    actor = call.actor()
    if key is not None:
        if not IDEMPOTENCY_KEY.fullmatch(key):
            said, expected = "the Idempotency-Key is none", "1 to 200 visible characters of ASCII"
            raise Problem(422, "invalid", said, where="Idempotency-Key", expected=expected)
        idempotency = Idempotency(actor, key, digest(call.body))
    promotion, decision = call.service.management.request(request, actor, idempotency=idempotency)
    call.service.metrics.decided(decision.status, decision.kind)
    return Answer(decision, 201, {"Location": f"/v1/promotions/{promotion.id}"})


def list_promotions(call: Call) -> Answer:
    """List, the latest first."""
    asked = Listing.model_validate({**call.query, **_whole(call.query)})
    if asked.project is not None:
        call.caller.within([asked.project])
    project = asked.project or call.caller.project
    filters = Filters(project, asked.module, asked.level, asked.state)
    before = None if asked.cursor is None else int(asked.cursor)
    with call.service.ledger.read() as queries:
        found = queries.promotions(filters, before=before, limit=asked.limit + 1)
    shown, more = found[: asked.limit], len(found) > asked.limit
    return Answer(Page(promotions=[views.state(one) for one in shown], next=str(shown[-1].sequence) if more else None))


def _whole(query: object) -> dict[str, int]:
    """The numbers of a query, which is all text: the model is strict."""
    limit = query.get("limit", "") if isinstance(query, dict) else ""
    return {"limit": int(limit)} if limit.isascii() and limit.isdigit() and len(limit) < 10 else {}


def show_promotion(call: Call) -> Answer:
    """Show one."""
    promotion = views.found(call)
    with call.service.ledger.read() as queries:
        decision, reviewers = queries.decision(promotion.id), list(queries.reviewers(promotion.id))
    return Answer(PromotionDetail(**views.state(promotion).model_dump(), decision=decision, reviewers=reviewers))


def show_certificate(call: Call) -> Answer:
    """Give the certificate of its decision."""
    promotion = views.found(call)
    with call.service.ledger.read() as queries:
        return Answer(certificates.certificate(queries, promotion.id, call.service.models.gate()))


def review(call: Call) -> Answer:
    """Keep a reviewer's word."""
    promotion, told = views.found(call), call.read(Review)
    return _state(call.service.management.review(promotion.id, told.verdict, told.reason, call.actor(told.by)))


def override(call: Call) -> Answer:
    """Promote against the verdict."""
    promotion, told = views.found(call), call.read(Override)
    actor, now = call.actor(told.by), call.service.clock.now()
    warrant = Warrant(actor, told.reason, now, told.until.astimezone(dt.UTC))
    overruling = Overruling("override", warrant)
    if told.failure_id is not None:
        overruling = Overruling("hotfix", warrant, _open_failure(call, promotion, told))
    return _state(call.service.management.override(promotion.id, overruling, actor))


def withdraw(call: Call) -> Answer:
    """End what is not wanted any more."""
    promotion, told = views.found(call), call.read(WithReason)
    return _state(call.service.management.withdraw(promotion.id, told.reason, call.actor(told.by)))


def deploy(call: Call) -> Answer:
    """Deploy by the deployer of the place."""
    return _state(call.service.management.deploy(views.found(call).id, call.actor()))


def deployed(call: Call) -> Answer:
    """Keep that the pipeline has deployed; where no deployer serves the place that is the first that is heard of it."""
    promotion, actor, management = views.found(call), call.actor(), call.service.management
    by_hand = (promotion.project, promotion.level) not in call.service.deployers
    if by_hand and promotion.state in MAY_DEPLOY:
        management.deploy(promotion.id, actor)
    return _state(management.deployed(promotion.id, actor))


def confirm(call: Call) -> Answer:
    """Call stable what is watched."""
    return _state(call.service.management.confirm(views.found(call).id, call.actor()))


def rollback(call: Call) -> Answer:
    """Restore what ran before; never gated."""
    promotion, told = views.found(call), call.read(WithReason)
    return _state(call.service.management.roll_back(promotion.id, told.reason, call.actor(told.by)))


def restored(call: Call) -> Answer:
    """Keep that a person has put right a rollback that failed."""
    promotion, told = views.found(call), call.read(WithReason)
    return _state(call.service.management.restored_by_hand(promotion.id, told.reason, call.actor(told.by)))


def _state(promotion: Promotion) -> Answer:
    return Answer(views.state(promotion))


def _open_failure(call: Call, promotion: Promotion, told: Override) -> OpenFailure:
    """Return the failure that a hotfix is for, as the ledger knows it. Problem 422 where it knows none."""
    table = tables.failures
    query = select(table).filter_by(project=promotion.project, module=promotion.module, failure_id=told.failure_id)
    if told.source is not None:
        query = query.filter_by(source=told.source)
    with call.service.ledger.read() as queries:
        rows = list(queries.connection.execute(query).mappings())
    if len(rows) != 1:
        said = f"failure {told.failure_id!r:.80} of {promotion.module}"
        if rows:
            raise IllegalTransition(f"{said} was told by several sources: name the source")
        expected = "a failure that was told: POST /v1/failures"
        raise Problem(422, "unknown-failure", f"no {said} is known", where="failure_id", expected=expected)
    row = rows[0]
    ended = None if row["resolved_at"] is None else unstamp(row["resolved_at"])
    name = f"{row['source']}:{row['failure_id']}"
    return OpenFailure(name, row["project"], row["module"], row["severity"], ended)


ONE = "/v1/promotions/{promotion}"
STATE = (PromotionState,)

ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/promotions",
        Scope.REQUEST,
        request_promotion,
        (Decision,),
        "Ask for a promotion; the decision is in the ledger before it is answered",
        takes=(PromotionRequest,),
        status=201,
        fails=(409,),
    ),
    Endpoint(
        "GET", "/v1/promotions", Scope.READ, list_promotions, (Page,), "Promotions, the latest first", query=Listing
    ),
    Endpoint("GET", ONE, Scope.READ, show_promotion, (PromotionDetail,), "A promotion as it stands"),
    Endpoint(
        "GET", f"{ONE}/certificate", Scope.READ, show_certificate, (), "The certificate of its decision", fails=(409,)
    ),
    Endpoint("POST", f"{ONE}/review", Scope.REVIEW, review, STATE, "Approve or refuse", takes=(Review,), fails=(409,)),
    Endpoint(
        "POST", f"{ONE}/override", Scope.OPERATE, override, STATE, "Promote against it", takes=(Override,), fails=(409,)
    ),
    Endpoint("POST", f"{ONE}/withdraw", Scope.REQUEST, withdraw, STATE, "End it", takes=(WithReason,), fails=(409,)),
    Endpoint(
        "POST",
        f"{ONE}/deploy",
        Scope.OPERATE,
        deploy,
        STATE,
        "Deploy it by its deployer",
        fails=(409, 502),
        seconds=DEPLOY_S,
    ),
    Endpoint("POST", f"{ONE}/deployed", Scope.OPERATE, deployed, STATE, "The pipeline has deployed it", fails=(409,)),
    Endpoint("POST", f"{ONE}/confirm", Scope.OPERATE, confirm, STATE, "Call stable what is watched", fails=(409,)),
    Endpoint(
        "POST",
        f"{ONE}/rollback",
        Scope.OPERATE,
        rollback,
        STATE,
        "Restore what ran before",
        takes=(WithReason,),
        fails=(409, 502),
        seconds=DEPLOY_S,
    ),
    Endpoint(
        "POST", f"{ONE}/restored", Scope.OPERATE, restored, STATE, "Restored by hand", takes=(WithReason,), fails=(409,)
    ),
)
