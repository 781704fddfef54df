"""Deployers by name: entry points of the group `promotion_gate.deployers`, ours and those of other packages."""

import functools
import pathlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from promotion_gate import yaml_file
from promotion_gate.errors import InputError
from promotion_gate.operate.deployers.protocol import Deployer, Factory, LastStable

GROUP = "promotion_gate.deployers"

Place = tuple[str, str]
"""Project and level: one deployer serves one place."""


def kinds() -> dict[str, EntryPoint]:
    """Return the registered deployers by name. InputError where two packages register the same name."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda one: (one.name, one.value)):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise InputError(f"two deployers are called {entry.name}: {other.value} and {entry.value}; uninstall one")
    return found


def factory(kind: Any, where: str) -> Factory:
    """Return what makes deployers of a kind.

    Raises:
        InputError: no such kind is registered, or its package cannot be imported.
    """
    found = kinds()
    if not isinstance(kind, str) or kind not in found:
        there = ", ".join(found) or "none; reinstall promotion-gate"
        raise InputError(f"{where}: no deployer is called {kind!r:.60}; there are {there}")
    try:
        made = found[kind].load()
    except Exception as error:  # whatever another package's import does
        wrong = " ".join(str(error).split())[:200]
        raise InputError(f"{where}: deployer {kind} ({found[kind].value}) cannot be loaded: {wrong}") from None
    if not callable(made):
        raise InputError(f"{where}: deployer {kind} ({found[kind].value}) is no factory")
    return cast(Factory, made)


def build(settings: Any, where: str, last_stable: LastStable) -> Deployer:
    """Return the deployer of one project and level: `kind` names it, the rest of the settings is its own.

    Raises:
        InputError: the settings are no section, name no kind that there is, or are wrong.
    """
    if not isinstance(settings, dict) or "kind" not in settings:
        raise InputError(f"{where}: a section with `kind` is expected; there are {', '.join(kinds())}")
    rest = {name: value for name, value in settings.items() if name != "kind"}
    return factory(settings["kind"], where)(rest, where, last_stable)


def read(path: pathlib.Path, last_stable: Callable[[Place, str], str | None]) -> dict[Place, Deployer]:
    """Return the deployers of a YAML file: a section for each project, in it one for each level that is deployed to.

    Args:
        path: the file.
        last_stable: project and level, and module -> its last stable version there.

    Raises:
        InputError: the file cannot be read, or as `build`.
    """
    content = yaml_file.read(path)
    found = {}
    for project, levels in _sections(content, str(path), "project"):
        for level, settings in _sections(levels, f"{path}: {project}", "level"):
            known = functools.partial(last_stable, (project, level))
            found[project, level] = build(settings, f"{path}: {project}: {level}", known)
    return found


def _sections(content: Any, where: str, what: str) -> list[tuple[str, Any]]:
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{where}: a section for each {what} is expected")
    return list(content.items())
