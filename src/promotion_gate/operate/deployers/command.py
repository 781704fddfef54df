"""Deployer `command`: programs of the user's own, run by argument lists, never by a shell.

A program is told module, version and key in its arguments, where they hold {module}, {version} and {key}, and always in
PROMOTION_GATE_ACTION, _MODULE, _VERSION and _KEY. `deploy` and `restore` have done it where they exit with 0. `status`
prints the version that runs on its first line, an empty one where none does; exit code 0 says that it is healthy.
"""

import hashlib
import json
import os
import pathlib
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers.durable import locked, write
from promotion_gate.operate.deployers.names import module_folder
from promotion_gate.operate.deployers.process import Finished, run
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, LastStable, Status, check_key
from promotion_gate.operate.deployers.redaction import SECRET_NAME, Redaction
from promotion_gate.section import Section, parsed

KEPT_BYTES = 64 * 1024
"""Of each output of a run, the last ones."""

KEPT_RUNS = 500
"""Records of runs that the state folder keeps, the newest."""

PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
PLACEHOLDERS = ("module", "version", "key")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Arguments = Annotated[tuple[str, ...], Field(min_length=1)]


class CommandSettings(Section):
    """The programs, the variables that they get (`secrets` are kept out of all records), seconds, where records go."""

    deploy: Arguments
    restore: Arguments
    status: Arguments
    environment: tuple[str, ...]
    secrets: tuple[str, ...]
    timeout_s: Annotated[int, Field(ge=1, le=3600)]
    state: str

    @field_validator("state")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not pathlib.Path(path).is_absolute():
            raise ValueError(f"an absolute path is expected, not {path!r}")
        return path

    @model_validator(mode="after")
    def _names_what_there_is(self) -> "CommandSettings":
        for name in ("deploy", "restore", "status"):
            program, *rest = getattr(self, name)
            if PLACEHOLDER.search(program):
                raise ValueError(f"{name}: the program itself is fixed, {program!r} is not")
            known = PLACEHOLDERS if name != "status" else ("module",)
            unknown = {found for part in rest for found in PLACEHOLDER.findall(part)}.difference(known)
            if unknown:
                raise ValueError(f"{name}: {{{min(unknown)}}} is not known; there are {', '.join(known)}")
        return self


def make(settings: Any, where: str, last_stable: LastStable) -> "CommandDeployer":
    """Return the deployer that the settings describe. InputError where they are wrong or a secret is not set."""
    read = parsed(CommandSettings, settings, where)
    for name in read.secrets:
        if not os.environ.get(name):
            raise InputError(f"{where}: the environment variable {name} is not set, a secret of the commands")
    return CommandDeployer(read, os.environ)


