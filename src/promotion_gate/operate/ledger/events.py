"""What can happen to a promotion: one closed model for each kind of event. The stream names the promotion.

An event tells what was settled, not how: a replay needs no policy and no clock. So the surcharge that a rollback led to
and the time at which a watch ends stand in the payload.
"""

from typing import ClassVar, Literal

from pydantic import Field

from promotion_gate.operate.ledger.payload import Key, Payload, Surcharge, Time, Words
from promotion_gate.operate.ledger.states import Event
from promotion_gate.schema import Decision, FISResult, Name, PromotionRequest, Share


class OfPromotion(Payload):
    """What happened to a promotion; where it depends on the payload what that means, `event` says so instead."""

    leads_to: ClassVar[Event]

    @property
    def event(self) -> Event:
        """The event of the state machine."""
        return self.leads_to


class Requested(OfPromotion):
    """Somebody wants a version of a module on a level; the actor is the requester."""

    kind: ClassVar[str] = "promotion-requested"
    leads_to: ClassVar[Event] = Event.REQUESTED
    request: PromotionRequest


class Decided(OfPromotion):
    """The gate's answer, the score that it is about, None where there is none, and the surcharge that it was made with.

    `propensity`: the probability with which the policy let the module through, None where a person decided. `until`
    is when an override expires, None for a verdict.
    """

    kind: ClassVar[str] = "promotion-decided"
    decision: Decision
    score: FISResult | None
    surcharge: Surcharge
    propensity: Share | None
    until: Time | None = None

    @property
    def event(self) -> Event:
        """By kind and status."""
        if self.decision.kind != "verdict":
            return Event.OVERRIDDEN
        return {
            "Promote": Event.PROMOTE_DECIDED,
            "Insufficient Coverage": Event.INSUFFICIENT_DECIDED,
            "Promotion Blocked - Manual Review Required": Event.BLOCKED_DECIDED,
        }[self.decision.status]


class Overridden(OfPromotion):
    """A person promotes what the gate had held, until a time."""

    kind: ClassVar[str] = "promotion-overridden"
    leads_to: ClassVar[Event] = Event.OVERRIDDEN
    decision: Decision
    until: Time


class ReviewOpened(OfPromotion):
    """Persons are asked; so many must approve until a time, None for no end."""

    kind: ClassVar[str] = "review-opened"
    leads_to: ClassVar[Event] = Event.REVIEW_OPENED
    reviewers_needed: int = Field(ge=1, le=10)
    until: Time | None


class Reviewed(OfPromotion):
    """A reviewer's word. `until`: when the approval that it completes expires."""

    kind: ClassVar[str] = "review-given"
    verdict: Literal["approve", "refuse"]
    reason: Words
    outcome: Literal["counted", "approved", "refused"]
    until: Time | None = None

    @property
    def event(self) -> Event:
        """By outcome."""
        return {"counted": Event.APPROVAL_COUNTED, "approved": Event.APPROVED, "refused": Event.REFUSED}[self.outcome]


class Expired(OfPromotion):
    """A review, an approval or an override was not used in time."""

    kind: ClassVar[str] = "promotion-expired"
    leads_to: ClassVar[Event] = Event.EXPIRED


class Withdrawn(OfPromotion):
    """The promotion is no longer wanted."""

    kind: ClassVar[str] = "promotion-withdrawn"
    leads_to: ClassVar[Event] = Event.WITHDRAWN
    reason: Words


class Superseded(OfPromotion):
    """Another promotion took the place."""

    kind: ClassVar[str] = "promotion-superseded"
    leads_to: ClassVar[Event] = Event.SUPERSEDED
    by: Key


class DeploymentStarted(OfPromotion):
    """The deployer was told; until it has said that it is done, the version counts as watched until `watch_until`.

    It may run already, and fail: without a provisional end nobody could suspect it.
    """

    kind: ClassVar[str] = "deployment-started"
    leads_to: ClassVar[Event] = Event.DEPLOYMENT_STARTED
    watch_until: Time | None = None


class Deployed(OfPromotion):
    """The version runs on the level, and is watched until a time."""

    kind: ClassVar[str] = "deployed"
    leads_to: ClassVar[Event] = Event.DEPLOYED
    watch_until: Time


class Settled(OfPromotion):
    """The version is stable: its watch ended without failure, or a person says so. `surcharge` is what is left."""

    kind: ClassVar[str] = "promotion-stable"
    how: Literal["watch-ended", "confirmed"]
    surcharge: Surcharge

    @property
    def event(self) -> Event:
        """By how it came."""
        return Event(self.how)


class Failed(OfPromotion):
    """The deployment or the module failed; `failure` is the log's (source, id) where there is one."""

    kind: ClassVar[str] = "promotion-failed"
    leads_to: ClassVar[Event] = Event.FAILED
    reason: Words
    failure: tuple[Key, Key] | None = None


class RollbackStarted(OfPromotion):
    """The promotion (and its version) that is being restored; None: there is none.

    Then nothing is called, `rollback-failed` follows, and a person must fix it forward by a hotfix or switch it off.
    """

    kind: ClassVar[str] = "rollback-started"
    leads_to: ClassVar[Event] = Event.ROLLBACK_STARTED
    reason: Words
    restores: Key | None
    version: Name | None


class RolledBack(OfPromotion):
    """The rollback is done. `surcharge` is what the module carries from now on; `reason` a person's, who did it."""

    kind: ClassVar[str] = "rolled-back"
    leads_to: ClassVar[Event] = Event.ROLLED_BACK
    surcharge: Surcharge
    reason: Words | None = None


class RollbackFailed(OfPromotion):
    """The deployer could not restore the last stable version, or there is none.

    `surcharge` is what the module carries from now on: it failed, whatever comes after, so that a later success adds
    nothing. None in events of before ledger_0003, which left it as it was.
    """

    kind: ClassVar[str] = "rollback-failed"
    leads_to: ClassVar[Event] = Event.ROLLBACK_FAILED
    reason: Words
    surcharge: Surcharge | None = None
