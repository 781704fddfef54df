"""A repository -> rows of the raw tables, what was left out, and which modules each commit touched."""

import pathlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from promotion_gate.collect import tables
from promotion_gate.collect.git import dependencies, following, history, releases, repository, rows, snapshot
from promotion_gate.collect.git.blobs import Blobs
from promotion_gate.collect.git.cache import Cache
from promotion_gate.collect.git.graph import Graph
from promotion_gate.collect.git.history import Authors, Commit
from promotion_gate.collect.git.languages.registry import SUFFIXES, suffix
from promotion_gate.collect.git.lineage import Birth, Lineage
from promotion_gate.collect.git.measures import BINARY, Measured
from promotion_gate.collect.git.measuring import LARGE, MISSING, measured
from promotion_gate.collect.git.naming import Naming, matcher
from promotion_gate.collect.git.releases import Plan, Release
from promotion_gate.collect.git.repository import Repository
from promotion_gate.collect.git.rules import Rules
from promotion_gate.collect.git.settings import GitSettings
from promotion_gate.collect.git.skipped import Skipped
from promotion_gate.collect.git.snapshot import Snapshot
from promotion_gate.errors import InputError

Row = dict[str, object]


@dataclass(frozen=True)
class How:
    """What is the same for all repositories of a run."""

    plan: Plan
    naming: Naming
    settings: GitSettings
    authors: Authors
    workers: int


@dataclass
class Mined:
    """What a repository holds.

    `commits` come parents before children; `touched` are, by the place of a commit, the names that the modules which it
    changed have in the releases: of a file that was renamed between two releases both. `rows` are those of the tables.
    `uncounted` are the places of commits that do not count, with the reason.
    """

    project: str
    commits: Sequence[Commit]
    touched: Mapping[int, frozenset[str]]
    releases: list[Row] = field(default_factory=list)
    modules: list[Row] = field(default_factory=list)
    dependencies: list[Row] = field(default_factory=list)
    report: dict[str, object] = field(default_factory=dict)
    uncounted: Mapping[int, str] = field(default_factory=dict)


@dataclass
class _Reading:
    """A repository while it is read."""

    repository: Repository
    how: How
    graph: Graph
    releases: Sequence[Release]
    left_out: Callable[[str], bool]
    skipped: Skipped = field(default_factory=Skipped)
    unresolved: Counter[str] = field(default_factory=Counter)

    def snapshot(self, release: Release) -> Snapshot:
        commit = self.graph.commits[release.place].sha
        return snapshot.take(self.repository, commit, self.left_out, self.how.naming, self.skipped)


def mine(project: str, path: pathlib.Path, how: How, cache: Cache) -> Mined:
    """Read a repository.

    Raises:
        InputError: there is no repository, its history is not whole, or it has no release.
    """
    settings = how.settings
    with repository.opened(project, path, settings.max_bytes) as opened:
        graph, found, empty = _history(opened, how)
        reading = _Reading(opened, how, graph, found, matcher(settings.left_out, "left_out"))
        wanted = set()
        for release in tqdm(found, desc=f"{project}: trees", unit="release", disable=None):
            wanted |= {(blob, suffix(path)) for path, blob in reading.snapshot(release).blobs.items()}
        limits = (settings.max_bytes, settings.seconds_per_file)
        measures = measured(project, opened.scratch, wanted, cache, limits, how.workers)
        return _tables(reading, measures, empty)


def _history(opened: Repository, how: How) -> tuple[Graph, list[Release], list[str]]:
    """The commits, and the releases among them."""
    tags = how.plan.tags(opened.tags)
    if how.plan.kind == "tags" and not tags:
        some = ", ".join(sorted(opened.tags)[:5]) or "none"
        raise InputError(f"{opened.name}: no tag fits {how.plan.pattern!r}; the repository's tags: {some}")
    tips = sorted({opened.head, *tags.values()})
    total = history.count(opened, tips)
    with tqdm(total=total, desc=f"{opened.name}: history", unit="commit", disable=None) as bar:
        graph = Graph.of(history.read(opened, tips, SUFFIXES, how.authors, bar))
    found, empty = releases.chosen(how.plan, graph, opened.head, tags, opened.tag_times())
    if not found:
        short = f"no commit lies {how.plan.days} days after the first"
        early = f"nothing was committed by {', '.join(empty)}"
        raise InputError(f"{opened.name}: no release: {early if empty else short}")
    return graph, found, empty


