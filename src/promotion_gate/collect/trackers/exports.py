"""Exports as a command line names them -> what they hold."""

import pathlib
from collections.abc import Iterable, Sequence

from promotion_gate.collect.git.settings import Settings
from promotion_gate.collect.trackers import reading
from promotion_gate.collect.trackers.issue import Export
from promotion_gate.errors import InputError


def read_all(written: Iterable[str], settings: Settings, projects: Sequence[str]) -> list[Export]:
    """Read exports, each `FILE` or `PROJECT=FILE`.

    Raises:
        InputError: a project is none, an export cannot be read, or numbers could mean issues of several projects.
    """
    found = []
    for one in written:
        project, equals, rest = one.partition("=")
        named = bool(equals) and not pathlib.Path(one).exists()
        if named and project not in projects:
            raise InputError(f"--tracker {one}: there is no project {project}; there are {', '.join(projects)}")
        owner = project if named else projects[0] if len(projects) == 1 else None
        export = reading.read(pathlib.Path(rest if named else one), settings, owner)
        if export.tracker == "github" and owner is None:
            raise InputError(f"--tracker {one}: whose issues? Give it as PROJECT=FILE; there are {', '.join(projects)}")
        found.append(export)
    return found
