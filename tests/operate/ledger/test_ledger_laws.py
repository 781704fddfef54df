"""Laws of the ledger under any sequence of commands and of events that no command would write."""

import datetime as dt
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.ledger import deployments, promotions, records, reviews
from promotion_gate.operate.ledger.events import (
    Deployed,
    DeploymentStarted,
    Expired,
    Failed,
    ReviewOpened,
    RollbackFailed,
    RollbackStarted,
    RolledBack,
    Settled,
    Superseded,
    Withdrawn,
)
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.queries import Filters
from promotion_gate.operate.ledger.states import OPEN, TRANSITIONS, State
from promotion_gate.operate.ledger.verify import verify
from tests.operate.ledger.cases import (
    BLOCKED,
    HOUR,
    INSUFFICIENT,
    NOW,
    POLICY,
    PROMOTE,
    case,
    failure,
    overruling,
    telemetry,
)

MODULES, LEVELS = ("cart.py", "mail.py"), ("staging", "production")
PEOPLE = st.sampled_from(["ann", "bob", "ci"])

COMMANDS = {
    "open-review": lambda w, p, r: reviews.open_review(w, p, reviewers_needed=2, until=w.now + HOUR, revision=r),
    "approve": lambda w, p, r: reviews.review(w, p, "approve", "fine", approved_until=w.now + HOUR, revision=r),
    "refuse": lambda w, p, r: reviews.review(w, p, "refuse", "no", revision=r),
    "override": lambda w, p, r: promotions.override(w, p, overruling(), POLICY, r),
    "withdraw": lambda w, p, r: promotions.withdraw(w, p, "no", r),
    "expire": promotions.expire,
    "start": lambda w, p, r: deployments.start(w, p, revision=r),
    "deployed": lambda w, p, r: deployments.deployed(w, p, w.now + HOUR, r),
    "end-watch": lambda w, p, r: deployments.end_watch(w, p, POLICY.surcharge, r),
    "confirm": deployments.confirm,
    "fail": lambda w, p, r: deployments.fail(w, p, "500s", revision=r),
    "roll-back": lambda w, p, r: deployments.roll_back(w, p, "500s", r),
    "rolled-back": lambda w, p, r: deployments.rolled_back(w, p, POLICY.surcharge, r),
    "rollback-failed": lambda w, p, r: deployments.rollback_failed(w, p, "no image", POLICY.surcharge, r),
}
RAW = (
    Deployed(watch_until=NOW),
    DeploymentStarted(),
    Expired(),
    Failed(reason="500s"),
    ReviewOpened(reviewers_needed=1, until=None),
    RollbackFailed(reason="no"),
    RollbackStarted(reason="no", restores=None, version=None),
    RolledBack(surcharge="0.1"),
    Settled(how="confirmed", surcharge="0"),
    Superseded(by="x"),
    Withdrawn(reason="no"),
)


class LedgerLaws(RuleBasedStateMachine):
    """What is in the ledger, told beside it by the table of transitions alone."""

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.known = {}
        self.revisions = {}

    @initialize()
    def begin(self):
        self.folder = tempfile.mkdtemp()
        self.url = self.place
        self.ledger = Ledger.open(self.url)

    @property
    def place(self):
        return f"sqlite:///{self.folder}/ledger.db"

    @rule(hours=st.integers(-3, 5))
    def time_passes_or_the_clock_is_set_back(self, hours):
        self.now += dt.timedelta(hours=hours)

    @rule(
        actor=PEOPLE,
        module=st.sampled_from(MODULES),
        level=st.sampled_from(LEVELS),
        outcome=st.sampled_from([PROMOTE, PROMOTE, INSUFFICIENT, BLOCKED]),
        kind=st.sampled_from([None, None, None, "override", "hotfix", "rollback"]),
    )
    def request(self, actor, module, level, outcome, kind):
        person = None if kind is None else overruling(kind, module)
        wanted = case(module, outcome, level=level, version=str(len(self.known)), overruling=person)
        self.attempt(actor, lambda writer: promotions.request(writer, wanted))

    @precondition(lambda self: self.known)
    @rule(data=st.data(), actor=PEOPLE, command=st.sampled_from(sorted(COMMANDS)), stale=st.sampled_from([0, 0, 0, 1]))
    def command(self, data, actor, command, stale):
        promotion = data.draw(st.sampled_from(list(self.known)))
        revision = self.revisions[promotion] - stale
        done = self.attempt(actor, lambda writer: COMMANDS[command](writer, promotion, revision))
        assert not (done and stale)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), payload=st.sampled_from(RAW))
    def an_event_that_no_command_asks_for(self, data, payload):
        promotion = data.draw(st.sampled_from(list(self.known)))
        allowed = payload.event in TRANSITIONS[self.known[promotion]]
        done = self.attempt("ci", lambda writer: writer.append(promotion_stream(promotion), payload))
        assert allowed or not done

    @rule(number=st.integers(1, 3), module=st.sampled_from(MODULES), resolved=st.booleans())
    def a_failure(self, number, module, resolved):
        told = failure(str(number), module=module, resolved_at=NOW + HOUR if resolved else None)
        self.attempt("pager", lambda writer: records.record_failure(writer, told))

    @rule(number=st.integers(1, 3), requests=st.sampled_from([1.0, 2.0]))
    def telemetry(self, number, requests):
        self.attempt("agent", lambda w: records.record_telemetry(w, telemetry(str(number), requests=requests)))

    @rule()
    def the_service_starts_again(self):
        self.ledger.close()
        self.ledger = Ledger.open(self.url)

    def attempt(self, actor, write):
        """Try to write: all of it is there afterwards, by legal transitions alone, or nothing of it."""
        before = self.look()
        try:
            with self.ledger.write(actor, self.now) as writer:
                write(writer)
        except PromotionGateError:
            assert self.look() == before
            return False
        after = self.look()
        for promotion, (state, revision) in after[1].items():
            old, old_revision = before[1].get(promotion, (None, 0))
            path = {old}
            for _ in range(revision - old_revision):
                path = {reached for one in path for reached in TRANSITIONS[one].values()}
            assert state in path
        self.known = {promotion: state for promotion, (state, _) in after[1].items()}
        self.revisions = {promotion: revision for promotion, (_, revision) in after[1].items()}
        return True

    def look(self):
        with self.ledger.read() as queries:
            rows = queries.promotions(Filters(), limit=1000)
            return queries.head(), {row.id: (row.state, row.revision) for row in rows}

    @invariant()
    def one_promotion_of_a_module_and_level_is_open(self):
        if not hasattr(self, "ledger"):
            return
        with self.ledger.read() as queries:
            rows = queries.promotions(Filters(), limit=1000)
        places = [(row.module, row.level) for row in rows if row.state in OPEN]
        assert len(places) == len(set(places))
        assert all(row.is_open == (row.state in OPEN) for row in rows)
        assert all(row.state is not State.STABLE or row.stable_sequence for row in rows)

    def teardown(self):
        if not hasattr(self, "ledger"):
            return
        with self.ledger.read() as queries:
            assert list(verify(queries.connection)) == []
        self.ledger.close()
        shutil.rmtree(self.folder)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_the_laws_hold_on_sqlite():
    many = settings(max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(LedgerLaws, settings=many)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_the_laws_hold_on_postgresql(emptied):
    class OnPostgreSQL(LedgerLaws):
        place = property(lambda self: emptied())

    few = settings(max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OnPostgreSQL, settings=few)
