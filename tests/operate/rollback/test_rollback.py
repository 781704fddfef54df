"""Every case of docs/rollback.md: what a failure leads to, and how a rollback ends."""

import datetime as dt
import threading
from decimal import Decimal

import pytest

from promotion_gate.errors import ModelError
from promotion_gate.operate.deployers.protocol import DeployError
from promotion_gate.operate.rollback import rollback
from promotion_gate.operate.rollback.ports import Member, Ports, SystemClock, order
from promotion_gate.operate.rollback.rollback import Rollbacks
from tests.operate.rollback.journals import FileJournal, MemoryJournal
from tests.operate.rollback.rollback_world import CHARGES, RULES, World, failure, promotion, wanted


@pytest.fixture
def world():
    return World()


def test_the_last_stable_version_is_restored_verified_scored_and_charged(world):
    receipt = world.rollbacks.receive(failure(), wanted(surcharge="0.05"))
    assert (receipt.answer, receipt.code) == ("opened", "rollback-opened")
    outcome = world.rollbacks.run(receipt.rollback)
    assert (outcome.state, outcome.message) == ("rolled-back", "rolled back shop tax to 1.0")
    assert outcome.fis == (0.25, 0.75)
    assert outcome.surcharge == (Decimal("0.05"), Decimal("0.10"))
    assert (outcome.failures, outcome.review, world.alarms) == (("f1",), (), [])
    assert world.fleet.running == {"tax": "1.0"}
    names = ("restore:0:shop:tax", "verify:0:shop:tax", "rescore", "surcharge", "close")
    assert world.steps(receipt.rollback) == [(name, phase) for name in names for phase in ("begin", "done")]
    assert world.journal.unfinished() == []


def test_one_that_has_ended_is_only_told(world):
    name = world.rollbacks.receive(failure(), wanted()).rollback
    outcome = world.rollbacks.run(name)
    steps = world.steps(name)
    assert world.rollbacks.run(name) == outcome
    assert world.rollbacks.resume() == []
    assert world.steps(name) == steps


@pytest.mark.parametrize("target", [None, "2.0"])
def test_without_a_stable_version_a_person_must_act(world, target):
    outcome = world.rollbacks.run(world.rollbacks.receive(failure(), wanted(target=target)).rollback)
    assert outcome.state == "rollback-failed"
    assert outcome.message == "no stable version of shop tax to restore: fix it forward by a hotfix or switch it off"
    assert outcome.review == (("shop", "tax"),)
    assert world.alarms == [outcome.message]
    assert world.fleet.calls == []
    assert outcome.surcharge[1] == Decimal("0.05")  # it failed all the same


def test_a_deployer_that_fails_is_asked_again_with_the_same_key(world):
    world.fleet.failing["tax"] = [DeployError("no quorum"), TypeError("a bug\nof theirs")]
    name = world.rollbacks.receive(failure(), wanted()).rollback
    assert world.rollbacks.run(name).state == "rolled-back"
    assert world.fleet.calls == [("tax", "1.0", f"{name}-0")] * 3
    assert world.clock.naps == [2, 4]
    reasons = [entry.data["reason"] for entry in world.journal.entries(name) if entry.phase == "attempt-failed"]
    assert reasons == ["no quorum", "TypeError: a bug of theirs"]


def test_a_deployer_that_goes_on_failing_ends_in_an_alarm(world):
    world.fleet.failing["tax"] = [DeployError("no quorum")] * 9
    outcome = world.rollbacks.run(world.rollbacks.receive(failure(), wanted()).rollback)
    assert outcome.state == "rollback-failed"
    said = "3 attempts to restore shop tax failed: no quorum; restore 1.0 by hand"
    assert (outcome.message, world.alarms, len(world.fleet.calls)) == (said, [said], 3)
    assert outcome.fis == (0.25, 0.75)


def test_no_deployer_at_all_is_a_failing_one(world):
    def none(project, level):
        raise DeployError(f"no deployer serves {project} on {level}")

    ports = Ports(world.journal, none, world.rescore, world.alarm, world.clock)
    rollbacks = Rollbacks(ports, RULES, CHARGES)
    outcome = rollbacks.run(rollbacks.receive(failure(), wanted()).rollback)
    assert "failed: no deployer serves shop on production; restore 1.0 by hand" in outcome.message


