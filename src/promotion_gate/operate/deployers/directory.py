"""Deployer `directory`: versions in folders of this machine, the running one behind a link that is switched at once.

    <root>/<module>/versions/<version>/...      whole or not there: copied aside, synced, renamed
    <root>/<module>/current -> versions/<version>
    <root>/<module>/history.json                the last switches, with their keys

Module and version are encoded, see `names`. The root must be writable by nobody else; POSIX only.
"""

import datetime as dt
import json
import pathlib
from typing import Annotated, Any

from pydantic import Field, field_validator

from promotion_gate.operate.deployers import tree
from promotion_gate.operate.deployers.durable import locked, sync_folder, write
from promotion_gate.operate.deployers.names import module_folder, version_folder, version_of
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, LastStable, Status, check_key
from promotion_gate.section import Section, parsed

LOCK_S = 30
"""How long a deployment waits for another one of the same module."""

REMEMBERED = 256
"""Switches, and with them keys, that a module's history keeps."""


class DirectorySettings(Section):
    """Where versions are put (`root`), where they come from (`sources`/<module>/<version>), how many are kept."""

    root: str
    sources: str
    keep: Annotated[int, Field(ge=2, le=1000)]

    @field_validator("root", "sources")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not pathlib.Path(path).is_absolute():
            raise ValueError(f"an absolute path is expected, not {path!r}")
        return path


def make(settings: Any, where: str, last_stable: LastStable) -> "DirectoryDeployer":
    """Return the deployer that the settings describe. InputError where they are wrong."""
    return DirectoryDeployer(parsed(DirectorySettings, settings, where), last_stable)


