"""A coverage report of a revision -> the lines of its modules, each with what the module's files held then."""

import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from promotion_gate.collect.coverage_mapping import Mapped, map_to_modules
from promotion_gate.collect.git import repository, snapshot
from promotion_gate.collect.git.naming import Naming
from promotion_gate.collect.git.process import GitError
from promotion_gate.collect.git.repository import Repository
from promotion_gate.collect.git.skipped import Skipped
from promotion_gate.errors import InputError
from promotion_gate.schema import FileLines, SuiteCoverage


@dataclass(frozen=True)
class Revision:
    """A commit: its hash, when it was committed (seconds since 1970), the modules' files with their blobs."""

    sha: str
    time: int
    modules: Mapping[str, Mapping[str, str]]

    def files(self) -> dict[str, str]:
        """Return {file: module}."""
        return {file: module for module, blobs in self.modules.items() for file in blobs}


def revision(
    project: str, path: pathlib.Path, written: str, left_out: Callable[[str], bool], naming: Naming, max_bytes: int
) -> Revision:
    """Read what a revision's modules are made of.

    Args:
        project: its name, for messages.
        path: of the repository.
        written: a commit's hash, whole or its beginning, or HEAD or a tag.
        left_out: whether a file is of no module.
        naming: of modules.
        max_bytes: of a file.

    Raises:
        InputError: there is no such commit, or its tree is not whole.
    """
    with repository.opened(project, path, max_bytes) as opened:
        sha = _commit(opened, written)
        time = int(opened.run("show", "--no-patch", "--format=%ct", sha))
        taken = snapshot.take(opened, sha, left_out, naming, Skipped())
    modules: dict[str, dict[str, str]] = {}
    for file, module in taken.modules.items():
        modules.setdefault(module, {})[file] = taken.blobs[file]
    return Revision(sha, time, modules)


def _commit(opened: Repository, written: str) -> str:
    if written == "HEAD":
        return opened.head
    if written in opened.tags:
        return opened.tags[written]
    try:
        found = opened.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{written}^{{commit}}")
    except GitError:
        raise InputError(
            f"--revision {written}: no such commit in {opened.path}; a commit's hash, HEAD or a tag is expected"
        ) from None
    return found.decode().strip()


def by_module(
    report: Mapping[str, SuiteCoverage], of: Revision, source: str
) -> tuple[dict[str, dict[str, FileLines]], Mapped]:
    """Return the lines of each module by file, and which of the report's paths belong to no file of a module.

    Args:
        report: what it says of each path.
        of: the revision on which the suite ran.
        source: folder that paths are relative to as well, see `coverage_mapping.source_of`.
    """
    files = of.files()
    mapped = map_to_modules(report, files, source)
    found: dict[str, dict[str, FileLines]] = {}
    for file, lines in mapped.modules.items():
        [told] = (lines.files or {}).values()
        found.setdefault(files[file], {})[file] = told
    return found, mapped
