"""docs/operate.md is true: its table of endpoints, its commands and options, and what its walk through says."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import click
import pytest

from promotion_gate.cli import main
from promotion_gate.operate.service import limits, openapi, server, wire
from promotion_gate.operate.service.app import ENDPOINTS
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.metrics import Metrics
from promotion_gate.operate.service.routes_promotions import DEPLOY_S
from promotion_gate.operate.service.service import STRANGERS_PER_SECOND
from promotion_gate.operate.service.settings import Settings
from tests import programs
from tests.cli_bundle import MODULES, PARAMS, write_bundle

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs/operate.md").read_text(encoding="utf-8")
WALK = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MARK = "--- the page says: "
PLAYED = ("django/utils/dateformat.py", "django/contrib/admin/options.py")
"""The page's modules, played by the small bundle's safest and riskiest."""


def test_every_endpoint_stands_in_the_table_with_its_scope():
    table = [
        f"| `{one.method} {one.path.replace(':path}', '}')}` | {one.scope or ''} | {one.summary} |" for one in ENDPOINTS
    ]
    expected = "\n".join(["| endpoint | scope | |", "| --- | --- | --- |", *table])
    assert expected in PAGE, f"the page's table should be:\n{expected}"


def test_every_scope_is_told():
    assert re.findall(
        r"^\| (\w+) \| ", PAGE.partition("## Tokens and scopes")[2].partition("\n## ")[0], re.MULTILINE
    ) == [
        "scope",
        *Scope,
    ]


def commands():
    code = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    code += re.findall(r"^    (.*)$", PAGE, re.MULTILINE) + re.findall(r"`([^`\n]+)`", PAGE)
    return sorted({found for part in code for found in re.findall(r"promotion-gate ([a-z][^\n()]*)", part)})


@pytest.mark.parametrize("line", commands())
def test_every_command_and_option_is_there(line):
    command, words = main, line.split()
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command is not main, line
    assert not isinstance(command, click.Group), line
    known = {name for option in command.params for name in option.opts}
    for word in words:
        if word.strip("[]").startswith("--"):
            assert word.strip("[]") in known, line


def test_limits_are_those_of_the_code():
    for told in (
        f"| {limits.BODY >> 20} MiB, {limits.BATCH_BODY >> 20} MiB |",
        f"| {wire.MAX_BATCH:,}; {wire.MAX_RELEASE:,} |",
        f"| {limits.HEAD_S:g} s each |",
        f"| {limits.REQUEST_S:g} s; {DEPLOY_S:g} s |",
        f"| {server.MAX_HEAD >> 10} KiB |",
        f"| {server.MAX_CONNECTIONS:,} a process |",
        f"| `--rate`, {Settings('').rate:g} a second, twice that at once |",
        f"| {STRANGERS_PER_SECOND:g} a second of an address |",
        f"requests under way have {server.GRACE_S} s",
    ):
        assert told in PAGE
    assert limits.HEAD_S == limits.BODY_S


def test_every_metric_is_told():
    told = re.findall(r"^# HELP (\w+(?<!_created)) ", Metrics().text(True, "m/1").decode(), re.MULTILINE)
    table = PAGE.partition("## Metrics")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (promotion_gate_\w+) \|", table, re.MULTILINE) == told


def test_the_main_shapes_have_keys_that_are_there():
    known = set(re.findall(r'"(\w+)": {', json.dumps(openapi.document(ENDPOINTS))))
    shapes = PAGE.partition("The main shapes:")[2].partition("What is refused")[0]
    assert set(re.findall(r'"(\w+)"', shapes)) <= known


def test_commands_are_found():
    assert len(commands()) > 10
    assert len(WALK) > 5


def room(folder):
    """A folder with a model in it, as the page's reader has one."""
    entries = [{**entry, "module": name} for entry, name in zip((MODULES[0], MODULES[-1]), PLAYED, strict=True)]
    write_bundle(folder / "models/champion", entries, "django")
    manifest = folder / "models/champion/manifest.json"
    told = json.loads(manifest.read_text())
    assert told["model_version"].startswith("failure-impact/")
    shutil.copy(PARAMS, folder)
    return folder


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def test_the_walk_leads_where_it_says(tmp_path):
    bash, _ = programs.program("bash", "bash"), programs.program("curl", "curl")
    script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(WALK).replace("8080", str(free_port()))
    script = re.sub(r"^# -> (.*)$", lambda told: f"echo; echo '{MARK}{told[1]}'", script, flags=re.MULTILINE)
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    walk = subprocess.Popen(
        [bash, "-euo", "pipefail", "-c", script],
        cwd=room(tmp_path),
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = walk.communicate(timeout=180)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(walk.pid, signal.SIGKILL)
    assert walk.returncode == 0, f"{out}\n{err}\n{(tmp_path / 'service.log').read_text()}"
    assert [told for told, came in answers(out) if told not in came] == [], out
    assert len(answers(out)) == PAGE.count("\n# -> ")


def answers(out):
    """What the page says that comes, each with what came since the command before."""
    found, came = [], ""
    for line in filter(None, out.splitlines()):
        if line.startswith(MARK):
            found.append((line.removeprefix(MARK), came))
        elif found and found[-1][1] == came:
            came = line
        else:
            came = f"{came}\n{line}"
    return found
