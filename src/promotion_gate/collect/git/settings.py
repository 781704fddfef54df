"""What the collector leaves out and where its limits are: shipped defaults, and a file with what differs."""

import pathlib
from typing import Annotated, Any

from pydantic import Field

from promotion_gate import yaml_file
from promotion_gate.collect.telemetry_settings import PrometheusSettings
from promotion_gate.collect.trackers.settings import GithubSettings, IncidentSettings, TableSettings
from promotion_gate.section import Section, parsed

DEFAULTS = pathlib.Path(__file__).with_name("defaults.yaml")


class GitSettings(Section):
    """Patterns of what is no module and who is a bot; how large a commit, a file and a file's measuring may be."""

    left_out: tuple[str, ...]
    bots: tuple[str, ...]
    mass_commit_files: Annotated[int, Field(ge=2)]
    max_bytes: Annotated[int, Field(ge=1000, le=1 << 30)]
    seconds_per_file: Annotated[int, Field(ge=1, le=3600)]


class Settings(Section):
    """A configuration file of the collector: one section for each of what it reads."""

    git: GitSettings
    jira: TableSettings
    bugzilla: TableSettings
    github: GithubSettings
    incidents: IncidentSettings
    prometheus: PrometheusSettings


def load(path: pathlib.Path | None) -> Settings:
    """Return the defaults, with the keys of a file in their place.

    Raises:
        InputError: the file is missing, no YAML, or a key is unknown, of a wrong type or out of range.
    """
    defaults = yaml_file.read(DEFAULTS)
    if path is None:
        return parsed(Settings, defaults, str(DEFAULTS.name))
    return parsed(Settings, _over(defaults, yaml_file.read(path)), str(path))


def _over(defaults: dict[str, Any], given: Any) -> Any:
    """Sections of the file over the defaults', key by key; what is no section is left for the check to name."""
    if not isinstance(given, dict):
        return given
    merged = dict(defaults)
    for name, section in given.items():
        known = defaults.get(name)
        merged[name] = {**known, **section} if isinstance(known, dict) and isinstance(section, dict) else section
    return merged
