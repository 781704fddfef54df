"""Blobs -> measures, on all cores, each blob once; what is known already comes from the cache."""

import hashlib
import multiprocessing
import pathlib
import signal
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

from tqdm import tqdm

from promotion_gate.collect.git import blobs as contents
from promotion_gate.collect.git.cache import Cache
from promotion_gate.collect.git.measures import Measured, edition, measure

MISSING = "missing blob"
LARGE = "over the size limit"
CHUNK = 24
"""Blobs that a worker takes at a time: what a stopped run has to measure again, at most, for each worker."""

Blob = tuple[str, str]
"""A blob's hash and the ending of the file, which tells its language."""

Task = tuple[str, int, int, tuple[Blob, ...]]
"""Git directory, bytes of a file and seconds for a file at most, blobs."""


def measured(
    name: str, scratch: pathlib.Path, wanted: Iterable[Blob], cache: Cache, limits: tuple[int, int], workers: int
) -> dict[Blob, Measured]:
    """Return the measures of each blob, the same whatever the number of workers.

    Args:
        name: of the project, for the progress bar and messages.
        scratch: git directory.
        wanted: blobs.
        cache: is asked first, and told chunk by chunk.
        limits: bytes of a file, seconds for a file.
        workers: processes.
    """
    blobs = sorted(set(wanted))
    max_bytes, seconds = limits
    made = edition(seconds)
    keys = {blob: hashlib.sha256(f"{made} {blob[0]} {blob[1]}".encode()).hexdigest() for blob in blobs}
    known = cache.get(keys.values())
    found = {blob: Measured.of(known[key]) for blob, key in keys.items() if key in known}
    todo = []
    size = dict(contents.sizes(name, scratch, sorted({blob[0] for blob in blobs if blob not in found})))
    for blob in blobs:
        if blob in found:
            continue
        bytes_ = size[blob[0]]
        if bytes_ is None or bytes_ > max_bytes:  # not kept: a fetch or another limit may change it
            found[blob] = Measured(None, None, MISSING if bytes_ is None else LARGE)
        else:
            todo.append(blob)
    tasks = [(str(scratch), max_bytes, seconds, tuple(todo[at : at + CHUNK])) for at in range(0, len(todo), CHUNK)]
    with (  # `closing`, so that Ctrl-C ends the workers at once
        tqdm(total=len(blobs), initial=len(blobs) - len(todo), desc=f"{name}: files", unit="file", disable=None) as bar,
        closing(_results(tasks, workers)) as results,
    ):
        for part in results:
            cache.put({keys[blob]: plain for blob, plain in part.items() if plain["problem"] != MISSING})
            found.update((blob, Measured.of(plain)) for blob, plain in part.items())
            bar.update(len(part))
    return found


def _results(tasks: list[Task], workers: int) -> Generator[Mapping[Blob, Any], None, None]:
    if workers == 1 or len(tasks) < 2:
        yield from map(run, tasks)
        return
    # A fresh interpreter a worker: no open database or thread of this one is copied.
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(workers, len(tasks)), initializer=_quiet) as pool:
        yield from pool.imap_unordered(run, tasks)


def _quiet() -> None:
    """Ctrl-C is the parent's to answer; it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(task: Task) -> dict[Blob, Any]:
    """Measure the blobs of a task, by name of the git directory; the result is plain, for it crosses processes."""
    scratch, max_bytes, seconds, blobs = task
    done: dict[Blob, Any] = {}
    with contents.Blobs(pathlib.Path(scratch)) as opened:
        for blob in blobs:
            source = opened.read(blob[0], max_bytes)
            result = Measured(None, None, MISSING) if source is None else measure(blob[1], source, seconds)
            done[blob] = result.plain()
    return done