def test_status_is_looked_at_until_it_shows_the_version(world):
    world.fleet.mute["tax"] = 4
    outcome = world.rollbacks.run(world.rollbacks.receive(failure(), wanted()).rollback)
    assert outcome.modules[0].detail == "1.0 runs: as seen"
    assert world.clock.naps == [rollback.POLL_S] * 4


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda fleet: fleet.sick.add("tax"), "after 10 s 1.0 runs, not healthy: as seen; look at it"),
        (lambda fleet: fleet.mute.update(tax=99), "its status is unknown: the host does not answer; look at it"),
        (lambda fleet: setattr(fleet, "running", _Stuck()), "after 10 s 2.0 runs; look at it"),
    ],
)
def test_what_is_not_verified_in_time_is_no_rollback(world, broken, said):
    broken(world.fleet)
    outcome = world.rollbacks.run(world.rollbacks.receive(failure(), wanted()).rollback)
    assert outcome.state == "rollback-failed"
    assert outcome.message.startswith("shop tax 1.0 was restored, but")
    assert outcome.message.endswith(said)
    assert sum(world.clock.naps) == RULES.verify_seconds
    assert len(world.alarms) == 1


class _Stuck(dict):
    def get(self, name, default=None):
        return "2.0"


def test_a_failure_during_a_rollback_is_attached_to_it(world):
    name = world.rollbacks.receive(failure(1), wanted()).rollback
    receipt = world.rollbacks.receive(failure(2), wanted(first=failure(2)))
    assert (receipt.answer, receipt.rollback, receipt.code) == ("attached", name, "rollback-under-way")
    outcome = world.rollbacks.run(name)
    assert outcome.failures == ("f1", "f2")
    assert world.rescored == [["f1", "f2"]]
    assert outcome.surcharge == (Decimal(0), Decimal("0.05"))  # one rollback, one step
    assert len(world.fleet.calls) == 1