class CommandDeployer:
    """See the module's text; `environment` is what variables are taken from."""

    def __init__(self, settings: CommandSettings, environment: Mapping[str, str]) -> None:
        self._settings, self._state = settings, pathlib.Path(settings.state)
        passed = {*settings.environment, *settings.secrets}
        self._environment = {name: environment[name] for name in sorted(passed) if name in environment}
        self._redaction = Redaction(
            value for name, value in self._environment.items() if name in settings.secrets or SECRET_NAME.search(name)
        )

    def deploy(self, module: str, version: str, key: str) -> Deployed:
        """Run the program `deploy`, unless it ended well under this key before.

        A run that was cut off with the service is made again with its key, which the program can read: it was started
        at least once, and ended well at most once.

        Raises:
            DeployError: it cannot be started, took too long, exited with another code than 0, or a run for the module
                is under way; or the key was another call's.
            InputError: the key is none.
        """
        return self._once("deploy", module, version, key)

    def restore(self, module: str, version: str, key: str) -> Deployed:
        """Run the program `restore`, as `deploy`."""
        return self._once("restore", module, version, key)

    def status(self, module: str) -> Status:
        """Run the program `status`. DeployError where it cannot be started or takes too long."""
        record = self._run("status", {"module": module})
        if record["code"] is None:
            raise DeployError(f"{module}: {self._ended('status', record)}")
        first = record["stdout"].split("\n", 1)[0].strip()
        healthy = record["code"] == 0
        return Status(first or None, healthy and bool(first), _last_line(record) or f"exit code {record['code']}")

    def _once(self, action: str, module: str, version: str, key: str) -> Deployed:
        check_key(key)
        call = {"action": action, "module": module, "version": version, "key": key}
        path = self._state / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        try:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._state / f".{module_folder(module)}.lock", self._settings.timeout_s):
                past = _read(path)
                if past.get("code") == 0:
                    return _repeated(past, call)
                record = self._run(action, call)
                write(path, json.dumps({**call, **record}, indent=1) + "\n")
                self._prune()
        except TimeoutError:
            raise DeployError(
                f"{module}: another run for it has been under way for {self._settings.timeout_s} s"
            ) from None
        except OSError as error:
            raise DeployError(f"{error.filename or self._state}: {error.strerror or error}") from None
        if record["code"] != 0:
            raise DeployError(f"{module} {version}: {self._ended(action, record)}; output in {path}")
        return Deployed(module, version, True, _last_line(record) or f"{action} exited with 0")

    def _ended(self, action: str, record: Mapping[str, Any]) -> str:
        code, said = record["code"], _last_line(record)
        how = f"was ended after {self._settings.timeout_s} s" if code is None else f"exited with {code}"
        return f"{action} {how}{said and f': {said}'}"

    def _run(self, action: str, call: Mapping[str, str]) -> dict[str, Any]:
        told = {f"PROMOTION_GATE_{name.upper()}": value for name, value in {**call, "action": action}.items()}
        for name, value in call.items():
            if CONTROL.search(value) or not value:
                raise DeployError(
                    f"{name} {value!r:.80}: is empty or holds a control character; no command is run with it"
                )
        arguments = [_filled(part, call) for part in getattr(self._settings, action)]
        began, kept = time.monotonic(), KEPT_BYTES + self._redaction.longest
        try:
            ended = run(arguments, {**self._environment, **told}, self._settings.timeout_s, kept)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise DeployError(f"{action}: {arguments[0]} cannot be started: {why}") from None
        return self._record(ended, time.monotonic() - began)

    def _record(self, ended: Finished, seconds: float) -> dict[str, Any]:
        outputs = zip(("stdout", "stderr"), (ended.stdout, ended.stderr), ended.cut, strict=True)
        shown = {name: self._redaction.tail(output, cut, KEPT_BYTES) for name, output, cut in outputs}
        return {"code": ended.code, "seconds": round(seconds, 3), **shown}

    def _prune(self) -> None:
        records = sorted(self._state.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in records[KEPT_RUNS:]:
            path.unlink(missing_ok=True)


def _filled(part: str, call: Mapping[str, str]) -> str:
    """Return an argument with its placeholders filled in, all at once: `{version}` in a module's name stays."""
    filled = PLACEHOLDER.sub(lambda found: call.get(found[1], found[0]), part)
    if filled.startswith("-") and not part.startswith("-"):
        raise DeployError(f"argument {filled!r:.80}: would be read as an option; no command is run with such a name")
    return filled


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _repeated(past: dict[str, Any], call: Mapping[str, str]) -> Deployed:
    if any(past.get(name) != value for name, value in call.items()):
        was = f"{past.get('action')} {past.get('module')} {past.get('version')}"
        raise DeployError(f"{call['module']}: key {call['key']} was that of {was}; use a new one")
    return Deployed(call["module"], call["version"], False, f"done before under key {call['key']}")


def _last_line(record: Mapping[str, Any]) -> str:
    """Return the last line that was said, on stderr if there is one: what people look for first."""
    for name in ("stderr", "stdout"):
        lines = record[name].strip().splitlines()
        if lines:
            return " ".join(CONTROL.sub(" ", str(lines[-1])).split())[-300:]
    return ""
