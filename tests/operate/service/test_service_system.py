"""What the service says of itself: metrics, logs, its description; and what it does when its parts fail."""

import io
import json
import logging

import pytest

from promotion_gate.operate.ledger.errors import LedgerUnavailable
from promotion_gate.operate.service.app import ENDPOINTS
from promotion_gate.operate.service.logs import JsonLines

DATES = {"project": "shop", "module": "shop/dates.py"}


def test_every_answer_has_a_request_id_and_keeps_a_plain_one(open_world):
    assert open_world.get("/healthz", headers=[("X-Request-Id", "ab-1.c_d")]).headers["x-request-id"] == "ab-1.c_d"
    for wrong in ("a b", "a" * 65, "a\xe9", ""):
        given = open_world.get("/healthz", headers=[("X-Request-Id", wrong)]).headers["x-request-id"]
        assert given != wrong
        assert len(given) == 32


def test_answers_are_neither_kept_nor_sniffed(open_world):
    headers = open_world.post("/v1/fis", DATES).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_metrics_count_by_route_and_not_by_name(world):
    world.get("/v1/modules/shop/cart.py")
    world.get("/v1/modules/shop/dates.py")
    world.get("/nothing/here")
    world.call("EVIL", "/v1/fis")
    world.post("/v1/promotions", {"module": DATES, "coverage": 1})
    text = world.get("/metrics").content.decode()
    assert 'promotion_gate_requests_total{method="GET",route="/v1/modules/{module:path}",status="200"} 2.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert 'promotion_gate_decisions_total{kind="verdict",status="Promote"} 1.0' in text
    assert "cart" not in text


def test_a_log_line_is_one_line_of_json_whatever_is_asked_and_holds_no_secret(guarded):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("promotion_gate")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    token = guarded.token("read", name="ann")
    try:
        guarded.get('/v1/promotions/x\n{"level": "fake"}\u2028', token=token, query="cursor=geheim")
        guarded.post("/v1/fis", DATES, token=token)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [422, 200]
    assert lines[1]["caller"] == "ann"
    assert token not in stream.getvalue()
    assert "geheim" not in stream.getvalue()


def test_a_ledger_that_does_not_answer_is_503_and_nothing_is_acknowledged(world, monkeypatch):
    def broken(*_args, **_more):
        raise LedgerUnavailable("the ledger at sqlite:///x is not available: disk full")

    monkeypatch.setattr(world.service.ledger, "write", broken)
    got = world.post("/v1/promotions", {"module": DATES, "coverage": 1})
    assert (got.status, got.json["code"], got.headers["retry-after"]) == (503, "ledger-unavailable", "2")
    monkeypatch.setattr(world.service.ledger, "read", broken)
    assert world.get("/readyz").status == 503
    assert world.post("/v1/fis", DATES).status == 200  # no ledger is needed


def test_what_nobody_foresaw_is_told_to_the_log_alone(world, monkeypatch, caplog):
    def broken(*_args):
        raise RuntimeError("password=geheim")

    monkeypatch.setattr(world.service.management, "request", broken)
    got = world.post("/v1/promotions", {"module": DATES, "coverage": 1})
    assert (got.status, got.json["code"]) == (500, "internal")
    assert b"geheim" not in got.content
    assert got.json["request_id"] in {getattr(record, "request_id", None) for record in caplog.records}


def test_work_in_the_background_that_fails_is_counted_and_goes_on(world, monkeypatch, caplog):
    def broken():
        raise RuntimeError("no")

    world.service.quietly(broken)
    assert b"promotion_gate_tick_failures_total 1.0" in world.get("/metrics").content
    assert "background work failed" in caplog.text


def test_an_answer_that_takes_too_long_is_504(world, monkeypatch):
    import dataclasses
    import threading

    from promotion_gate.operate.service import app

    go_on = threading.Event()
    endpoint = next(one for one in ENDPOINTS if one.path == "/healthz")
    slow = dataclasses.replace(endpoint, handler=lambda _call: go_on.wait(5), seconds=0.05)
    monkeypatch.setattr(app, "ENDPOINTS", (slow,))
    made = app.build(world.service, in_background=False)
    from tests.operate.service.client import Client

    client = Client(made)
    got = client.get("/healthz")
    go_on.set()
    client.close()
    assert (got.status, got.json["code"]) == (504, "timeout")


def test_the_description_names_every_endpoint_and_every_reference_leads_somewhere(open_world):
    document = open_world.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert named == {(one.method, one.path.replace(":path}", "}")) for one in ENDPOINTS}
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in schemas
    ids = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("PUT", "/v1/fis", 405), ("GET", "/v1", 404)]
)
def test_other_addresses_are_problems_too(open_world, method, path, status):
    got = open_world.call(method, path)
    assert (got.status, got.headers["content-type"]) == (status, "application/problem+json")
    assert got.json["expected"]
