"""Repositories as a command line names them -> projects."""

import pathlib
from collections.abc import Iterable

from promotion_gate.collect.git.naming import plain
from promotion_gate.errors import InputError


def projects(written: Iterable[str]) -> dict[str, pathlib.Path]:
    """Return {project: path}: NAME=PATH, or a path alone, whose folder's name (without .git) is the project's.

    Raises:
        InputError: two have one name, or a name is no name.
    """
    found: dict[str, pathlib.Path] = {}
    for one in written:
        name, equals, rest = one.partition("=")
        named = bool(equals) and not pathlib.Path(one).exists()
        path = pathlib.Path(rest if named else one)
        full = path.absolute()
        project = name if named else (full.parent if full.name == ".git" else full).name.removesuffix(".git")
        if not plain(project):
            raise InputError(f"{one!r}: a name of printable characters is expected; give one as NAME=PATH")
        if project in found:
            raise InputError(f"{one}: there are two projects {project}; name them as NAME=PATH")
        found[project] = path
    return found
