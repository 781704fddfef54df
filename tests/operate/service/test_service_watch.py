"""GET /v1/watch: what is watched, for whom; and telemetry that comes in is looked at by itself."""

import datetime as dt
import time

import pytest
import yaml

from promotion_gate.operate.service.app import build
from promotion_gate.operate.service.service import Service
from promotion_gate.operate.service.settings import Settings
from tests.cli_bundle import PARAMS, write_bundle
from tests.operate.service.client import Client

DATES = {"project": "shop", "module": "shop/dates.py"}
SEEN = {"latency_buckets": {"0.1": 500, "+Inf": 500}, "requests": 500}


def promoted(call, version, token=None, confirmed=False):
    asked = call("POST", "/v1/promotions", {"module": {**DATES, "version": version}, "coverage": 1}, token=token)
    address = f"/v1/promotions/{asked.json['id']}"
    assert call("POST", f"{address}/deployed", token=token).status == 200
    if confirmed:
        assert call("POST", f"{address}/confirm", token=token).status == 200
    return asked.json["id"]


def told(call, begin, version, errors, count=1, token=None):
    """Tell windows of 10 s, the first from a time on, as one batch."""
    windows = [
        {
            **DATES,
            **SEEN,
            "version": version,
            "errors": errors,
            "window_start": (begin + dt.timedelta(seconds=10 * number)).isoformat(),
            "window_end": (begin + dt.timedelta(seconds=10 * number + 10)).isoformat(),
        }
        for number in range(count)
    ]
    batch = {"source": "agent", "batch_id": f"{version}-{begin.isoformat()}", "windows": windows}
    return call("POST", "/v1/telemetry", batch, token=token)


def test_what_is_watched_is_shown(world):
    assert world.get("/v1/watch").json == {"watches": []}
    promoted(world.call, "1", confirmed=True)
    told(world.call, world.clock.time - dt.timedelta(minutes=30), "1", 1, 180)
    promotion = promoted(world.call, "2")
    begin = world.clock.time
    world.clock.sleep(120)
    told(world.call, begin, "2", 1, 12)
    assert world.service.watch()
    [watch] = world.get("/v1/watch").json["watches"]
    assert watch["promotion"] == promotion
    assert (watch["module"], watch["version"], watch["stable"]) == ("shop/dates.py", "2", "1")
    assert (watch["state"], watch["reason"]) == ("watching", "not enough traffic yet to tell")
    assert (watch["since"], watch["until"]) == ("2026-01-31T09:00:00.000000Z", "2026-02-01T09:00:00.000000Z")
    assert watch["counts"]["judged_requests"] == 4_000, "the grace and the last, late window are not judged"
    assert watch["e_value"] < 2 < watch["threshold"]
    assert (watch["severity"], watch["is_behind"], watch["is_told"], watch["controls"]) == (None, False, False, 0)
    text = world.get("/metrics").content.decode()
    assert 'promotion_gate_watches{state="watching"} 1.0' in text
    assert 'promotion_gate_watches{state="degraded"} 0.0' in text


def test_a_token_sees_its_projects_watches(guarded):
    admin, shop, bank = (
        guarded.token("admin", name="root"),
        *(guarded.token("read", name=name, project=name) for name in ("shop", "bank")),
    )
    promoted(guarded.call, "1", token=admin)
    guarded.service.watch()
    for token, query, shown in ((admin, "", 1), (admin, "project=bank", 0), (shop, "", 1), (bank, "", 0)):
        assert len(guarded.get("/v1/watch", token=token, query=query).json["watches"]) == shown
    assert guarded.get("/v1/watch", token=bank, query="project=shop").json["code"] == "other-project"
    assert guarded.get("/v1/watch", query="of=shop", token=shop).status == 422


@pytest.fixture
def alive(tmp_path):
    """A service whose own time passes, with its work in the background; it judges what is seen at once."""
    read = yaml.safe_load(PARAMS.read_text())
    read["policy"]["monitor"] |= {"grace_seconds": 0, "late_seconds": 0}
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump(read))
    models = write_bundle(tmp_path / "champion")
    settings = Settings(f"sqlite:///{tmp_path}/ledger.db", no_auth=True, models=models, params=params)
    client = Client(build(Service(settings)))
    yield client
    client.close()


def awaited(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_telemetry_is_looked_at_when_it_comes_and_what_fails_goes_the_way_of_every_failure(alive):
    promoted(alive.call, "1", confirmed=True)
    told(alive.call, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30), "1", 1, 180)
    promotion = promoted(alive.call, "2")
    [watch] = awaited(lambda: alive.get("/v1/watch").json["watches"])
    assert (watch["promotion"], watch["version"]) == (promotion, "2")
    # Agents' clocks may be up to a minute ahead: so the test need not wait for what they see.
    assert told(alive.call, dt.datetime.now(dt.UTC), "2", 100, 6).json == {"recorded": True}
    state = f"/v1/promotions/{promotion}"
    awaited(lambda: alive.get(state).json["state"] == "rollback-failed")  # nobody deploys here: a person must
    [failure] = alive.get("/v1/modules/shop/dates.py").json["failures"]
    assert (failure["source"], failure["failure_id"], failure["code"]) == ("monitor", promotion, "rollback-opened")
    assert failure["evidence"]["effect"] == pytest.approx(0.2, abs=0.01)
    assert failure["evidence"]["errors"] <= failure["evidence"]["requests"] * 0.2
    awaited(lambda: not alive.get("/v1/watch").json["watches"])
