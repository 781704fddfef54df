"""Laws of the management: whatever comes in whatever order, nothing is deployed that was not let through."""

import contextlib
import datetime as dt
import tempfile
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger.events import Decided, Overridden, Reviewed
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.rollback_events import BatchReleased
from promotion_gate.operate.ledger.verify import verify
from tests.operate.management.management_world import BLOCKED, INSUFFICIENT, PROMOTE, Shop, asked, override

MODULES = ("tax", "cart")
OUTCOMES = st.sampled_from([PROMOTE, PROMOTE, INSUFFICIENT, BLOCKED])
ACTS = st.one_of(
    st.tuples(st.just("request"), st.sampled_from(MODULES), OUTCOMES),
    st.tuples(st.just("release"), OUTCOMES, OUTCOMES, st.booleans()),
    st.tuples(
        st.sampled_from(["deploy", "deploy", "approve", "override", "withdraw", "confirm", "fail", "roll-back"]),
        st.sampled_from(MODULES),
    ),
    st.tuples(st.just("break"), st.sampled_from(["deploy", "restore"]), st.sampled_from(MODULES)),
    st.tuples(st.sampled_from(["mend", "later", "resume"])),
)


class Life:
    """A shop to which things happen; what is refused did not."""

    def __init__(self, ledger):
        self.shop, self.number, self.latest = Shop(ledger), 0, {}

    def act(self, name, *rest):
        self.number += 1
        self.shop.clock.sleep(1)
        getattr(self, name.replace("-", "_"))(*rest)

    def request(self, module, outcome):
        self.latest[module] = self.shop.request(module, str(self.number), outcome).id

    def release(self, tax, cart, atomic):
        version = str(self.number)
        requests = [asked("cart", version, cart, needs=("tax",)), asked("tax", version, tax)]
        for place in self.shop.management.release(requests, "ci", atomic):
            self.latest[place.decision.module] = place.decision.id

    def deploy(self, module):
        self.shop.management.deploy(self.latest.get(module, "none"), "ci")

    def approve(self, module):
        self.shop.management.review(self.latest.get(module, "none"), "approve", "looked", f"r{self.number}")

    def override(self, module):
        at = self.shop.clock.now()
        given = override(until=at + dt.timedelta(hours=1))
        warrant = type(given.warrant)(given.warrant.by, given.warrant.reason, at, given.warrant.until)
        self.shop.management.override(self.latest.get(module, "none"), type(given)("override", warrant), "ann")

    def withdraw(self, module):
        self.shop.management.withdraw(self.latest.get(module, "none"), "no", "ci")

    def confirm(self, module):
        self.shop.management.confirm(self.latest.get(module, "none"), "ann")

    def fail(self, module):
        self.shop.fails(self.number, module=module)

    def roll_back(self, module):
        self.shop.management.roll_back(self.latest.get(module, "none"), "no good", "ann")

    def _break(self, action, module):
        self.shop.fleet.broken.add((action, module))

    def mend(self):
        self.shop.fleet.broken.clear()

    def later(self):
        self.shop.clock.sleep(13 * 3600)
        self.shop.management.tick()

    def resume(self):
        assert self.shop.management.resume() == ()  # nobody was killed: nothing is left


setattr(Life, "break", Life._break)


def let_through(queries, promotion):
    entries = queries.events(stream=promotion_stream(promotion), limit=1000)
    said = [parse(entry.kind, entry.payload) for entry in entries]
    return any(
        (isinstance(one, Decided | Overridden) and one.decision.status == "Promote")
        or (isinstance(one, Reviewed) and one.outcome == "approved")
        for one in said
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(ACTS, min_size=5, max_size=30))
def test_nothing_is_deployed_that_was_not_let_through(acts):
    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
        life = Life(ledger)
        for act in acts:
            with contextlib.suppress(PromotionGateError):
                life.act(*act)
        with ledger.read() as queries:
            assert list(verify(queries.connection)) == []
            told = [call for call in life.shop.fleet.calls if call[0] == "deploy"]
            assert all(let_through(queries, key) for *_, key in told)
            batches = queries.events(kinds=(BatchReleased.kind,), limit=1000)
            places = [place for entry in batches for place in parse(entry.kind, entry.payload).places]
            withdrawn = {place.promotion for place in places if queries.promotion(place.promotion).state == "withdrawn"}
            assert withdrawn.isdisjoint(key for *_, key in told)
            for module in MODULES:
                assert Decimal(0) <= queries.module("shop", module).surcharge <= life.shop.policy.surcharge.cap
                one = queries.open_promotion("shop", module, "production")
                assert one is None or one.state not in ("deploying", "rolling-back")  # each call ran to its end
