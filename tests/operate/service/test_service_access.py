"""Who may do what: scopes by endpoints, tokens that count no longer, other projects, rates, the audit.

The matrix is every endpoint of the table by every kind of caller: each scope, no token, one that expired, that was
revoked, that was never issued, and one with all scopes of another project.
"""

import datetime as dt
import json

import pytest
from fastapi.routing import APIRoute

from promotion_gate.operate.service import tokens
from promotion_gate.operate.service.app import ENDPOINTS
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.limits import RateLimit
from tests.operate.service.conftest import World

OPEN = {"/healthz", "/readyz", "/openapi.json"}
DATES = {"project": "shop", "module": "shop/dates.py"}
TIME = "2026-01-31T08:00:00Z"
WINDOW = {**DATES, "window_start": TIME, "window_end": "2026-01-31T08:05:00Z"}
BODIES = {
    "/v1/fis": DATES,
    "/v1/load": {**DATES, "load": 0.5},
    "/v1/telemetry": {"source": "s", "batch_id": "b", "windows": [WINDOW]},
    "/v1/promotions": {"module": DATES, "coverage": 1},
    "/v1/failures": {**DATES, "source": "s", "failure_id": "f", "severity": "low", "occurred_at": TIME},
    "/v1/releases": {"promotions": [{"module": {**DATES, "module": "shop/cart.py"}, "coverage": 1}]},
    "review": {"verdict": "approve", "reason": "seen"},
    "override": {"reason": "must", "until": "2026-02-01T09:00:00Z"},
    "withdraw": {"reason": "no"},
    "rollback": {"reason": "broken"},
    "restored": {"reason": "done"},
}
GUARDED = [endpoint for endpoint in ENDPOINTS if endpoint.scope is not None]
IDS = [f"{endpoint.method} {endpoint.path}" for endpoint in GUARDED]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A service with a token of each scope, and a promotion."""
    world = World(tmp_path_factory.mktemp("guarded"), no_auth=False)
    world.service.strangers = RateLimit(1e6)  # many come on purpose
    world.over = {"never issued": "pgt_" + "x" * 43}
    soon = world.clock.time + dt.timedelta(seconds=1)
    world.over["expired"] = world.token(*Scope, name="expired", expires_at=soon)
    world.over["revoked"] = world.token(*Scope, name="revoked")
    with world.service.ledger.write("test", world.clock.time) as writer:
        tokens.revoke(writer, "revoked")
    world.clock.sleep(1)
    world.tokens = {scope: world.token(scope, name=f"p-{scope}") for scope in Scope}
    world.elsewhere = world.token(*Scope, name="elsewhere", project="bank")
    asked = {"module": {"project": "shop", "module": "shop/payments/ledger.py", "version": "1"}, "coverage": 1}
    world.promotion = world.post("/v1/promotions", asked, token=world.tokens["request"]).json["id"]
    yield world
    world.client.close()


def written(world):
    with world.service.ledger.read() as queries:
        return queries.head()[0]


def check_refused(world, before):
    """Nothing was written since but that a call was refused."""
    with world.service.ledger.read() as queries:
        assert [entry.kind for entry in queries.events(after=before, limit=10)] == ["call-refused"]


def ask(world, endpoint, token):
    path = endpoint.path.replace("{promotion}", world.promotion).replace("{module:path}", "shop/dates.py")
    body = BODIES.get(path, BODIES.get(path.rsplit("/", 1)[-1])) if endpoint.takes else None
    query = "project=shop" if "modules" in path else ""
    return world.call(endpoint.method, path, body, token=token, query=query)


def test_every_route_is_in_the_table_and_has_a_scope_unless_it_is_open_to_all(guarded):
    app = guarded.client._app._app
    routes = {(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods}
    assert len(app.routes) == len(ENDPOINTS)
    assert routes == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    assert {endpoint.path for endpoint in ENDPOINTS if endpoint.scope is None} == OPEN
    assert {endpoint.path.rsplit("/", 1)[-1] for endpoint in GUARDED if endpoint.takes} <= {
        name.rsplit("/", 1)[-1] for name in BODIES
    }


@pytest.mark.parametrize("scope", [None, *Scope], ids=str)
@pytest.mark.parametrize("endpoint", GUARDED, ids=IDS)
def test_the_matrix(shared, endpoint, scope):
    before = written(shared)
    got = ask(shared, endpoint, shared.tokens.get(scope))
    if scope is None:
        assert (got.status, got.json["code"]) == (401, "no-token")
        assert got.headers["www-authenticate"].startswith("Bearer")
        check_refused(shared, before)
    elif scope in (endpoint.scope, Scope.ADMIN):
        assert got.status not in (401, 403, 422, 500, 503), got.content
    else:
        assert (got.status, got.json["code"], got.json["expected"]) == (
            403,
            "scope-missing",
            f"the scope {endpoint.scope}",
        )
        check_refused(shared, before)


@pytest.mark.parametrize("why", ["never issued", "expired", "revoked"])
@pytest.mark.parametrize("endpoint", GUARDED, ids=IDS)
def test_a_token_that_does_not_count_opens_nothing(shared, endpoint, why):
    before = written(shared)
    got = ask(shared, endpoint, shared.over[why])
    assert (got.status, got.json["code"]) == (401, "token-not-valid")
    assert got.json["detail"] == "the token is unknown, expired or revoked"  # which of them, nobody learns
    assert got.headers["www-authenticate"].startswith("Bearer")
    check_refused(shared, before)


@pytest.mark.parametrize("endpoint", GUARDED, ids=IDS)
def test_another_projects_token_sees_and_touches_nothing(shared, endpoint):
    got = ask(shared, endpoint, shared.elsewhere)
    if endpoint.path in ("/metrics", "/v1/promotions", "/v1/watch") and endpoint.method == "GET":
        assert got.status == 200
        assert b"payments" not in got.content
    elif "{promotion}" in endpoint.path:
        assert (got.status, got.json["code"]) == (404, "not-found")
        nowhere = shared.call(
            endpoint.method,
            endpoint.path.replace("{promotion}", "nowhere"),
            BODIES.get(endpoint.path.rsplit("/", 1)[-1]) if endpoint.takes else None,
            token=shared.elsewhere,
        )
        assert nowhere.json["detail"].replace("nowhere", shared.promotion) == got.json["detail"]
    else:
        assert (got.status, got.json["code"]) == (403, "other-project")


@pytest.mark.parametrize("who", [None, *Scope, "never issued", "expired", "revoked", "elsewhere"], ids=str)
@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_is_open_to_all_asks_for_no_token(shared, path, who):
    token = {**shared.tokens, **shared.over, "elsewhere": shared.elsewhere}.get(who)
    assert shared.get(path, token=token).status == 200


def test_a_listing_for_another_project_is_refused(shared):
    for path in ("/v1/promotions", "/v1/watch"):
        assert shared.get(path, query="project=shop", token=shared.elsewhere).status == 403
    batch = {"modules": [{"project": "bank", "module": "a"}, DATES]}
    assert shared.post("/v1/fis", batch, token=shared.elsewhere).status == 403


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer nonsense", "Bearer " + "x" * 5000])
def test_what_is_no_token_is_refused(guarded, header):
    got = guarded.post("/v1/fis", DATES, headers=[("authorization", header)])
    assert got.status == 401


def test_a_token_ends_when_it_expires_and_when_it_is_revoked(guarded):
    short = guarded.token("read", name="short", expires_at=guarded.clock.time + dt.timedelta(hours=1))
    assert guarded.post("/v1/fis", DATES, token=short).status == 200
    guarded.clock.sleep(3600)
    assert guarded.post("/v1/fis", DATES, token=short).json["code"] == "token-not-valid"

    kept = guarded.token("read", name="kept")
    assert guarded.post("/v1/fis", DATES, token=kept).status == 200
    with guarded.service.ledger.write("test", guarded.clock.time) as writer:
        tokens.revoke(writer, "kept")
    guarded.service.tokens._remembered.clear()  # a second later
    assert guarded.post("/v1/fis", DATES, token=kept).json["code"] == "token-not-valid"


def test_the_ledger_holds_no_token(guarded):
    token = guarded.token("read")
    guarded.post("/v1/fis", DATES, token=token)
    assert token.encode() not in b"".join(file.read_bytes() for file in guarded.folder.glob("ledger.db*"))


def test_every_refused_call_is_in_the_audit(guarded):
    token = guarded.token("read", name="ann")
    guarded.post("/v1/fis", DATES)
    guarded.post("/v1/load", {**DATES, "load": 1}, token=token)
    guarded.get("/v1/promotions/a\nb/certificate", token=None)
    told = [(entry.actor, json.loads(entry.payload)) for entry in guarded.events("call-refused")]
    assert [(actor, one["status"], one["reason"]) for actor, one in told] == [
        ("stranger", 401, "no-token"),
        ("ann", 403, "scope-missing"),
        ("stranger", 401, "no-token"),
    ]
    assert told[1][1]["path"] == "/v1/load"
    assert told[2][1]["path"] == "/v1/promotions/a%0Ab/certificate"


def test_a_rate_is_kept_by_each_caller(tmp_path):
    world = World(tmp_path, no_auth=False, rate=1)
    ann, bob = world.token("read", name="ann"), world.token("read", name="bob")
    got = [world.post("/v1/fis", DATES, token=ann) for _ in range(6)]
    assert [one.status for one in got][:2] == [200, 200]
    assert got[-1].json["code"] == "too-many"
    assert int(got[-1].headers["retry-after"]) >= 1
    assert world.post("/v1/fis", DATES, token=bob).status == 200
    assert len(world.events("call-refused")) == 1  # of those above the rate one a minute
    world.client.close()


def test_strangers_who_guess_are_slowed_down(guarded):
    got = [guarded.post("/v1/fis", DATES, token=f"guess{n}").status for n in range(60)]
    assert got[0] == 401
    assert 429 in got
    assert len(guarded.events("call-refused")) < 60


def test_a_rate_limit_forgets_names_before_it_grows_without_end(monkeypatch):
    monkeypatch.setattr("promotion_gate.operate.service.limits.MAX_BUCKETS", 3)
    limit = RateLimit(1)
    for number in range(10):
        assert limit.take(str(number))
    assert len(limit._buckets) <= 3


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("host", "127.0.0.1:8080", 200),
        ("host", "localhost", 200),
        ("host", "[::1]:80", 200),
        ("host", "evil.example", 421),
        ("host", "127.0.0.1.evil.example", 421),
        ("origin", "http://localhost:3000", 200),
        ("origin", "https://evil.example", 421),
        ("origin", "null", 421),
        ("host", "[", 421),
    ],
)
def test_without_tokens_no_page_of_another_machine_is_answered(open_world, header, value, status):
    host, headers = (value, []) if header == "host" else ("127.0.0.1", [(header, value)])
    assert open_world.get("/v1/promotions", headers=headers, host=host).status == status


def test_without_tokens_a_caller_may_name_itself(open_world):
    got = open_world.post(
        "/v1/promotions", {"module": DATES, "coverage": 1}, headers=[("Promotion-Gate-Actor", "carol")]
    )
    assert open_world.get(f"/v1/promotions/{got.json['id']}").json["requester"] == "carol"
    assert open_world.get("/v1/promotions", headers=[("Promotion-Gate-Actor", " ")]).status == 422


def test_with_tokens_nobody_names_himself(guarded):
    token = guarded.token("request", "read", name="ann")
    asked = {"module": DATES, "coverage": 1}
    got = guarded.post("/v1/promotions", asked, token=token, headers=[("Promotion-Gate-Actor", "carol")])
    assert guarded.get(f"/v1/promotions/{got.json['id']}", token=token).json["requester"] == "ann"
