"""All archives -> all series, in two processes or one, with the same result."""

import itertools
import multiprocessing
import pathlib
from collections.abc import Iterator

from tqdm import tqdm

from promotion_gate.collect.django import archives, layout
from promotion_gate.collect.django.series import Job, Series, read

Births = dict[str, float]


def jobs(found: dict[str, pathlib.Path]) -> list[Job]:
    """Return one job a series, oldest first, each with the x.y.0 before it. ArchiveError where one is missing."""
    names = sorted({archives.series_of(version) for version in found}, key=archives.number)
    for name in names:
        if name not in found:
            raise archives.ArchiveError(f"Django {name}: patch releases are there, the archive of {name} itself is not")
    made = []
    for before, name in itertools.pairwise(names):
        if archives.number(name)[:2] >= archives.OLDEST_SERIES:
            own = {version: path for version, path in found.items() if archives.series_of(version) == name}
            made.append(Job(name, own, found[before]))
    if not made:  # or the tables would be overwritten by empty ones
        raise archives.ArchiveError("no archives of two series to mine; run without --offline to download them")
    return made


def mine(found: dict[str, pathlib.Path], workers: int = 2) -> list[Series]:
    """Read every series, showing progress; the longest first, the result oldest first whatever the workers."""
    todo = sorted(jobs(found), key=lambda job: -len(job.archives))
    with multiprocessing.Pool(workers) as pool:
        done = list(tqdm(pool.imap_unordered(read, todo), desc="series", total=len(todo), unit="series"))
    return sorted(done, key=lambda series: archives.number(series.name))


def _paths(path: pathlib.Path) -> tuple[float, list[str]]:
    time, texts = archives.read(path, layout.is_module)
    return time, list(texts)


def births(found: dict[str, pathlib.Path], workers: int = 2) -> Births:
    """Return {module: time of the x.y.0 archive that first held its path}, from the oldest archive on."""
    bases = [
        path
        for version, path in sorted(found.items(), key=lambda pair: archives.number(pair[0]))
        if archives.number(version)[2] == 0
    ]
    born: Births = {}
    with multiprocessing.Pool(workers) as pool:
        for time, names in tqdm(pool.imap(_paths, bases), desc="ages", total=len(bases), unit="archive"):
            for name in names:
                born.setdefault(name, time)
    return born


def oddities(series: list[Series]) -> Iterator[str]:
    """Yield one line for each thing that a reader of the tables ought to know of what was read."""
    for one in series:
        unread = sum(figures["classes"] is None for figures in one.metrics.values())
        if unread:
            yield f"{one.name}: {unread} modules do not parse with this Python; their syntax figures are empty"
        times = [time for time, _ in one.released.values()]
        if times != sorted(times):
            yield f"{one.name}: archive times are not in the order of the versions"
