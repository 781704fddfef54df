"""A fault in production is found, attributed and rolled back by real programs; a healthy version is left in peace,
whatever is killed, cut off or full meanwhile, and what was counted is what was served.
"""

import contextlib
import itertools
import signal
import time
from datetime import UTC, datetime

import pytest

from demo.customers import Customers
from promotion_gate.operate.gate import Gate
from tests import programs
from tests.agent.test_agent_process import small_disk
from tests.cli_bundle import PARAMS
from tests.learn.test_serving import entries, fitted, folder  # noqa: F401 - fixtures
from tests.monitor.stack import Stack, until

LIMIT_S = 60
EMPTY = 5
"""Each so many-th basket is empty, on which version 2.0 fails: 20 % of 50 requests a second."""


@pytest.fixture
def shop(folder, tmp_path):  # noqa: F811 - the fixture
    prometheus = programs.program("prometheus", "prometheus")
    scores = Gate(PARAMS, folder).calculator.all_scores()
    with contextlib.ExitStack() as stack:
        made = Stack(stack, tmp_path, folder, PARAMS, min(scores, key=scores.__getitem__), prometheus)
        yield made


def stable(shop):
    """Version 1.0 in production, and the agent telling of it."""
    first = shop.promote("1.0")
    with Customers(shop.port) as customers:
        customers.await_answers("1.0", 50)
        until(lambda: (shop.told("1.0")[0] or 0) > 0, "telemetry of version 1.0")
        customers.await_answers("1.0", 300)
    shop.call("POST", f"/v1/promotions/{first}/confirm")


def is_fresh(shop, version):
    """Say whether the ledger has what a version did until a few seconds ago."""
    end = shop.told(version)[2]
    return end is not None and (datetime.now(UTC) - datetime.fromisoformat(end)).total_seconds() < 4


def agent_killed(shop):
    shop.agent.kill()
    time.sleep(2.5)  # nobody looks
    shop.agent.start()


def service_killed(shop):
    shop.service.kill()
    time.sleep(2.5)  # nobody takes what is told
    shop.serve()


def network_cut(shop):
    shop.link.cut()
    time.sleep(4)
    shop.link.mend()


def disk_full(shop):
    ballast, seen = shop.folder / "spool/ballast", len(shop.agent.log.read_text())

    def is_full():
        with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
            while file.write(b"x" * 512):  # what a batch left that is delivered, too
                pass
        return "windows are held in memory" in shop.agent.log.read_text()[seen:]

    until(is_full, "the agent says that the disk is full")
    time.sleep(2)  # it goes on
    ballast.unlink()
    until(lambda: "disk: well again" in shop.agent.log.read_text()[seen:], "the agent says that the disk is well")


def test_a_healthy_version_is_left_in_peace_and_nothing_is_lost_or_counted_twice(tmp_path, request):
    """While it is watched the agent is killed, the service is killed, the network cut and the disk full, in turn."""
    with small_disk(tmp_path):
        shop = request.getfixturevalue("shop")
        stable(shop)
        promotion = shop.promote("1.1")
        with Customers(shop.port, EMPTY) as customers:
            customers.await_answers("1.1", 100)
            for trouble in (agent_killed, service_killed, network_cut, disk_full):
                trouble(shop)
                until(lambda: is_fresh(shop, "1.1"), f"telemetry after {trouble.__name__}")
            watch = until(lambda: shop.watch(promotion), "the watch")
            assert watch["state"] in ("watching", "healthy"), watch
            assert watch["counts"]["judged_errors"] == 0
        served = shop.counted()
        assert served >= sum(version == "1.1" for _, version, _ in customers.answers) > 500
        until(lambda: shop.told("1.1")[0] >= served, "all that was served in the ledger")
        time.sleep(2)  # whatever would come twice
        assert shop.told("1.1")[:2] == (served, 0)
        ends = shop.windows("1.1")
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends)), "windows overlap"
        assert shop.module()["failures"] == []
        assert shop.call("POST", f"/v1/promotions/{promotion}/confirm")["state"] == "stable"
        shop.agent.process.send_signal(signal.SIGTERM)
        assert shop.agent.process.wait(LIMIT_S) == 0


def test_a_fault_is_found_attributed_and_rolled_back_within_a_minute(shop, record_property, capsys):
    stable(shop)
    promotion = shop.promote("2.0")
    before = shop.call("GET", f"/v1/promotions/{promotion}")["fis"]
    with Customers(shop.port) as customers:
        customers.await_answers("2.0", 200)
        until(
            lambda: (shop.watch(promotion) or {"counts": {"judged_requests": 0}})["counts"]["judged_requests"] > 100,
            "a watch",
        )
        assert shop.watch(promotion)["state"] in ("watching", "healthy")
        assert shop.module()["failures"] == []
        began, customers.every = time.monotonic(), EMPTY
        [failure] = until(lambda: shop.module()["failures"], "a failure", LIMIT_S)
        found = time.monotonic() - began
        back = customers.await_version("1.0", began) - began
        until(
            lambda: shop.call("GET", f"/v1/promotions/{promotion}")["state"] == "rolled-back",
            "the end of the rollback",
            LIMIT_S,
        )
        ended = time.monotonic() - began
        customers.await_answers("1.0", 100)
    assert (failure["source"], failure["failure_id"], failure["version"]) == ("monitor", promotion, "2.0")
    assert (failure["answer"], failure["code"]) == ("opened", "rollback-opened")
    assert failure["evidence"]["effect"] == pytest.approx(0.2, abs=0.06)
    assert {status for at, version, status in customers.answers if version == "1.0" and at > began} == {200}
    view = shop.module()
    assert (view["stable"]["production"]["version"], view["surcharge"]) == ("1.0", 0.05)
    assert view["history"][0]["fis"] > before, "scored again, with the failure in its history"
    assert max(found, back, ended) < LIMIT_S
    times = {"failure_in_the_ledger_s": found, "old_version_answers_s": back, "rolled_back_and_rescored_s": ended}
    for name, seconds in times.items():
        record_property(name, round(seconds, 1))
    with capsys.disabled():
        print("\n" + ", ".join(f"{name} {seconds:.1f}" for name, seconds in times.items()))
