"""Issues and the commits that name them -> rows of the table `failures`, and why the others have none.

A failure is an issue and a module whose files, tests aside, a commit that names the issue changed. It occurred when the
issue was created; it was resolved, and known to be the module's, by the last such commit. A merge on the main line that
names an issue stands for what it brought, unless a commit of that names the issue too, and without those that name
others. Commits that do not count (bots', mass ones) or that were taken back link
nothing, and one that takes others back links only issues that these do not name: it is the fix of those alone. A module
has a row under each name that it has in the releases.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promotion_gate.collect import tables
from promotion_gate.collect.git.graph import Graph
from promotion_gate.collect.git.mining import Mined, Row
from promotion_gate.collect.git.skipped import Skipped
from promotion_gate.collect.trackers import mentions
from promotion_gate.collect.trackers.backouts import Backouts, backouts, brought
from promotion_gate.collect.trackers.issue import Export, Issue

COLUMNS = ("failure_id", "project", "module", "severity", "occurred_at", "resolved_at")

UNNAMED = "no commit names it"
EARLIER = "named only by commits from before it was created"
UNDONE = "its fixes were taken back"
NO_SOURCE = "its commits changed no source file"
NO_MODULE = "its commits changed no file that is a module at a release"
UNKNOWN = "names a module that no release has"
OTHER = "belongs to another project"
UNCOUNTED = "its commits do not count: "

CLOCKS = 86_400
"""Seconds by which a commit may seem older than the issue that it names."""


@dataclass
class Linked:
    """Rows of the table `failures`, how many issues they are from, and the others by reason."""

    rows: list[Row] = field(default_factory=list)
    issues: int = 0
    severities: Counter[str] = field(default_factory=Counter)
    unlinked: Skipped = field(default_factory=Skipped)


@dataclass(frozen=True)
class _History:
    """A project's commits as far as links are concerned: which a commit stands for, and why one links nothing."""

    mined: Mined
    merges: Mapping[int, Sequence[int]]
    taken: Backouts
    named: Sequence[set[str]]
    naming: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, mined: Mined, tracker: str) -> "_History":
        graph = Graph.of(mined.commits)
        merges = brought(graph, graph.places[str(mined.report["head"])])
        taken = backouts(graph, merges)
        named = [set(mentions.BY_TRACKER[tracker](commit.message)) for commit in mined.commits]
        naming: dict[str, list[int]] = {}
        for place, names in enumerate(named):
            before = (named[target] for target in taken.reverts.get(place, ()))
            for name in names.difference(*before):
                naming.setdefault(name, []).append(place)
        return cls(mined, merges, taken, named, naming)

    def link(self, issue: Issue) -> tuple[dict[str, int], str]:
        """Return the issue's modules with the time of the last fix, or none and why."""
        commits = self.mined.commits
        places = {place for name in issue.names for place in self.naming.get(name, ())}
        if not places:
            return {}, UNNAMED
        if issue.dated:
            places = {place for place in places if commits[place].time >= issue.created - CLOCKS}
        if not places:
            return {}, EARLIER
        fixes = dict(self._fixes(places))
        if not fixes:
            return {}, UNDONE
        counted = {place: when for place, when in fixes.items() if place not in self.mined.uncounted}
        if not counted:
            return {}, UNCOUNTED + min(self.mined.uncounted[place] for place in fixes)
        modules: dict[str, int] = {}
        for place, when in counted.items():
            for module in self.mined.touched.get(place, ()):
                modules[module] = max(when, modules.get(module, when))
        source = any(commits[place].files for place in counted)
        return modules, "" if modules else NO_MODULE if source else NO_SOURCE

    def _fixes(self, places: set[int]) -> Iterator[tuple[int, int]]:
        """What commits stand for, with their time: themselves and, of a merge, what it brought."""
        commits, reverts, undone = self.mined.commits, self.taken.reverts, self.taken.undone
        for place in sorted(places - undone):
            yield place, commits[place].time
            inside = self.merges.get(place, ())
            if places.isdisjoint(inside):
                own = (one for one in inside if not self.named[one] and one not in undone and one not in reverts)
                yield from ((one, commits[place].time) for one in own)


def link(export: Export, mined: Sequence[Mined]) -> Linked:
    """Link the issues of an export to the modules of projects.

    Args:
        export: of a tracker.
        mined: projects; an issue that may belong to any is looked for in all.
    """
    linked = Linked()
    if export.tracker == "incidents":
        for issue in export.issues:
            _put(linked, issue, *_named(issue, mined))
        return linked
    histories = [_History.of(one, export.tracker) for one in mined]
    for issue in export.issues:
        found: list[tuple[str, str, int | None]] = []
        why = OTHER
        for history in histories:
            if issue.project in (None, history.mined.project):
                modules, reason = history.link(issue)
                found += [(history.mined.project, module, when) for module, when in modules.items()]
                why = reason if why in (OTHER, UNNAMED) else why
        _put(linked, issue, found, why)
    return linked


def _named(issue: Issue, mined: Sequence[Mined]) -> tuple[list[tuple[str, str, int | None]], str]:
    """The module that an incident names itself."""
    owners = [one for one in mined if issue.project in (None, one.project)]
    found = [one for one in owners if any(row["module"] == issue.module for row in one.modules)]
    return [(one.project, str(issue.module), issue.resolved) for one in found], UNKNOWN if owners else OTHER


def _put(linked: Linked, issue: Issue, modules: Iterable[tuple[str, str, int | None]], why: str) -> None:
    rows: list[Row] = [
        {
            "failure_id": issue.key,
            "project": project,
            "module": module,
            "severity": issue.severity,
            "occurred_at": tables.utc(issue.created),
            "resolved_at": None if when is None else tables.utc(when),
        }
        for project, module, when in modules
    ]
    linked.rows += rows
    if rows:
        linked.issues += 1
        linked.severities[issue.severity] += 1
    else:
        linked.unlinked.add(why, issue.key if issue.module is None else f"{issue.key} {issue.module}")
