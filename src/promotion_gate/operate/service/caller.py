"""Who calls, and what that token may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from promotion_gate.operate.service.problems import Problem


class Scope(StrEnum):
    """What a token may do; admin may all, the others do not include one another."""

    READ = "read"
    REQUEST = "request"
    REVIEW = "review"
    OPERATE = "operate"
    INGEST = "ingest"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Somebody whose token was known, or anybody of this machine where tokens were switched off.

    Attributes:
        name: of the token, the actor of all that it does.
        scopes: of the token.
        project: the only one that it may see and touch; None: all.
    """

    name: str
    scopes: frozenset[str]
    project: str | None = None

    def may(self, scope: Scope) -> bool:
        """Say whether the scope is given."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def check(self, scope: Scope) -> None:
        """Refuse what the token may not do: Problem 403."""
        if not self.may(scope):
            given = ", ".join(sorted(self.scopes))
            raise Problem(403, "scope-missing", f"this token has the scopes {given}", expected=f"the scope {scope}")

    def sees(self, project: str) -> bool:
        """Say whether a project is the token's."""
        return self.project in (None, project)

    def within(self, projects: Iterable[str]) -> None:
        """Refuse other projects' modules: Problem 403."""
        for project in projects:
            if not self.sees(project):
                said = f"this token is for the project {self.project} alone"
                raise Problem(403, "other-project", said, where="project", expected=str(self.project))


LOCAL_SCOPES = frozenset({str(Scope.ADMIN)})
