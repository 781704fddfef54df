"""Coverage that was collected, in a folder: a file for each revision, suite and environment, as JSON.

    {"format": "promotion-gate coverage/1", "project", "revision": hash, "committed_at": seconds since 1970, "suite",
     "environment": name or null, "contents": {module: sha256 of its files' paths and blobs},
     "modules": {module: {file: {"executed_lines": [..], "missing_lines": [..]}}}}

`contents` has every module of the revision, `modules` those that the report told of. The newest report of a suite and
environment counts for a module; an older one is carried forward to a later revision as long as the module's content is
the same in both.
"""

import hashlib
import json
import pathlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from promotion_gate.errors import InputError
from promotion_gate.schema import Count, FileLines, Name, SuiteCoverage

FORMAT = "promotion-gate coverage/1"
SUITE = re.compile(r"[\w.-]{1,64}")


class Saved(BaseModel):
    """One saved report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    project: Name
    revision: Name
    committed_at: Count
    suite: Name
    environment: Name | None
    contents: Mapping[Name, str]
    modules: Mapping[Name, Mapping[Name, FileLines]]

    @property
    def report(self) -> str:
        """Name of the report among those of a module: `unit`, or `unit@py311`."""
        return self.suite if self.environment is None else f"{self.suite}@{self.environment}"

    def lines(self, module: str, version: str) -> SuiteCoverage:
        """Return what it says of a module, as of a version."""
        return summed(self.modules[module], version)


@dataclass(frozen=True)
class Standing:
    """What is known of a module at a revision.

    `suites` are the reports with their lines; those that ran on another content of the module carry their own
    revision as version. `carried` are the reports from earlier revisions that still hold, with these.
    """

    suites: Mapping[str, SuiteCoverage]
    carried: Mapping[str, str]


@dataclass(frozen=True)
class Folder:
    """All saved reports of a project, oldest first."""

    path: pathlib.Path
    reports: tuple[Saved, ...]

    def revision(self, written: str | None) -> Saved:
        """Return a report of a revision, by its hash or the beginning of it.

        Raises:
            InputError: none was named, none was saved, or several fit.
        """
        newest = {report.revision: report for report in self.reports}
        some = ", ".join(sha[:12] for sha in list(newest)[-5:])
        if not written:
            raise InputError(f"{self.path}: give --version REVISION: of which commit? The newest saved: {some}")
        fitting = [report for sha, report in newest.items() if sha.startswith(written.lower())]
        if len(fitting) != 1:
            several = "several revisions" if fitting else "no report of a revision"
            raise InputError(
                f"{self.path}: {several} {written!r:.80}; the newest saved: {some}; run `collect coverage` on it"
            )
        return fitting[0]

    def standing(self, module: str, at: Saved, version: str) -> Standing:
        """Return what the reports say of a module at a revision.

        Of each suite and environment the newest report up to then counts that ran on the module's content of then.
        A suite of which none does, but that ran on another content, is there with its own revision: it is stale.

        Args:
            module: its name.
            at: a report of the revision.
            version: what the revision is called in the request.
        """
        suites: dict[str, SuiteCoverage] = {}
        carried: dict[str, str] = {}
        stale: dict[str, Saved] = {}
        content = at.contents.get(module)
        for saved in self.reports:  # oldest first: the newest stays
            if module not in saved.modules or _order(saved) > (at.committed_at, at.revision):
                continue
            if content is None or saved.contents.get(module) != content:
                stale[saved.report] = saved
                continue
            suites[saved.report] = saved.lines(module, version)
            carried.pop(saved.report, None)
            if saved.revision != at.revision:
                carried[saved.report] = saved.revision
        fresh = {name.partition("@")[0] for name in suites}
        for name, saved in stale.items():
            if saved.suite not in fresh:
                suites[name] = saved.lines(module, saved.revision)
        return Standing(suites, carried)


def _order(saved: Saved) -> tuple[int, str]:
    return saved.committed_at, saved.revision


def content(blobs: Mapping[str, str]) -> str:
    """Return the hash of a module's content, from the blob of each of its files."""
    told = json.dumps(sorted(blobs.items()), ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()


def read(path: pathlib.Path) -> Folder:
    """Read a folder of saved reports.

    Raises:
        InputError: it has none, a file is none, or they are of several projects.
    """
    found = [_one(file) for file in sorted(path.glob("*.json"))]
    if not found:
        raise InputError(f"{path}: no saved coverage in this folder; see `promotion-gate collect coverage`")
    projects = sorted({report.project for report in found})
    if len(projects) > 1:
        raise InputError(f"{path}: reports of several projects: {', '.join(projects)}; give each a folder of its own")
    return Folder(path, tuple(sorted(found, key=lambda saved: (*_order(saved), saved.report))))


def _one(file: pathlib.Path) -> Saved:
    try:
        saved = Saved.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{file}: no saved coverage: {where or 'the file'}: {first['msg']}") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    if saved.format != FORMAT:
        raise InputError(f"{file}: no saved coverage: its format is {saved.format!r:.80}, {FORMAT!r} is expected")
    return saved


def write(folder: pathlib.Path, saved: Saved) -> pathlib.Path:
    """Save a report, whole or not at all; one of the same revision, suite and environment is replaced.

    Raises:
        InputError: the folder holds another project's.
    """
    if folder.is_dir() and any(folder.glob("*.json")):
        project = read(folder).reports[0].project
        if project != saved.project:
            raise InputError(f"{folder}: has coverage of project {project}; give {saved.project} a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{saved.revision[:16]}.{quote(saved.report, safe='@')}.json"
    part = path.with_name(path.name + ".part")
    part.write_text(saved.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def united(reports: Iterable[Mapping[str, FileLines]]) -> dict[str, FileLines]:
    """Return the union of what several reports tell of a module, by file; a line counts once, covered if in any."""
    executed: dict[str, set[int]] = {}
    seen: dict[str, set[int]] = {}
    for report in reports:
        for file, told in report.items():
            executed.setdefault(file, set()).update(told.executed_lines)
            seen.setdefault(file, set()).update(told.executed_lines, told.missing_lines)
    return {
        file: FileLines(
            executed_lines=tuple(sorted(executed[file])), missing_lines=tuple(sorted(every - executed[file]))
        )
        for file, every in seen.items()
    }


def summed(files: Mapping[str, FileLines], version: str | None = None) -> SuiteCoverage:
    """Return the lines of a module's files as coverage."""
    executed = sum(len(lines.executed_lines) for lines in files.values())
    missing = sum(len(lines.missing_lines) for lines in files.values())
    return SuiteCoverage(lines_covered=executed, lines_total=executed + missing, version=version, files=dict(files))
