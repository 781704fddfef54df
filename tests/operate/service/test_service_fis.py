"""Scores over HTTP: of one, of many; loads and telemetry; what no JSON may hold."""

import json

import pytest

from promotion_gate.operate.ledger.telemetry_queries import windows

DATES = {"project": "shop", "module": "shop/dates.py"}
LEDGER = {"project": "shop", "module": "shop/payments/ledger.py"}
UNKNOWN = {"project": "shop", "module": "shop/nobody.py"}


def test_a_known_module_is_scored_as_the_calculator_does(open_world):
    got = open_world.post("/v1/fis", LEDGER)
    assert got.status == 200
    score = got.json
    assert score["fis"] == pytest.approx(
        open_world.service.models.live.calculator.all_scores()["shop", "shop/payments/ledger.py"]
    )
    assert score["model_version"] == "failure-impact/3"
    assert score["interval"][0] <= score["fis"] <= score["interval"][1]
    assert score["reasons"]
    assert open_world.post("/v1/fis", LEDGER).content == got.content


def test_what_a_request_says_of_a_module_counts(open_world):
    plain = open_world.post("/v1/fis", DATES).json["fis"]
    assert open_world.post("/v1/fis", {**DATES, "criticality": 1}).json["fis"] > plain
    said = open_world.post("/v1/fis", {**DATES, "version": "9"}).json["reasons"]
    assert "scored-other-release" in {reason["code"] for reason in said}


def test_many_are_answered_in_their_order_and_one_that_is_unknown_does_not_stop_them(open_world):
    got = open_world.post("/v1/fis", {"modules": [LEDGER, UNKNOWN, DATES]})
    assert got.status == 200
    first, second, third = got.json["results"]
    assert (first["module"], third["module"]) == (LEDGER["module"], DATES["module"])
    assert second["problem"]["code"] == "unknown-module"
    assert second["module"] == UNKNOWN["module"]
    assert open_world.post("/v1/fis", {"modules": []}).json == {"results": []}


def test_more_than_ten_thousand_are_refused(open_world):
    got = open_world.post("/v1/fis", {"modules": [DATES] * 10_001})
    assert got.status == 422
    assert "10000" in got.json["expected"]


def test_an_unknown_module_is_said_to_be_so(open_world):
    got = open_world.post("/v1/fis", UNKNOWN)
    assert (got.status, got.json["code"]) == (404, "unknown-module")
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json["request_id"] == got.headers["x-request-id"]


def test_the_newest_load_moves_the_score_at_once(world):
    before = world.post("/v1/fis", DATES).json["fis"]
    assert world.post("/v1/load", {**DATES, "load": 1.0}).json == {"recorded": True}
    loaded = world.post("/v1/fis", DATES).json["fis"]
    assert loaded > before
    world.clock.sleep(5)
    world.post("/v1/load", {**DATES, "load": 0})
    assert world.post("/v1/fis", DATES).json["fis"] == before
    world.post("/v1/load", {**DATES, "load": 1, "at": "2026-01-31T08:00:00Z"})  # told late: it is not the newest
    assert world.post("/v1/fis", DATES).json["fis"] == before


def test_the_load_counts_in_a_promotion_and_after_a_restart(world):
    from promotion_gate.operate.service.loads import Loads

    world.post("/v1/load", {**DATES, "load": 1.0})
    loaded = world.post("/v1/fis", DATES).json["fis"]
    assert world.post("/v1/promotions", {"module": DATES, "coverage": 1}).json["fis"] == loaded
    again = Loads()
    with world.service.ledger.read() as queries:
        again.refresh(queries)
    assert again.of("shop", "shop/dates.py") == 1.0


def test_telemetry_is_kept_once_however_often_it_is_told(world):
    window = {**DATES, "window_start": "2026-01-31T08:00:00Z", "window_end": "2026-01-31T08:05:00Z", "load": 0.5}
    batch = {"source": "agent", "batch_id": "b1", "windows": [window]}
    assert world.post("/v1/telemetry", batch).json == {"recorded": True}
    assert world.post("/v1/telemetry", batch).json == {"recorded": False}
    other = world.post("/v1/telemetry", {**batch, "windows": [{**window, "load": 0.6}]})
    assert (other.status, other.json["code"]) == (409, "conflict")
    assert len(world.events("telemetry-recorded")) == 1


def test_telemetry_of_versions_side_by_side(world):
    window = {**DATES, "window_start": "2026-01-31T08:00:00Z", "window_end": "2026-01-31T08:05:00Z"}
    before = world.post("/v1/fis", DATES).json["fis"]
    buckets = {"0.1": 40, "0.25": 45, "+Inf": 50}
    told = [{**window, "version": "1", "load": 1.0}, {**window, "version": "2", "load": 0, "latency_buckets": buckets}]
    batch = {"source": "agent", "batch_id": "b1", "windows": told}
    assert [world.post("/v1/telemetry", batch).json["recorded"] for _ in range(2)] == [True, False]
    assert world.post("/v1/fis", DATES).json["fis"] > before
    with world.service.ledger.read() as queries:
        [seen] = windows(queries, *DATES.values(), "2")
    assert seen.latency_buckets == buckets
    for wrong in ({"latency_buckets": {"0.1": 40, "+Inf": 39}}, {"latency_buckets": {"soon": 1}}, {"version": ""}):
        got = world.post("/v1/telemetry", {**batch, "batch_id": "b2", "windows": [{**window, **wrong}]})
        assert got.status == 422, wrong


