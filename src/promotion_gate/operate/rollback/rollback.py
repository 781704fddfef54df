"""A rollback: the last stable versions restored and verified, the module scored again, its surcharge raised.

Small steps, each journalled before and after. A step that the journal says is done is never done again; one that was
begun is done again under the same key, which a deployer does once. So a rollback that was cut off anywhere is finished
by `resume`, and never undone: what it restores ran before, and what it replaces has failed. It is never gated.
docs/rollback.md has the cases as a table.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from promotion_gate.decide.surcharge import after_rollback
from promotion_gate.operate.rollback.attribution import Failure, Promotion
from promotion_gate.operate.rollback.outcome import line_of, name_of, outcome_of, settled_before, standing
from promotion_gate.operate.rollback.ports import (
    CLOSE,
    RETRY,
    Entry,
    Member,
    Order,
    Outcome,
    Ports,
    Receipt,
    Restored,
)
from promotion_gate.operate.spans import span
from promotion_gate.rules import Rollback, Surcharge

ATTEMPTS = 3
"""How often a deployer is asked to restore a version; it may have its own retries below."""

PAUSE_S = 2.0
"""After the first failed attempt; doubled after each."""

POLL_S = 1.0
"""Between two looks at what runs."""


class Rollbacks:
    """Answers failures, runs rollbacks one after the other, and finishes those that were cut off."""

    def __init__(self, ports: Ports, rules: Rollback, surcharge: Surcharge) -> None:
        self._ports, self._journal = ports, ports.journal
        self._rules, self._surcharge = rules, surcharge
        self._lock = threading.Lock()

    def receive(self, failure: Failure, wanted: Order) -> Receipt:
        """Answer a failure that was attributed to a promotion; where it opens a rollback, `run` it.

        Args:
            failure: as it was seen; told twice, it counts once.
            wanted: the rollback of the promotion, see `order`.
        """
        failed = wanted.failed
        if failure.occurred_at > failed.watch_until:
            return self._recorded(failure, failed, "after-window", "it failed after its watch window")
        if failed.state == "rolled-back":
            return self._recorded(failure, failed, "already-rolled-back", "the version was rolled back already")
        rollback, opened = self._journal.open(wanted)
        if opened:
            said = f"{name_of(failed.module)} {failed.version} is rolled back"
            return Receipt("opened", rollback, "rollback-opened", said)
        if rollback in self._journal.unfinished():
            return self._attached(failure, failed, rollback, "rollback-under-way", "a rollback is under way")
        outcome = self._run(rollback)  # it has ended: nothing is done, so the lock of `run` is not needed
        mine = [one.state for one in outcome.modules if one.member.promotion_id == failed.promotion_id]
        if mine == ["rolled-back"]:
            return self._recorded(failure, failed, "already-rolled-back", "the version was rolled back already")
        said = f"its rollback failed before and is not tried again: {outcome.message}"
        self._ports.alarm(rollback, said)
        return self._attached(failure, failed, rollback, "rollback-failed-before", said)

    def resume(self) -> list[Outcome]:
        """Finish every rollback that was cut off, oldest first; at the start, while nobody else runs any."""
        return [self.run(rollback) for rollback in self._journal.unfinished()]

    def run(self, rollback: str) -> Outcome:
        """Run a rollback to its end and return how it ended; of one that has ended, only that.

        Raises:
            PromotionGateError: the journal cannot be read or written; `resume` finishes the rollback later.
        """
        if rollback not in self._journal.unfinished():
            return self._run(rollback)
        with self._lock:
            return self._run(rollback)

    def reopen(self, rollback: str, promotions: Sequence[str], reason: str) -> None:
        """Keep that a person wants a rollback that failed to be tried again; then `run` it.

        Args:
            rollback: which has ended.
            promotions: of the members that failed, those that still need it; the others count as put right by hand.
            reason: in words.
        """
        self._note(rollback, RETRY, "done", {"promotions": list(promotions), "reason": reason})

    def _run(self, rollback: str) -> Outcome:
        wanted = self._journal.order(rollback)
        restored = tuple(self._restored(wanted, number, member) for number, member in enumerate(wanted.members))
        score = self._step(rollback, "rescore", lambda: self._rescored(wanted))
        charge = self._step(rollback, "surcharge", lambda: self._raised(wanted))
        outcome = outcome_of(wanted, restored, score, charge)
        if outcome.state == "rollback-failed":
            self._step(rollback, "alarm", lambda: self._alarmed(outcome))
        ends = {one.member.promotion_id: [one.state, one.detail] for one in restored}
        closed = {"state": outcome.state, "message": outcome.message, "ends": ends}
        self._step(rollback, CLOSE, lambda: closed)
        return outcome

    def _recorded(self, failure: Failure, failed: Promotion, code: str, said: str) -> Receipt:
        self._journal.record(failure, failed.promotion_id, None, code)
        return Receipt("recorded", None, code, said)

    def _attached(self, failure: Failure, failed: Promotion, rollback: str, code: str, said: str) -> Receipt:
        self._journal.record(failure, failed.promotion_id, rollback, code)
        return Receipt("attached", rollback, code, said)

    def _step(self, rollback: str, name: str, act: Callable[[], dict[str, Any]]) -> Mapping[str, Any]:
        """Do a step and return what it led to, from the journal if it is done already."""
        for entry in reversed(standing(self._journal.entries(rollback))):
            if (entry.step, entry.phase) == (name, "done"):
                return entry.data
        with span(f"rollback.{name.partition(':')[0]}", rollback=rollback):  # the rest of the name is a module's
            self._note(rollback, name, "begin", {})
            led_to = act()
            self._note(rollback, name, "done", led_to)
        return led_to

    def _note(self, rollback: str, step: str, phase: Any, data: dict[str, Any]) -> None:
        self._journal.append(Entry(rollback, step, phase, self._ports.clock.now(), data))

    def _restored(self, wanted: Order, number: int, member: Member) -> Restored:
        # A member that cannot be restored does not keep the others from it: that the failed version does damage is
        # certain, that modules of different age do not fit is only possible.
        settled = settled_before(self._journal.entries(wanted.id), member)
        if settled is not None:
            return Restored(member, "rolled-back", settled)
        if member.target is None or member.target == member.version:
            said = (
                f"no stable version of {name_of(member.module)} to restore: fix it forward by a hotfix or switch it off"
            )
            return Restored(member, "rollback-failed", said)
        level, step = wanted.failed.level, f"{number}:{member.module[0]}:{member.module[1]}"
        done = self._step(
            wanted.id, f"restore:{step}", lambda: self._restore(wanted, number, member, f"restore:{step}")
        )
        if done["done"]:
            done = self._step(wanted.id, f"verify:{step}", lambda: self._verify(member, level))
        return Restored(member, "rolled-back" if done["done"] else "rollback-failed", str(done["detail"]))

    def _restore(self, wanted: Order, number: int, member: Member, step: str) -> dict[str, Any]:
        entries = self._journal.entries(wanted.id)
        tries = sum(entry.step == RETRY for entry in entries)
        # Another try is another action: under the same key a deployer would say that it was done, and do nothing.
        key = f"{wanted.id}-{number}" + f"-{tries}" * bool(tries)
        here = standing(entries)
        past = [entry.data["reason"] for entry in here if (entry.step, entry.phase) == (step, "attempt-failed")]
        failed, said = len(past), past[-1] if past else ""
        project, module = member.module
        while failed < ATTEMPTS:
            try:
                deployer = self._ports.deployer(project, wanted.failed.level)
                with span("deployer.restore", promotion=member.promotion_id, level=wanted.failed.level):
                    deployed = deployer.restore(module, str(member.target), key)
            except Exception as error:  # a deployer is foreign code: whatever it raises, the rollback must go on
                said, failed = line_of(error), failed + 1
                self._note(wanted.id, step, "attempt-failed", {"attempt": failed, "reason": said})
                if failed < ATTEMPTS:
                    self._ports.clock.sleep(PAUSE_S * 2 ** (failed - 1))
            else:
                return {"done": True, "detail": deployed.detail, "changed": deployed.changed}
        advice = f"restore {member.target} by hand"
        return {
            "done": False,
            "detail": f"{ATTEMPTS} attempts to restore {name_of(member.module)} failed: {said}; {advice}",
        }

    def _verify(self, member: Member, level: str) -> dict[str, Any]:
        """Look at what runs until it is what was restored, and healthy, or the time is up."""
        clock, seconds = self._ports.clock, self._rules.verify_seconds
        deadline = clock.monotonic() + seconds
        while True:
            right, said = self._look(member, level)
            if right:
                return {"done": True, "detail": said}
            if clock.monotonic() >= deadline:
                said = (
                    f"{name_of(member.module)} {member.target} was restored, but after {seconds} s {said}; look at it"
                )
                return {"done": False, "detail": said}
            clock.sleep(POLL_S)

    def _look(self, member: Member, level: str) -> tuple[bool, str]:
        project, module = member.module
        try:
            status = self._ports.deployer(project, level).status(module)
        except Exception as error:  # as in `_restore`
            return False, f"its status is unknown: {line_of(error)}"
        if status.version != member.target:
            return False, f"{status.version or 'nothing'} runs"
        return status.healthy, f"{status.version} runs{'' if status.healthy else ', not healthy'}: {status.detail}"

    def _rescored(self, wanted: Order) -> dict[str, Any]:
        failures = self._journal.failures(wanted.id)
        told: dict[str, Any] = {"before": wanted.failed.fis, "failures": [one.failure_id for one in failures]}
        try:
            result = self._ports.rescore(wanted.failed, failures)
            return {**told, "after": result.fis, "result": result.model_dump(mode="json")}
        except Exception as error:  # without a model the rollback is done all the same
            return {**told, "after": None, "reason": line_of(error)}

    def _raised(self, wanted: Order) -> dict[str, Any]:
        after = after_rollback(wanted.surcharge, self._surcharge) if wanted.charged else wanted.surcharge
        return {"before": str(wanted.surcharge), "after": str(after)}

    def _alarmed(self, outcome: Outcome) -> dict[str, Any]:
        try:
            self._ports.alarm(outcome.rollback, outcome.message)
        except Exception as error:  # the state is in the journal for all to see; no alarm must not mean no end
            return {"sent": False, "reason": line_of(error)}
        return {"sent": True}
