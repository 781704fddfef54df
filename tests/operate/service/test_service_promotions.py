"""Promotions over HTTP: decided, kept before they are answered, reviewed by another, deployed, rolled back."""

import pytest

from promotion_gate.decide.certificate import altered, judged_again
from promotion_gate.operate.ledger.verify import verify

DATES = {"project": "shop", "module": "shop/dates.py", "version": "2.0"}
CART = {"project": "shop", "module": "shop/cart.py", "version": "2.0"}
LEDGER = {"project": "shop", "module": "shop/payments/ledger.py", "version": "2.0"}


def ask(world, module=DATES, coverage=1, actor="ci", **more):
    headers = [("Promotion-Gate-Actor", actor), *more.pop("headers", [])]
    return world.post("/v1/promotions", {"module": module, "coverage": coverage, **more}, headers=headers)


def do(world, promotion, what, body=None, actor="ann"):
    return world.post(f"/v1/promotions/{promotion}/{what}", body, headers=[("Promotion-Gate-Actor", actor)])


def running(world, module=DATES):
    promotion = ask(world, module).json["id"]
    assert do(world, promotion, "deployed").json["state"] == "watching"
    return promotion


def test_a_decision_is_in_the_ledger_when_it_is_answered(world):
    got = ask(world, coverage=0.9)
    assert got.status == 201
    decision = got.json
    assert decision["status"] == "Promote"
    assert got.headers["location"] == f"/v1/promotions/{decision['id']}"
    shown = world.get(got.headers["location"]).json
    assert shown["decision"]["required_coverage"] == decision["required_coverage"]
    assert (shown["state"], shown["requester"], shown["reviewers"]) == ("promote", "ci", [])
    assert ask(world, CART, coverage=0.1).json["status"] == "Insufficient Coverage"
    with world.service.ledger.read() as queries:
        assert not list(verify(queries.connection))


def test_a_key_is_answered_again_and_nothing_is_done(world):
    key = [("Idempotency-Key", "k1")]
    first = ask(world, headers=key)
    again = ask(world, headers=key)
    assert (again.status, again.json, again.headers["location"]) == (201, first.json, first.headers["location"])
    assert len(world.events("promotion-requested")) == 1
    other = ask(world, coverage=0.5, headers=key)
    assert (other.status, other.json["code"]) == (409, "conflict")
    assert ask(world, CART, actor="bob", headers=key).status == 201  # another caller's key is another key
    assert ask(world, headers=[("Idempotency-Key", "x" * 201)]).status == 422
    assert ask(world, headers=[("Idempotency-Key", "")]).status == 422


def test_one_promotion_of_a_module_and_level_at_a_time(world):
    first = ask(world).json["id"]
    second = ask(world)
    assert (second.status, second.json["code"]) == (409, "conflict")
    assert first in second.json["detail"]
    assert do(world, first, "withdraw", {"reason": "a newer one"}).json["state"] == "withdrawn"
    assert ask(world).status == 201


def test_pages_of_the_listing_follow_one_another(world):
    ids = [ask(world, CART, coverage=0.1).json["id"] for _ in range(5)]
    found, query = [], "limit=2"
    while True:
        page = world.get("/v1/promotions", query=query).json
        found += [one["id"] for one in page["promotions"]]
        if page["next"] is None:
            break
        query = f"limit=2&cursor={page['next']}"
    assert found == ids[::-1]
    assert len(world.get("/v1/promotions", query="state=insufficient&module=shop/cart.py").json["promotions"]) == 1
    assert world.get("/v1/promotions", query="level=staging").json == {"promotions": [], "next": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=-1", "cursor=x", "state=none", "colour=red", "limit=1&limit=2"]
)
def test_a_filter_that_is_none_is_refused(open_world, query):
    assert open_world.get("/v1/promotions", query=query).status == 422


def test_who_asked_does_not_review_and_another_does(world):
    promotion = ask(world, LEDGER).json["id"]
    assert world.get(f"/v1/promotions/{promotion}").json["state"] == "in-review"
    approve = {"verdict": "approve", "reason": "looked through"}
    own = do(world, promotion, "review", approve, actor="ci")
    assert (own.status, own.json["code"]) == (403, "not-allowed")
    assert len(world.events("call-refused")) == 1
    for reason in ("", "  ", None):
        assert do(world, promotion, "review", {**approve, "reason": reason}).status == 422
    shown = do(world, promotion, "review", approve, actor="ann").json
    assert shown["state"] == "approved"
    assert do(world, promotion, "review", approve, actor="bob").status == 409
    assert do(world, promotion, "deployed").json["state"] == "watching"