def test_a_failure_told_twice_counts_once(world):
    for _ in range(3):
        name = world.rollbacks.receive(failure(), wanted()).rollback
    assert world.journal.codes() == []
    assert world.rollbacks.run(name).failures == ("f1",)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_of_two_failures_at_once_one_opens_and_both_are_attached(tmp_path, kind):
    world = World(MemoryJournal() if kind == "memory" else FileJournal(tmp_path / "journal"))
    start, receipts = threading.Barrier(6), []

    def told(number):
        start.wait()
        receipts.append(world.rollbacks.receive(failure(number), wanted(first=failure(number))))

    calls = [threading.Thread(target=told, args=(number,)) for number in range(6)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert sorted(receipt.answer for receipt in receipts) == ["attached"] * 5 + ["opened"]
    [name] = {receipt.rollback for receipt in receipts}
    outcomes = []
    runs = [threading.Thread(target=lambda: outcomes.append(world.rollbacks.run(name))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert sorted(outcomes[0].failures) == [f"f{number}" for number in range(6)]
    assert len(world.fleet.calls) == 1


def test_a_failure_after_the_window_only_counts(world):
    receipt = world.rollbacks.receive(failure(hours=24.01), wanted())
    assert (receipt.answer, receipt.rollback, receipt.code) == ("recorded", None, "after-window")
    assert world.journal.codes() == [("f1", False, "after-window")]
    assert world.rollbacks.receive(failure(2, hours=24), wanted(first=failure(2, hours=24))).answer == "opened"


def test_a_failure_of_a_version_that_was_rolled_back_only_counts(world):
    receipt = world.rollbacks.receive(failure(), wanted(promotion(state="rolled-back")))
    assert (receipt.answer, receipt.code) == ("recorded", "already-rolled-back")
    world.rollbacks.run(world.rollbacks.receive(failure(2), wanted(first=failure(2))).rollback)
    # The caller's view of the state may be older than the rollback's end.
    assert world.rollbacks.receive(failure(3), wanted()).code == "already-rolled-back"
    assert len(world.fleet.calls) == 1
    assert [code for _, _, code in world.journal.codes()] == ["already-rolled-back"] * 2


def test_a_failure_after_a_failed_rollback_alarms_again_and_tries_nothing(world):
    world.fleet.failing["tax"] = [DeployError("no quorum")] * 9
    world.rollbacks.run(world.rollbacks.receive(failure(), wanted()).rollback)
    receipt = world.rollbacks.receive(failure(2), wanted())
    assert (receipt.answer, receipt.code) == ("attached", "rollback-failed-before")
    assert len(world.alarms) == 2
    assert world.alarms[1].startswith("its rollback failed before and is not tried again: 3 attempts")
    assert len(world.fleet.calls) == 3


def test_a_surcharge_stays_below_its_cap(world):
    outcome = world.rollbacks.run(world.rollbacks.receive(failure(), wanted(surcharge="0.14")).rollback)
    assert outcome.surcharge == (Decimal("0.14"), Decimal("0.15"))


@pytest.mark.parametrize("error", [ModelError("no model"), ZeroDivisionError("by zero")])
def test_neither_scoring_nor_alarming_keeps_a_rollback_from_its_end(world, error):
    def broken(*_):
        raise error

    rollbacks = Rollbacks(
        Ports(world.journal, lambda project, level: world.fleet, broken, broken, world.clock), RULES, CHARGES
    )
    outcome = rollbacks.run(rollbacks.receive(failure(), wanted(others=(Member("p", ("a", "b"), "1", None),))).rollback)
    assert outcome.fis == (0.25, None)
    assert world.fleet.running == {"tax": "1.0"}
    assert world.journal.unfinished() == []


def test_attempts_are_counted_across_a_restart(world):
    class Dead(BaseException):
        """As a kill: nothing catches it."""

    def dies(seconds):
        raise Dead

    world.fleet.failing["tax"] = [DeployError("no quorum")] * 9
    world.clock.sleep, sleep = dies, world.clock.sleep
    name = world.rollbacks.receive(failure(), wanted()).rollback
    with pytest.raises(Dead):
        world.rollbacks.run(name)
    world.clock.sleep = sleep
    [outcome] = world.rollbacks.resume()
    assert outcome.state == "rollback-failed"
    assert len(world.fleet.calls) == rollback.ATTEMPTS


def test_the_system_clock_tells_utc():
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() > before
    assert clock.now().tzinfo is dt.UTC


def test_a_failed_rollback_is_tried_again_for_what_still_needs_it(world):
    others = tuple(Member(f"p-{name}", ("shop", name), "2.0", "1.0") for name in ("site", "cart"))
    world.fleet.failing.update({name: [DeployError("no quorum")] * 3 for name in ("site", "tax")})
    name = world.rollbacks.receive(failure(), wanted(others=others)).rollback
    assert world.rollbacks.run(name).state == "rollback-failed"
    assert world.fleet.running == {"cart": "1.0"}
    world.fleet.running["cart"] = "3.0"  # deployed since: it must stay
    world.rollbacks.reopen(name, ["p-tax"], "quorum is back; site is put right by hand")
    assert world.journal.unfinished() == [name]
    [outcome] = world.rollbacks.resume()
    assert outcome.state == "rolled-back"
    assert outcome.modules[0].detail == "shop site was put right by hand"
    assert world.fleet.running == {"cart": "3.0", "tax": "1.0"}
    assert world.fleet.calls[-1] == ("tax", "1.0", f"{name}-2-1")
    assert (len(world.alarms), world.rescored) == (1, [["f1"]])  # scored and charged once
    assert outcome.surcharge == (Decimal(0), Decimal("0.05"))


def test_a_deployment_that_failed_charges_nothing(world):
    failed = promotion()
    mine = Member(failed.promotion_id, failed.module, failed.version, "1.0")
    name, _ = world.journal.open(order(failed, None, (mine,), Decimal("0.05"), "it did not start", charged=False))
    outcome = world.rollbacks.run(name)
    assert (outcome.surcharge, outcome.failures) == ((Decimal("0.05"), Decimal("0.05")), ())
