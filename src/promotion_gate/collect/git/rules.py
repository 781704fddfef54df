"""Which commits count: not those of bots, not mass reformatting, not the edge of a shallow clone.

Those that do not count still move files. A mass commit modifies or renames `mass_commit_files` source files or more, or
is listed in the project's own .git-blame-ignore-revs; one that only adds files (an import) is none.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from promotion_gate.collect.git.blobs import Blobs
from promotion_gate.collect.git.history import Commit
from promotion_gate.collect.git.repository import Repository

HASH = re.compile(r"^\s*([0-9a-f]{40}|[0-9a-f]{64})\s*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Rules:
    """What tells commits that do not count."""

    mass_commit_files: int
    ignored: frozenset[str]
    shallow: frozenset[str]

    @classmethod
    def of(cls, repository: Repository, mass_commit_files: int, max_bytes: int) -> "Rules":
        """Return the rules for a repository, with what its .git-blame-ignore-revs lists at the newest commit."""
        with Blobs(repository.scratch) as blobs:
            listed = blobs.read(f"{repository.head}:.git-blame-ignore-revs", max_bytes)
        ignored = frozenset(HASH.findall((listed or b"").decode("utf-8", "replace")))  # most projects list none
        return cls(mass_commit_files, ignored, repository.shallow)

    def reason(self, commit: Commit) -> str | None:
        """Return why a commit does not count, None where it does."""
        if commit.sha in self.shallow:
            return "edge of a shallow clone"
        if commit.bot:
            return "by a bot"
        if commit.sha in self.ignored:
            return "listed in .git-blame-ignore-revs"
        if sum(change.status in "MR" for change in commit.files) >= self.mass_commit_files:
            return "mass commit"
        return None

    def counts(self, commit: Commit) -> bool:
        """Say whether a commit's changes count."""
        return self.reason(commit) is None

    def report(self, commits: Iterable[Commit]) -> dict[str, int]:
        """Return the number of commits that count, of merges (they have no changes of their own), and of the others."""
        number = Counter("merges" if len(one.parents) > 1 else self.reason(one) or "counted" for one in commits)
        return dict(sorted(number.items()))
