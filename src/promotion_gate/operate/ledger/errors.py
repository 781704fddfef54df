"""What can go wrong with the ledger, each a line for people; a service gives each its own status.

PromotionGateError
├── IllegalTransition     2   the promotion's state does not allow it; names what is allowed
├── Conflict              2   another write was first, or says otherwise: read again
│   └── Busy              2   another deployment or rollback is under way: ask again later
├── NotFound              2   no such promotion, module or token
├── NotAllowed            2   this person may not do that
└── LedgerUnavailable     4   the database did not take the write: nothing was acknowledged
"""
# ruff: noqa: N818 - the names say what happened; that they are errors the base says

from promotion_gate.errors import PromotionGateError


class IllegalTransition(PromotionGateError):
    """A promotion cannot do that in its present state."""


class Conflict(PromotionGateError):
    """What was written since stands against it: another promotion, a newer revision, the same key with another body."""


class Busy(Conflict):
    """Another deployment or rollback is under way, and did not end in time."""


class NotFound(PromotionGateError):
    """The ledger knows nothing of that name."""


class NotAllowed(PromotionGateError):
    """Somebody else must do that."""


class LedgerUnavailable(PromotionGateError):
    """The database cannot be reached or cannot write (disk full, restart, lock). It is not known to be written."""

    exit_code = 4
