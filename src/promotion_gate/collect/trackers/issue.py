"""An issue of a tracker, and what became of the rows of an export: read, set aside by a rule, or rejected."""

from collections import Counter
from dataclasses import dataclass, field

from promotion_gate.schema import LEVELS

WORST_FIRST = tuple(reversed(LEVELS[1:]))
"""Severities that a failure can have."""

NOT_A_BUG = "not a bug"
NOT_FIXED = "not resolved as fixed"


class RowError(Exception):
    """A row that cannot be read: the column, its value, and what was expected."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.reason = column, value, reason


@dataclass(frozen=True)
class Reject:
    """A row that could not be read, by its line in the file (a JSON list's first item is 1)."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Issue:
    """A bug that was resolved as fixed.

    `names` are what commits call it, as `mentions` finds them. `created` and `resolved` are seconds since 1970, None
    where the export does not say. `module` is the one that the tracker names itself, as incidents do. `project` is the
    only one that it may belong to, None where any may. `dated` says that a commit from before it was created cannot
    mean it, as a bare number may.
    """

    key: str
    names: frozenset[str]
    severity: str
    created: int
    resolved: int | None = None
    module: str | None = None
    project: str | None = None
    dated: bool = False


@dataclass
class Export:
    """What an export holds.

    `rows` is their number; each is an issue, a reject, or counted in `set_aside` by reason.
    """

    tracker: str
    file: str
    rows: int = 0
    issues: list[Issue] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)