def test_a_review_may_refuse_and_an_approval_expires(world):
    first = ask(world, LEDGER).json["id"]
    assert do(world, first, "review", {"verdict": "refuse", "reason": "no"}).json["state"] == "refused"
    second = ask(world, LEDGER).json["id"]
    assert do(world, second, "review", {"verdict": "approve", "reason": "yes", "by": "bob"}).json["state"] == "approved"
    world.clock.sleep(365 * 86_400)
    world.service.do_what_is_due()
    assert world.get(f"/v1/promotions/{second}").json["state"] == "expired"


def test_an_override_needs_a_reason_and_an_end(world):
    promotion = ask(world, CART, coverage=0.1).json["id"]
    given = {"reason": "the shop is closed", "until": "2026-02-01T09:00:00Z"}
    for wrong in (
        {"reason": " "},
        {"until": None},
        {"until": "2026-02-01T09:00:00"},
        {"until": "2026-01-30T09:00:00Z"},
    ):
        assert do(world, promotion, "override", {**given, **wrong}).status == 422
    assert do(world, promotion, "override", {**given, "failure_id": "f1"}).json["code"] == "unknown-failure"
    assert do(world, promotion, "override", given).json["state"] == "overridden"
    shown = world.get(f"/v1/promotions/{promotion}").json["decision"]
    assert (shown["kind"], shown["overruled"]["by"]) == ("override", "ann")


def test_a_hotfix_names_an_open_critical_failure(world):
    told = {"project": "shop", "module": "shop/cart.py", "source": "pager", "failure_id": "f1", "severity": "critical"}
    world.post("/v1/failures", {**told, "occurred_at": "2026-01-31T08:00:00Z"})
    promotion = ask(world, CART, coverage=0.1).json["id"]
    given = {"reason": "the fix", "until": "2026-02-01T09:00:00Z", "failure_id": "f1"}
    assert do(world, promotion, "override", given).json["state"] == "overridden"
    assert world.get(f"/v1/promotions/{promotion}").json["decision"]["kind"] == "hotfix"


@pytest.mark.parametrize("load", [None, 0.7])
@pytest.mark.parametrize("module", [DATES, LEDGER], ids=["promote", "blocked"])
def test_the_certificate_leads_to_the_same_decision(world, module, load):
    if load is not None:
        world.post("/v1/load", {"project": "shop", "module": module["module"], "load": load})
    promotion = ask(world, module).json["id"]
    got = world.get(f"/v1/promotions/{promotion}/certificate")
    assert got.status == 200, got.content
    assert altered(got.json) + judged_again(got.json) == []
    assert got.json["decision"]["policy_version"] == got.json["policy_version"]


def test_the_certificate_of_an_override_and_of_an_unknown_module(world):
    promotion = ask(world, CART, coverage=0.1).json["id"]
    do(world, promotion, "override", {"reason": "it must", "until": "2026-02-01T09:00:00Z"})
    got = world.get(f"/v1/promotions/{promotion}/certificate")
    assert (got.status, got.json["decision"]["kind"]) == (200, "override")
    assert altered(got.json) + judged_again(got.json) == []
    unknown = ask(world, {**CART, "module": "shop/new.py"}).json["id"]
    assert judged_again(world.get(f"/v1/promotions/{unknown}/certificate").json) == []


def test_what_runs_is_confirmed_or_rolled_back(world):
    first = running(world)
    assert do(world, first, "confirm").json["state"] == "stable"
    second = running(world, {**DATES, "version": "2.1"})
    assert do(world, second, "rollback", {"reason": ""}).status == 422
    state = do(world, second, "rollback", {"reason": "it is slow"}).json["state"]
    assert state in ("rolling-back", "rolled-back", "rollback-failed")
    shown = world.get("/v1/modules/shop/dates.py").json
    assert shown["stable"] == {"production": {"promotion": first, "version": "2.0"}}
    assert [one["version"] for one in shown["versions"]] == ["2.1", "2.0"]


def test_what_its_state_does_not_allow_is_said_with_what_it_does(world):
    promotion = ask(world, CART, coverage=0.1).json["id"]
    for what, body in (("deployed", None), ("confirm", None), ("deploy", None), ("rollback", {"reason": "x"})):
        got = do(world, promotion, what, body)
        assert (got.status, got.json["code"]) == (409, "illegal-transition"), what
        assert "legal:" in got.json["detail"]


