"""The agent's configuration: docs/agent.md has the reference."""

import pathlib
import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from promotion_gate import yaml_file
from promotion_gate.agent.fetching import checked
from promotion_gate.agent.windows import is_name
from promotion_gate.errors import InputError
from promotion_gate.section import Section, parsed

MIB = 1 << 20
Text = Annotated[str, Field(min_length=1, max_length=1000)]


def _named(text: str | None) -> str | None:
    if text is not None and not is_name(text):
        raise ValueError(f"a name of 1 to 1,024 printable characters is expected, not {text!r:.80}")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return text


class ServiceSettings(Section):
    """Where the windows go. The token is in an environment variable or a file, never here."""

    url: Text
    token_env: Text | None = None
    token_file: Text | None = None
    ca_file: Text | None = None

    @model_validator(mode="after")
    def _is_safe(self) -> "ServiceSettings":
        if self.token_env and self.token_file:
            raise ValueError("token_env and token_file: name one of them")
        checked(self.url, is_secret=bool(self.token_env or self.token_file))
        return self


class SpoolSettings(Section):
    """Where windows wait, and how many bytes of them."""

    folder: Text
    max_bytes: Annotated[int, Field(ge=MIB, le=1 << 40)] = 256 * MIB


class ProcessSettings(Section):
    """Which processes are a module's: that of a PID file, or all whose command line has a match; and their children."""

    pid_file: Text | None = None
    command: Text | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "ProcessSettings":
        if (self.pid_file is None) == (self.command is None):
            raise ValueError("one of pid_file and command is expected")
        if self.command is not None:
            _pattern(self.command)
        return self


class HostSettings(Section):
    """The modules of a project that run on this host."""

    project: Text
    modules: tuple[Text, ...] = ()
    processes: dict[str, ProcessSettings] = Field(default_factory=dict)

    @field_validator("project")
    @classmethod
    def _is_name(cls, text: str) -> str | None:
        return _named(text)

    @model_validator(mode="after")
    def _names_a_module(self) -> "HostSettings":
        for name in (*self.modules, *self.processes):
            _named(name)
        if not self.modules and not self.processes:
            raise ValueError("modules or processes must name one module at least")
        return self


class ErrorSettings(Section):
    """What a failed request is: a counter of its own, or a label of the requests whose value matches in whole."""

    metric: Text | None = None
    label: Text | None = None
    matches: Text | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "ErrorSettings":
        if (self.label is None) != (self.matches is None) or (self.metric is None) == (self.label is None):
            raise ValueError("metric, or label and matches, are expected")
        if self.matches is not None:
            _pattern(self.matches)
        return self


class MetricsSettings(Section):
    """Which metrics of a project count what, and which labels name module and version; or all are of one module."""

    url: Text
    project: Text
    requests: Text
    errors: ErrorSettings | None = None
    latency: Text | None = None
    module: Text | None = None
    module_label: Text | None = None
    version: Text | None = None
    version_label: Text | None = None

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return checked(url)

    @field_validator("project", "module", "version")
    @classmethod
    def _is_name(cls, text: str | None) -> str | None:
        return _named(text)

    @model_validator(mode="after")
    def _names_the_module(self) -> "MetricsSettings":
        if (self.module is None) == (self.module_label is None):
            raise ValueError("one of module and module_label is expected")
        if self.version is not None and self.version_label is not None:
            raise ValueError("version and version_label: name one of them at most")
        return self


class TextSettings(MetricsSettings):
    """An endpoint that tells Prometheus' text format."""


class ServerSettings(MetricsSettings):
    """A Prometheus server; `selector`: label matchers in PromQL without braces, such as `job="shop"`."""

    selector: str = ""

    @field_validator("selector")
    @classmethod
    def _has_no_braces(cls, text: str) -> str:
        if "{" in text or "}" in text:
            raise ValueError('label matchers without braces are expected, such as job="shop"')
        return text.strip().strip(",")


class LogSettings(Section):
    """A file of JSON lines: each line is a request of a module, failed where its level is one of `error_levels`."""

    path: Text
    project: Text
    module: Text | None = None
    module_field: Text | None = None
    version: Text | None = None
    version_field: Text | None = None
    level_field: Text = "level"
    error_levels: Annotated[tuple[Text, ...], Field(min_length=1)] = ("error", "critical", "fatal")
    duration_field: Text | None = None
    durations_per_second: Annotated[int, Field(ge=1, le=10**9)] = 1

    @field_validator("project", "module", "version")
    @classmethod
    def _is_name(cls, text: str | None) -> str | None:
        return _named(text)

    @model_validator(mode="after")
    def _names_the_module(self) -> "LogSettings":
        if (self.module is None) == (self.module_field is None):
            raise ValueError("one of module and module_field is expected")
        if self.version is not None and self.version_field is not None:
            raise ValueError("version and version_field: name one of them at most")
        return self


class AgentSettings(Section):
    """The file as a whole. `source` names this agent to the service: two agents must not share one."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    window_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    service: ServiceSettings
    spool: SpoolSettings
    host: HostSettings | None = None
    prometheus_text: tuple[TextSettings, ...] = ()
    prometheus_server: tuple[ServerSettings, ...] = ()
    logs: tuple[LogSettings, ...] = ()

    @field_validator("source")
    @classmethod
    def _is_name(cls, text: str) -> str | None:
        return _named(text)

    @model_validator(mode="after")
    def _collects_something(self) -> "AgentSettings":
        if not (self.host or self.prometheus_text or self.prometheus_server or self.logs):
            raise ValueError("nothing to collect: name host, prometheus_text, prometheus_server or logs")
        several = (*self.prometheus_text, *self.prometheus_server, *self.logs)
        if any(one in several[:number] for number, one in enumerate(several)):
            raise ValueError("a collector is there twice: all that it counts would be counted twice")
        return self


def load(path: pathlib.Path) -> AgentSettings:
    """Read the configuration.

    Raises:
        InputError: the file cannot be read or breaks its contract; the line names the key.
    """
    read = yaml_file.read(path)
    if not isinstance(read, dict):
        raise InputError(f"{path}: a mapping of keys is expected; docs/agent.md has an example")
    return parsed(AgentSettings, read, str(path))
