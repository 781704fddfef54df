"""Files followed through their renames, commit by commit, parents first.

A file is known by its birth: the commit that added it and its first path. A path that was renamed away still leads to
its file until another is added there: branches go on changing it under the old name. A file that is added where one was
deleted is that one again, as after a deletion that was taken back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from promotion_gate.collect.git.history import Commit, FileChange

Birth = tuple[int, str]
"""The place of the commit that added a file, and the path that it had there."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A change of a file by the commit at `place`: lines, None where none were counted."""

    place: int
    added: int | None
    deleted: int | None


@dataclass
class Lineage:
    """The files as the commits that were followed so far left them.

    `present` are paths with the file there; `moved` and `deleted` are paths with the file that was there. `touches` are
    the changes of each file, in order. Changes by commits that do not count only move files.
    """

    present: dict[str, Birth] = field(default_factory=dict)
    moved: dict[str, Birth] = field(default_factory=dict)
    deleted: dict[str, Birth] = field(default_factory=dict)
    touches: dict[Birth, list[Touch]] = field(default_factory=dict)

    def copy(self) -> "Lineage":
        """Return one that goes on by itself from here."""
        touches = {birth: list(changes) for birth, changes in self.touches.items()}
        return Lineage(dict(self.present), dict(self.moved), dict(self.deleted), touches)

    def follow(self, place: int, commit: Commit, counts: bool) -> dict[str, Birth]:
        """Apply a commit; return the file behind each path that it changed.

        Args:
            place: of the commit.
            commit: the next one, parents first.
            counts: whether its changes are remembered; without, files are only moved.
        """
        sources = {
            change.old_path: self.file(change.old_path) for change in commit.files if change.old_path is not None
        }
        for change in commit.files:
            if change.status == "R" and change.old_path is not None:
                self.present.pop(change.old_path, None)
                self.moved[change.old_path] = sources[change.old_path] or (place, change.path)
        found = {}
        for change in commit.files:
            birth = self._birth(place, change, sources)
            self._put(change, birth)
            found[change.path] = birth
            if counts:
                self.touches.setdefault(birth, []).append(Touch(place, change.added, change.deleted))
        return found

    def file(self, path: str) -> Birth | None:
        """Return the file that a path leads to, None where no commit that was followed has it."""
        return self.present.get(path) or self.moved.get(path) or self.deleted.get(path)

    def _birth(self, place: int, change: FileChange, sources: Mapping[str, Birth | None]) -> Birth:
        new = (place, change.path)
        if change.status == "R":
            return sources.get(change.old_path or "") or new
        if change.status == "A":
            return self.present.get(change.path) or self.deleted.get(change.path) or new
        return new if change.status == "C" else self.file(change.path) or new

    def _put(self, change: FileChange, birth: Birth) -> None:
        path = change.path
        if change.status == "D":
            self.present.pop(path, None)
            self.deleted[path] = birth
        elif change.status != "M" or self.file(path) is None:  # a branch may go on under a name that is gone elsewhere
            self.moved.pop(path, None)
            self.deleted.pop(path, None)
            self.present[path] = birth


def births_by_name(names: Iterable[Mapping[str, Birth]]) -> dict[Birth, frozenset[str]]:
    """Return all names that each file had, over releases given as path -> file."""
    found: dict[Birth, set[str]] = {}
    for release in names:
        for path, birth in release.items():
            found.setdefault(birth, set()).add(path)
    return {birth: frozenset(paths) for birth, paths in found.items()}