def test_a_load_from_the_future_is_refused_for_it_would_stay_the_newest(world):
    late = world.post("/v1/load", {**DATES, "load": 1, "at": "2027-01-31T08:00:00Z"})
    assert (late.status, late.json["code"]) == (422, "from-the-future")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"project": "shop", "project": "shop", "module": "m"}', 400),
        (b'{"project": "shop", "module": "m", "criticality": NaN}', 400),
        (b'{"project": "shop", "module": "m", "x": -Infinity}', 400),
        (b'{"project": "shop", "module": "m", "x": 1e999}', 400),
        (b'{"project": "shop", "module": "m", "metrics": {"loc": 1' + b"0" * 400 + b"}}", 422),
        (b'{"project": "shop", "module": "m", "x": 1' + b"0" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"x":' * 100_000, 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b'{"modules": {}}', 422),
        (b'{"modules": [1]}', 422),
        (b'{"project": "shop", "module": ""}', 422),
        (b'{"project": "shop", "module": "a\\u0000"}', 422),
        (b'{"project": "shop", "module": "a\\ud800"}', 422),
        (b'{"project": "shop", "module": "a", "\\ud800": 1}', 422),
        (b'{"project": "shop", "module": "a", "criticality": true}', 422),
        (b'{"project": "shop", "module": "a", "criticality": "1"}', 422),
    ],
)
def test_what_is_no_module_is_a_problem_and_no_failure(open_world, raw, status):
    got = open_world.post("/v1/fis", raw=raw)
    assert got.status == status, got.content
    assert {"type", "title", "status", "detail", "instance", "where", "expected"} <= set(got.json)
    assert "\n" not in got.content.decode()


@pytest.mark.parametrize("trick", ["\u202e", "\u200b", "\u200d", "\ufeff", "\u2028", "\n", "\x85", "\ue000", "\u2066"])
def test_names_with_what_cannot_be_seen_are_refused(open_world, trick):
    for field in ("project", "module", "version", "category"):
        got = open_world.post("/v1/fis", {**DATES, field: f"a{trick}b"})
        assert (got.status, field) == (422, field)


def test_names_are_in_normal_form(open_world):
    assert open_world.post("/v1/fis", {"project": "shop", "module": "cafe\u0301.py"}).json["code"] == "unsafe-text"


@pytest.mark.parametrize("name", ["shop/d\u0430tes.py", "shop\u2215dates.py", "\uff53hop/dates.py"])
@pytest.mark.parametrize("more", [{}, {"metrics": {"loc": 1.0}}, {"dependencies": []}], ids=str)
def test_a_name_that_reads_as_a_known_one_is_refused_and_never_taken_for_it(open_world, name, more):
    asked = {"project": "shop", "module": name, **more}
    got = open_world.post("/v1/fis", asked)
    assert (got.status, got.json["code"]) == (422, "look-alike")
    assert "U+" in got.json["detail"]
    assert "shop/dates.py" in got.json["detail"]
    promotion = open_world.post("/v1/promotions", {"module": asked, "coverage": 1})
    release = open_world.post("/v1/releases", {"promotions": [{"module": asked, "coverage": 1}]})
    assert (promotion.json["code"], release.json["code"]) == ("look-alike", "look-alike")
    assert open_world.get(f"/v1/modules/{name}").status == 404


def test_a_project_that_reads_as_a_known_one_is_refused(open_world):
    asked = {"project": "sh\u043ep", "module": "shop/new.py"}
    assert open_world.post("/v1/promotions", {"module": asked, "coverage": 1}).json["code"] == "look-alike"
    assert open_world.post("/v1/fis", {"modules": [asked]}).json["results"][0]["problem"]["code"] == "look-alike"


def test_a_body_of_ten_megabytes_is_refused_for_one_module_and_read_for_many(open_world):
    large = json.dumps({**DATES, "x": "y" * 10_000_000}).encode()
    assert open_world.post("/v1/fis", raw=large).status == 413
    assert open_world.post("/v1/promotions", raw=large).status == 413
    told = open_world.post("/v1/promotions", raw=b"", headers=[("content-length", "10000000000")])
    assert told.status == 413
    assert open_world.post("/v1/fis", raw=b" " * (17 << 20)).status == 413
    assert open_world.post("/v1/fis", raw=b'{"modules": []}' + b" " * 10_000_000).status == 200


def test_only_json_is_read(open_world):
    got = open_world.post("/v1/fis", DATES, content_type="application/x-www-form-urlencoded")
    assert (got.status, got.json["expected"]) == (415, "application/json")
