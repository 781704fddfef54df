"""The configuration: closed, safe, and every mistake one line that names the key. docs/agent.md is true."""

import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from pydantic import BaseModel

from promotion_gate.agent import settings
from promotion_gate.agent.run import sources
from promotion_gate.agent.settings import AgentSettings, LogSettings, ServerSettings, TextSettings
from promotion_gate.errors import InputError
from tests.agent.process import SCRAPE

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs/agent.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TABLE = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", PAGE, re.MULTILINE))
TEXT = {"url": "http://127.0.0.1:1/metrics", **SCRAPE}
GOOD = {
    "source": "host-1",
    "service": {"url": "http://127.0.0.1:1"},
    "spool": {"folder": "spool"},
    "prometheus_text": [TEXT],
}


def load(tmp_path, told):
    path = tmp_path / "agent.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return settings.load(path)


def test_what_is_not_said_has_the_defaults(tmp_path):
    read = load(tmp_path, GOOD)
    assert (read.window_seconds, read.spool.max_bytes) == (10, 256 << 20)
    assert [one.collector.name for one in sources(read)] == ["prometheus-text http://127.0.0.1:1/metrics"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"windows": 5}, "windows: unknown key"),
        ({"window_seconds": 0}, "window_seconds: "),
        ({"source": "a\tb"}, "source: a name of"),
        ({"prometheus_text": []}, "nothing to collect"),
        ({"prometheus_text": [TEXT, TEXT]}, "there twice"),
        ({"service": {"url": "ftp://x"}}, "an address as https://host/path is expected"),
        ({"service": {"url": "http://example.org", "token_env": "T"}}, "would send the token in the open"),
        ({"service": {"url": "https://u:secret@example.org"}}, "without user, password, query and fragment"),
        ({"service": {"url": "https://x", "token_env": "A", "token_file": "B"}}, "name one of them"),
        ({"service": {"url": "https://x", "token": "A"}}, "service.token: unknown key"),
        ({"prometheus_text": [{**TEXT, "module": "pay"}]}, "one of module and module_label"),
        ({"prometheus_text": [{**TEXT, "version": "1"}]}, "version and version_label"),
        ({"prometheus_text": [{**TEXT, "errors": {"label": "code"}}]}, "metric, or label and matches"),
        ({"prometheus_text": [{**TEXT, "errors": {"label": "code", "matches": "("}}]}, "no regular expression"),
        ({"prometheus_server": [{**TEXT, "selector": "{a}"}]}, "without braces"),
        ({"host": {"project": "shop"}}, "modules or processes must name one module"),
        ({"host": {"project": "shop", "processes": {"pay": {}}}}, "one of pid_file and command"),
        ({"logs": [{"path": "x", "project": "shop"}]}, "one of module and module_field"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_place(tmp_path, change, said):
    with pytest.raises(InputError, match=re.escape(said)) as found:
        load(tmp_path, {**GOOD, **change})
    assert "\n" not in str(found.value)
    assert str(found.value).startswith(f"{tmp_path}/agent.yaml: ")
    assert "secret" not in str(found.value)


def test_a_file_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(InputError, match="a mapping of keys is expected"):
        load(tmp_path, ["host"])


def test_the_pages_example_is_a_configuration_of_all_collectors():
    read = AgentSettings.model_validate(yaml.safe_load(EXAMPLE))
    names = [one.collector.name.split()[0] for one in sources(read)]
    assert names == ["host", "prometheus-text", "prometheus-server", "logs"]


def keys(section, prefix=""):
    """The keys of a section as the page writes them; a mapping of names is one."""
    for name, field in section.model_fields.items():
        kind = {"prometheus_text": TextSettings, "logs": LogSettings}.get(name, field.annotation)
        kind = kind.__args__[0] if name == "host" else kind
        if prefix + name == "prometheus_server":
            yield from (f"{name}.{own}" for own in ServerSettings.model_fields if own not in TextSettings.model_fields)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_key_stands_in_the_table_and_no_other():
    assert set(TABLE) == set(keys(AgentSettings))


def test_the_pages_defaults_are_those_of_the_program(tmp_path):
    read = load(tmp_path, {**GOOD, "logs": [{"path": "x", "project": "shop", "module": "pay"}]})
    assert TABLE["window_seconds"] == str(read.window_seconds)
    assert TABLE["spool.max_bytes"] == str(read.spool.max_bytes)
    assert TABLE["logs.level_field"] == read.logs[0].level_field
    assert TABLE["logs.error_levels"] == ", ".join(read.logs[0].error_levels)
    assert TABLE["logs.durations_per_second"] == str(read.logs[0].durations_per_second)


def test_the_command_checks_a_configuration(tmp_path):
    load(tmp_path, GOOD)
    command = [sys.executable, "-m", "promotion_gate", "agent", "--check", "--config", "agent.yaml"]
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (good.returncode, good.stdout) == (0, "agent.yaml: windows of 10 s, 1 collectors\n")
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump({**GOOD, "windows": 1}))
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (bad.returncode, bad.stderr) == (
        2,
        "error: agent.yaml: windows: unknown key; remove it or correct its spelling\n",
    )


LIGHT = """
import sys
from promotion_gate.agent import run
assert not {"pandas", "numpy", "sqlalchemy", "fastapi", "uvicorn", "xgboost"} & set(sys.modules), sorted(sys.modules)
"""


def test_the_agent_imports_nothing_heavy():
    subprocess.run([sys.executable, "-c", LIGHT], check=True, timeout=60)