def test_a_failure_is_told_once_and_counts(world):
    told = {"project": "shop", "module": "shop/dates.py", "source": "pager", "failure_id": "f1", "severity": "high"}
    told = {**told, "version": "2.0", "occurred_at": "2026-01-31T09:00:00Z", "evidence": "500s\nand a trace"}
    running(world)
    world.clock.sleep(60)
    first = world.post("/v1/failures", {**told, "occurred_at": "2026-01-31T09:00:30Z"})
    assert (first.status, first.json["answer"]) == (200, "opened")
    again = world.post("/v1/failures", {**told, "occurred_at": "2026-01-31T09:00:30Z"})
    assert again.status == 200
    [shown] = world.get("/v1/modules/shop/dates.py").json["failures"]
    assert (shown["failure_id"], shown["evidence"]) == ("f1", "500s\nand a trace")
    assert {name: shown[name] for name in first.json} == first.json
    assert world.post("/v1/failures", told).status == 409
    for wrong in ({"severity": "bad"}, {"occurred_at": "2026-01-31"}, {"failure_id": ""}, {"colour": "red"}):
        assert world.post("/v1/failures", {**told, **wrong}).status == 422


def test_a_monitor_s_evidence_is_kept_as_it_was_told(world):
    facts = {"requests": 500, "errors": 31, "effect": 0.061, "e_value": 4096.5, "window": "10 s", "parallel": True}
    told = {"project": "shop", "module": "shop/dates.py", "source": "monitor", "failure_id": "m1", "severity": "high"}
    told = {**told, "occurred_at": "2026-01-31T09:00:00Z", "evidence": {**facts, "baseline": None}}
    assert world.post("/v1/failures", told).status == 200
    assert world.post("/v1/failures", told).status == 200
    [shown] = world.get("/v1/modules/shop/dates.py").json["failures"]
    assert shown["evidence"] == {**facts, "baseline": None}
    assert world.post("/v1/failures", {**told, "evidence": facts}).status == 409
    for wrong in ({}, {"a": [1]}, {"a": {}}, [], 3, {"a\u200b": 1}, {str(number): 1 for number in range(51)}):
        assert world.post("/v1/failures", {**told, "evidence": wrong}).status == 422, wrong


def test_a_release_goes_in_order_and_atomically_or_not_at_all(world):
    both = [{"module": CART, "coverage": 1}, {"module": DATES, "coverage": 1}]
    got = world.post("/v1/releases", {"promotions": both, "atomic": True})
    assert got.status == 201, got.content
    assert [one["decision"]["module"] for one in got.json["modules"]] == ["shop/dates.py", "shop/cart.py"]
    assert all(one["promoted"] for one in got.json["modules"])
    twice = world.post("/v1/releases", {"promotions": [both[0], both[0]]})
    assert twice.status in (409, 422)
    assert world.post("/v1/releases", {"promotions": []}).status == 422
    assert world.post("/v1/releases", {"promotions": both, "atomic": "yes"}).status == 422


def test_who_may_only_ask_does_not_bring_his_own_score(guarded):
    token = guarded.token("request", "read")
    score = guarded.post("/v1/fis", LEDGER, token=token).json
    brought = {"module": LEDGER, "coverage": 1, "fis": {**score, "fis": 0}}
    assert guarded.post("/v1/promotions", brought, token=token).json["code"] == "score-brought"
    assert guarded.post("/v1/releases", {"promotions": [brought]}, token=token).json["code"] == "score-brought"
    trusted = guarded.token("request", "operate", name="lead")
    assert guarded.post("/v1/promotions", brought, token=trusted).status == 201


@pytest.mark.parametrize("name", ["nowhere", "../x", "a\nb", "a\u202eb", "%00", "x" * 5000])
def test_a_promotion_that_is_none_is_not_found(open_world, name):
    got = open_world.get(f"/v1/promotions/{name}")
    assert got.status in (404, 422)
    assert b"\n" not in got.content


def test_a_module_that_nobody_knows_is_not_found(open_world):
    assert open_world.get("/v1/modules/shop/nobody.py").status == 404
    shown = open_world.get("/v1/modules/shop/cart.py", query="project=shop").json
    assert (shown["known_to_model"], shown["surcharge"], shown["stable"]) == (True, 0.0, {})