class DirectoryDeployer:
    """See the module's text; `last_stable` says which version is never removed, beside the current one."""

    def __init__(self, settings: DirectorySettings, last_stable: LastStable) -> None:
        self._root, self._sources = pathlib.Path(settings.root), pathlib.Path(settings.sources)
        self._keep, self._last_stable = settings.keep, last_stable

    def deploy(self, module: str, version: str, key: str) -> Deployed:
        """Switch to a version, copied from its source if it is not here, and remove the oldest beyond `keep`.

        Raises:
            DeployError: source or root is missing or not what it should be, another deployment holds the module, the
                key was another call's, or the disk refuses.
            InputError: the key is none.
        """
        return self._switch("deploy", module, version, key)

    def restore(self, module: str, version: str, key: str) -> Deployed:
        """Switch back to a version; nothing is removed. Errors as `deploy`."""
        return self._switch("restore", module, version, key)

    def status(self, module: str) -> Status:
        """Say which version `current` leads to; healthy says that it is there, not what its processes do."""
        home = self._root / module_folder(module)
        try:
            name = _current(home)
        except OSError as error:
            raise DeployError(f"{home}: cannot be read: {error.strerror}") from None
        if name is None:
            return Status(None, False, f"{module}: nothing is deployed")
        if not _is_folder(home / "versions" / name):
            return Status(version_of(name), False, f"{home}/versions/{name}: the folder is gone")
        return Status(version_of(name), True, f"current leads to {version_of(name)}")

    def _switch(self, action: str, module: str, version: str, key: str) -> Deployed:
        check_key(key)
        name, home = version_folder(version), self._root / module_folder(module)
        try:
            self._prepare(home)
            with locked(home / ".lock", LOCK_S):
                return self._switch_locked(home, name, {"key": key, "action": action, "version": version}, module)
        except TimeoutError:
            raise DeployError(f"{module}: another deployment of it has been under way for {LOCK_S} s") from None
        except OSError as error:
            raise DeployError(f"{error.filename or home}: {error.strerror or error}") from None

    def _switch_locked(self, home: pathlib.Path, name: str, call: dict[str, str], module: str) -> Deployed:
        history, version = _history(home), call["version"]
        for past in history:
            if past["key"] == call["key"]:
                return _repeated(past, call, module)
        before = _current(home)
        self._stage(home, name, module, version)
        if before != name:
            _link(home, name)
        at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        previous = None if before is None else version_of(before)
        # After the switch: cut off between the two, the call is made again and finds that nothing is left to switch.
        history = [*history, {**call, "previous": previous, "at": at}][-REMEMBERED:]
        write(home / "history.json", json.dumps(history, indent=1) + "\n")
        detail = f"switched from {previous or 'nothing'} to {version}" if before != name else f"{version} ran already"
        if call["action"] == "deploy":
            detail += self._prune(home, name, module, history)
        return Deployed(module, version, before != name, detail)

    def _prepare(self, home: pathlib.Path) -> None:
        # The root itself is never made: a disk that is not mounted would be filled beneath its mount point.
        if not self._root.is_dir():
            raise DeployError(f"{self._root}: no such folder; make it, or correct `root`")
        for folder in (home, home / "versions"):
            folder.mkdir(exist_ok=True)
            if not _is_folder(folder):
                raise DeployError(f"{folder}: is not a folder; somebody put a link or a file there")
            sync_folder(folder.parent)

    def _stage(self, home: pathlib.Path, name: str, module: str, version: str) -> None:
        """Have the version in its folder, whole."""
        aside, target = home / ".staging", home / "versions" / name
        tree.remove(aside)  # of a deployment that was cut off
        if target.is_symlink() or target.exists():
            if not _is_folder(target):
                raise DeployError(f"{target}: is not a folder; somebody put a link or a file there")
            return
        source = self._sources / module_folder(module) / name
        if not (_is_folder(source.parent) and _is_folder(source)):
            raise DeployError(f"{source}: no folder with {module} {version}; the pipeline must put it there first")
        tree.copy(source, aside)
        aside.rename(target)
        sync_folder(target.parent)

    def _prune(self, home: pathlib.Path, name: str, module: str, history: list[dict[str, Any]]) -> str:
        """Remove the versions beyond `keep`, longest unused first; what hinders that is said and fails nothing."""
        try:
            stable = self._last_stable(module)
            used = {version_folder(past["version"]): number for number, past in enumerate(history)}
            kept = {name} | (set() if stable is None else {version_folder(stable)})
            there = sorted((entry.name for entry in (home / "versions").iterdir()), key=lambda one: used.get(one, -1))
            surplus = [one for one in there if one not in kept][: max(0, len(there) - self._keep)]
            tree.remove(home / ".removed")
            for one in surplus:  # renamed first: a version is there whole or not at all
                (home / "versions" / one).rename(home / ".removed")
                sync_folder(home / "versions")
                tree.remove(home / ".removed")
        except Exception as error:  # the deployment is done: neither ledger nor disk may make a failure of it
            return f"; old versions were not removed: {' '.join(str(error).split())}"
        return f"; removed {', '.join(map(version_of, surplus))}" if surplus else ""


def _is_folder(path: pathlib.Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _current(home: pathlib.Path) -> str | None:
    """Return the folder name of the current version; None where there is none or the link is not ours."""
    try:
        leads = (home / "current").readlink()
    except FileNotFoundError:
        return None
    except OSError:
        if (home / "current").exists():
            raise DeployError(f"{home}/current: is not a link; move it away") from None
        raise
    folder, *names = leads.parts
    return names[0] if folder == "versions" and len(names) == 1 and names[0] != ".." else None


def _link(home: pathlib.Path, name: str) -> None:
    aside = home / ".current.new"
    aside.unlink(missing_ok=True)
    aside.symlink_to(f"versions/{name}")
    aside.replace(home / "current")
    sync_folder(home)


def _history(home: pathlib.Path) -> list[dict[str, Any]]:
    """Return the last switches, oldest first; none where the file is broken: a rollback must work all the same."""
    try:
        read = json.loads((home / "history.json").read_bytes())
        return [past for past in read if {"key", "action", "version"} <= past.keys()]
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return []


def _repeated(past: dict[str, Any], call: dict[str, str], module: str) -> Deployed:
    if any(past[name] != call[name] for name in ("action", "version")):
        raise DeployError(f"{module}: key {call['key']} was that of {past['action']} {past['version']}; use a new one")
    return Deployed(module, call["version"], False, f"done before under key {call['key']}, at {past.get('at')}")
