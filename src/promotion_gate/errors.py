"""Every error that a user can cause, each with the exit code that the command line gives for it.

PromotionGateError
├── InputError      2   a file, row, request or parameter that breaks its contract
├── ModelError      3   no registered model, or one that does not fit the installed code or its own hash
├── DeployError     4   a deployer did not do what it was asked (operate/deployers/protocol.py)
└── the ledger's    2 or 4, unavailable (operate/ledger/errors.py)
"""


class PromotionGateError(Exception):
    """Base of all: its text is one line that says what, where, what was expected and what to do."""

    exit_code = 2


class InputError(PromotionGateError):
    """Something that was read breaks its contract."""


class ModelError(PromotionGateError):
    """There is no model to answer with, or it cannot be trusted."""

    exit_code = 3
