"""Laws of the surcharge: monotone, capped, and gone after enough clean promotions."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.surcharge import after_clean_promotion, after_rollback
from promotion_gate.rules import Surcharge

shares = st.integers(0, 10_000).map(lambda value: Decimal(value) / 10_000)
rules = st.builds(Surcharge, step=shares, cap=shares, decay=st.integers(0, 99).map(lambda value: Decimal(value) / 100))


@given(rules, st.lists(st.booleans(), max_size=30))
def test_it_never_exceeds_its_cap_nor_falls_below_zero(rule, rollbacks):
    surcharge = Decimal(0)
    for rolled_back in rollbacks:
        surcharge = (after_rollback if rolled_back else after_clean_promotion)(surcharge, rule)
        assert 0 <= surcharge <= rule.cap


@given(rules, shares, shares)
def test_it_is_monotone_and_moves_the_right_way(rule, one, other):
    low, high = sorted((one, other))
    for step in (after_rollback, after_clean_promotion):
        assert step(low, rule) <= step(high, rule)
    assert after_clean_promotion(low, rule) <= low <= after_rollback(low, rule)
    assert after_rollback(low, rule) >= min(low + rule.step, rule.cap)


@given(rules, shares)
def test_it_decays_to_nothing(rule, surcharge):
    left = surcharge
    for _ in range(2000):
        left = after_clean_promotion(left, rule)
    assert left == 0


@given(shares, st.integers(0, 5))
def test_a_lowered_cap_takes_nothing_from_what_a_module_already_carries(surcharge, cap):
    rule = Surcharge(step=Decimal("0.05"), cap=Decimal(cap) / 100, decay=Decimal("0.5"))
    assert after_rollback(surcharge, rule) == max(surcharge, min(surcharge + rule.step, rule.cap))
