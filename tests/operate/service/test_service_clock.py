"""The service's clock is set back: listing, keys and chain follow the order of events; agents' clocks are checked."""

import datetime as dt

from promotion_gate.operate.ledger.verify import verify

CART = {"project": "shop", "module": "shop/cart.py"}
DAY = dt.timedelta(days=1)


def ask(world, key):
    headers = [("Idempotency-Key", key)]
    return world.post("/v1/promotions", {"module": CART, "coverage": 0.1}, headers=headers).json


def test_a_listing_is_in_the_order_of_the_requests_and_a_key_stays_known(world):
    answers = {}
    for number, back in enumerate((0, 1, 1, -5, 400)):
        world.clock.time -= back * DAY
        answers[f"k{number}"] = ask(world, f"k{number}")
    assert {key: ask(world, key) for key in answers} == answers
    found, query = [], "limit=2"
    while query is not None:
        page = world.get("/v1/promotions", query=query).json
        found += page["promotions"]
        query = page["next"] and f"limit=2&cursor={page['next']}"
    assert [one["id"] for one in found] == [answer["id"] for answer in answers.values()][::-1]
    assert [one["state"] for one in found] == ["insufficient", *["superseded"] * 4]
    assert sorted(one["requested_at"] for one in found) != [one["requested_at"] for one in found][::-1]
    with world.service.ledger.read() as queries:
        assert not list(verify(queries.connection))


def test_what_an_agent_saw_in_the_services_future_is_refused_until_the_clock_is_there(world):
    seen = {**CART, "load": 0.9, "at": world.clock.time.isoformat()}
    world.clock.time -= DAY
    refused = world.post("/v1/load", seen)
    assert (refused.status, refused.json["code"], refused.json["where"]) == (422, "from-the-future", "window_end")
    world.clock.time += DAY
    assert world.post("/v1/load", seen).json == {"recorded": True}
    world.clock.time -= DAY
    assert world.get("/v1/modules/shop/cart.py").json["load"] == 0.9
