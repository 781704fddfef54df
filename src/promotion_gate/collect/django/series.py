"""One series of archives, x.y.0 and its patch releases, read in order: what was there, changed and noted."""

import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from promotion_gate.collect import churn, imports
from promotion_gate.collect.django import archives, layout, metrics, notes
from promotion_gate.collect.substance import FORMAL_NAMES, changed_symbols

DEPRECATION = re.compile(r"RemovedInDjango\d+Warning")
RELEASE_NAME = re.compile(r"\bDjango \d+(?:\.\d+)*")
TEST_SWITCHES = frozenset({"django_test_skips", "django_test_expected_failures"})


@dataclass(frozen=True)
class Change:
    """A module that the patch release `version` changed in substance: which symbols, and the changed lines."""

    version: str
    module: str
    symbols: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """What the archives of one series hold.

    `released` maps each version to (its time, that of the version before it or None), seconds since 1970. `metrics`
    maps the modules of x.y.0 to their figures. `items` are (version of the archive that fixed it, item).
    """

    name: str
    released: dict[str, tuple[float, float | None]]
    metrics: dict[str, dict[str, int | None]]
    edges: list[tuple[str, str]]
    changes: list[Change]
    items: list[tuple[str, notes.Item]]


@dataclass(frozen=True)
class Job:
    """A series to read: its archives, oldest first, and the x.y.0 archive before it."""

    name: str
    archives: dict[str, pathlib.Path]
    previous: pathlib.Path


def of_base(path: str) -> bool:
    """Say whether a file of an x.y.0 archive is read."""
    return layout.is_module(path) or layout.is_test(path) or layout.is_documentation(path)


def of_patch(path: str) -> bool:
    """Say whether a file of a patch release is read."""
    return layout.is_module(path) or layout.noted_version(path) is not None


def substance(before: str, after: str) -> list[str]:
    """Return the symbols of a module of Django that changed in substance.

    To which release a deprecation points, and which tests a database back end skips, are none.
    """
    if before == after:
        return []
    symbols = changed_symbols(without_versions(before), without_versions(after), FORMAL_NAMES | TEST_SWITCHES)
    return [symbol for symbol in symbols if symbol.rpartition(".")[2] not in TEST_SWITCHES]


def without_versions(text: str) -> str:
    """Return a text that names no release of Django."""
    return DEPRECATION.sub("RemovedInDjangoWarning", RELEASE_NAME.sub("Django", text))


def changes(version: str, before: dict[str, str], after: dict[str, str]) -> Iterator[Change]:
    """Yield the modules of both archives that changed in substance."""
    for module in sorted(before.keys() & after.keys()):
        if symbols := substance(before[module], after[module]):
            yield Change(version, module, tuple(symbols), tuple(churn.diff(before[module], after[module])))


def noted_items(texts: dict[str, str], after: str, upto: str) -> Iterator[notes.Item]:
    """Yield the items of the notes later than `after` up to `upto`.

    They are more than one version's where an archive was withdrawn: its fixes then first come with the next one.
    """
    low, high = archives.number(after), archives.number(upto)
    found = {version: text for path, text in texts.items() if (version := layout.noted_version(path))}
    for version in sorted(found, key=archives.number):
        if low < archives.number(version) <= high:
            yield from notes.parse(version, found[version])


def read(job: Job) -> Series:
    """Read a series' archives; ArchiveError names the one that cannot be read."""
    (base, path), *patches = job.archives.items()
    time, texts = archives.read(path, of_base)
    modules = {name: text for name, text in texts.items() if layout.is_module(name)}
    tests = {name: text for name, text in texts.items() if layout.is_test(name)}
    pages = {name: text for name, text in texts.items() if layout.is_documentation(name)}
    _, previous = archives.read(job.previous, layout.is_module)
    figures = metrics.measure(modules, previous, tests, pages)
    edges = imports.edges({name: text for name, text in modules.items() if name in figures})
    released: dict[str, tuple[float, float | None]] = {base: (time, None)}
    changed: list[Change] = []
    items: list[tuple[str, notes.Item]] = []
    before, last = {name: text for name, text in modules.items() if name in figures}, base
    for version, path in patches:
        time, texts = archives.read(path, of_patch)
        released[version] = (time, released[last][0])
        after = {name: text for name, text in texts.items() if name in figures}
        changed += changes(version, before, after)
        items += [(version, item) for item in noted_items(texts, last, version)]
        before, last = after, version
    return Series(job.name, released, figures, edges, changed, items)