def _tables(reading: _Reading, measures: Mapping[tuple[str, str], Measured], empty: list[str]) -> Mined:
    opened, graph = reading.repository, reading.graph
    settings = reading.how.settings
    rules = Rules.of(opened, settings.mass_commit_files, settings.max_bytes)
    touched: following.Touched = {}
    names: dict[Birth, set[str]] = {}
    by_place: dict[int, list[Release]] = {graph.places[opened.head]: []}
    for release in reading.releases:
        by_place.setdefault(release.place, []).append(release)
    mined = Mined(opened.name, graph.commits, {})
    with (
        Blobs(opened.scratch) as contents,
        tqdm(total=len(by_place), desc=f"{opened.name}: tables", disable=None) as bar,
    ):
        for place, lineage in following.followed(graph, by_place, rules.counts, touched):
            for release in by_place[place]:
                _release(reading, mined, release, lineage, measures, contents, names)
            bar.update()
    mined.touched = {
        place: frozenset(name for birth in births.values() for name in names.get(birth, ()))
        for place, births in touched.items()
    }
    mined.uncounted = {place: why for place, one in enumerate(graph.commits) if (why := rules.reason(one))}
    mined.report = _report(reading, mined, rules, empty)
    return mined


def _release(
    reading: _Reading,
    mined: Mined,
    release: Release,
    lineage: Lineage,
    measures: Mapping[tuple[str, str], Measured],
    contents: Blobs,
    names: dict[Birth, set[str]],
) -> None:
    """Add the rows of a release."""
    taken = reading.snapshot(release)
    files = {path: measures[blob, suffix(path)] for path, blob in taken.blobs.items()}
    kept = {path: one for path, one in files.items() if _is_module(path, taken.blobs[path], one, reading.skipped)}
    modules: dict[str, list[str]] = {}
    for path in sorted(kept):
        modules.setdefault(taken.modules[path], []).append(path)
    births = {path: birth for path in kept if (birth := lineage.file(path)) is not None}
    key: Row = {"project": mined.project, "release": release.name}
    mined.releases.append({**key, "released_at": tables.utc(release.time)})
    for module, paths in modules.items():
        known = [births[path] for path in paths if path in births]
        past = rows.history(known, lineage.touches, reading.graph.commits, release.time)
        size = rows.size(kept[path].figures for path in paths)
        mined.modules.append({**key, "module": module, **size, "files": len(paths), **past})
        for birth in known:
            names.setdefault(birth, set()).add(module)
    parsed = {path: one.parsed for path, one in kept.items() if one.parsed is not None}
    read = {path: contents.read(blob, reading.how.settings.max_bytes) for path, blob in taken.manifests.items()}
    manifests = {path: content for path, content in read.items() if content is not None}
    edges = dependencies.edges(parsed, taken.modules, manifests, reading.unresolved)
    mined.dependencies += [{**key, "module": one, "depends_on": two} for one, two in edges]


def _is_module(path: str, blob: str, measured: Measured, skipped: Skipped) -> bool:
    """Whether a file is of a module: not what is no source after all, too large to be one, or without a line of code.

    Source that could not be measured is: its history is known all the same.
    """
    if measured.problem is not None:
        skipped.add(f"not measured: {measured.problem}", f"{path} {blob}" if measured.problem == MISSING else path)
        return measured.problem not in (BINARY, LARGE)
    if measured.figures is not None and not measured.figures["loc"]:
        skipped.add("no line of code", path)
        return False
    if measured.parsed is None and suffix(path) == ".py":
        skipped.add("imports not read: no Python of this version", path)
    return True


def _report(reading: _Reading, mined: Mined, rules: Rules, empty: list[str]) -> dict[str, object]:
    opened, graph = reading.repository, reading.graph
    for tag in reading.how.plan.tags(dict.fromkeys(opened.no_commit, "")):
        reading.skipped.add("tag that leads to no commit", tag)
    for blob in opened.absent:
        reading.skipped.add("lines of changes not counted: missing blob", blob)
    for name in empty:
        reading.skipped.add("date before the first commit", name)
    modules = Counter(str(row["release"]) for row in mined.modules)
    edges = Counter(str(row["release"]) for row in mined.dependencies)
    return {
        "project": mined.project,
        "head": opened.head,
        "commits": rules.report(graph.commits),
        "releases": [
            {
                "release": release.name,
                "released_at": tables.utc(release.time),
                "commit": graph.commits[release.place].sha,
                "modules": modules[release.name],
                "dependencies": edges[release.name],
            }
            for release in reading.releases
        ],
        "imports_without_an_edge": dict(sorted(reading.unresolved.items())),
        "skipped": reading.skipped.report(),
        "shallow": sorted(opened.shallow),
    }
