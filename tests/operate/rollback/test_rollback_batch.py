"""What goes back with a failed module: those of its batch that depend on it, dependents first, each by itself."""

import pytest

from promotion_gate.decide.batch import plan
from promotion_gate.operate.deployers.protocol import DeployError
from promotion_gate.operate.rollback.ports import Member, members
from tests.laws.test_batch import decision
from tests.operate.rollback.rollback_world import World, failure, promotion, wanted

NEEDS = {
    ("shop", "cart"): [("shop", "tax")],
    ("shop", "site"): [("shop", "cart"), ("shop", "mail")],
    ("shop", "tax"): [("shop", "money")],
}


@pytest.fixture
def world():
    return World()


def test_what_depends_on_it_in_its_batch_goes_first():
    batch = [promotion(name) for name in ("money", "mail", "tax", "cart", "site")]
    places = plan([decision(name) for name in ("site", "tax", "mail", "cart", "money")], NEEDS)
    by_name = {one.module[1]: one for one in batch}
    batch = [by_name[place.decision.module] for place in places]
    found = members(by_name["tax"], batch, NEEDS, lambda one: f"{one.module[1]}-1")
    assert [(member.module[1], member.target) for member in found] == [
        ("site", "site-1"),
        ("cart", "cart-1"),
        ("tax", "tax-1"),
    ]
    alone = members(by_name["site"], batch, NEEDS, lambda one: None)
    assert [member.module[1] for member in alone] == ["site"]
    gone = [promotion("tax"), promotion("cart", state="rolled-back")]
    assert [member.module[1] for member in members(gone[0], gone, NEEDS, lambda one: "1")] == ["tax"]
    circle = {("shop", "tax"): [("shop", "cart")], ("shop", "cart"): [("shop", "tax")]}
    both = [promotion("cart"), promotion("tax")]
    assert [member.module[1] for member in members(both[1], both, circle, lambda one: "1")] == ["cart", "tax"]
    assert [member.module[1] for member in members(promotion("tax"), [], {}, lambda one: "1")] == ["tax"]


def test_a_batch_is_restored_in_order_and_one_that_cannot_be_holds_up_none(world):
    others = tuple(
        Member(f"p-{name}", ("shop", name), "2.0", target) for name, target in (("site", "1"), ("cart", None))
    )
    world.fleet.failing["site"] = [DeployError("no quorum")] * 3
    outcome = world.rollbacks.run(world.rollbacks.receive(failure(), wanted(others=others)).rollback)
    assert [call[0] for call in world.fleet.calls] == ["site"] * 3 + ["tax"]
    assert [one.state for one in outcome.modules] == ["rollback-failed", "rollback-failed", "rolled-back"]
    assert outcome.state == "rollback-failed"
    assert outcome.review == (("shop", "site"), ("shop", "cart"))
    assert outcome.message.startswith("rolled back shop tax to 1.0; 3 attempts to restore shop site failed: no quorum")
    assert world.alarms == [outcome.message]


def test_a_failure_of_a_module_that_goes_along_is_attached(world):
    others = (Member("p-cart", ("shop", "cart"), "2.0", "1.0"),)
    name = world.rollbacks.receive(failure(), wanted(others=others)).rollback
    second = failure(2, module="cart")
    assert world.rollbacks.receive(second, wanted(promotion("cart"), second)).rollback == name
    world.rollbacks.run(name)
    third = failure(3, module="cart")
    assert world.rollbacks.receive(third, wanted(promotion("cart"), third)).code == "already-rolled-back"
