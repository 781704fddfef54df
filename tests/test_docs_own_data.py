"""docs/bring-your-own-data.md is true: its commands run on a small made repository, its options and settings exist."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import click
import pytest
import yaml

from promotion_gate import yaml_file
from promotion_gate.cli import main
from promotion_gate.collect.git import settings
from promotion_gate.learn.ingest import read_raw
from promotion_gate.params import load
from tests import programs
from tests.cli_bundle import MODULES, PARAMS, write_bundle
from tests.collect.git.built import Built

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs/bring-your-own-data.md").read_text(encoding="utf-8")
WALK = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
QUEUE = "activemq-broker/src/main/java/org/apache/activemq/broker/region/Queue.java"
SECURITY = "activemq-broker/src/main/java/org/apache/activemq/security/Broker.java"
JACOCO = """<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="x"><package name="org/apache/activemq/broker/region"><sourcefile name="Queue.java">
<line nr="2" mi="0" ci="1"/><line nr="3" mi="1" ci="0"/><line nr="4" mi="0" ci="2"/><line nr="5" mi="1" ci="0"/>
</sourcefile></package></report>
"""


@pytest.fixture
def room(tmp_path):
    """What the page's reader has: a repository, an export, a report, and a model that knows the queue."""
    built = Built(tmp_path / "work")
    package = "package org.apache.activemq.{};\nimport org.apache.activemq.broker.region.Queue;\nclass {} {{ }}\n"
    built.commit_files({
        QUEUE: "package org.apache.activemq.broker.region;\nclass Queue {\n int size; }\n",
        SECURITY: package.format("security", "Broker"),
    })  # fmt: skip
    built.commit_files({SECURITY: package.format("security", "Broker") + "// mended\n"}, "AMQ-1: mend the broker")
    subprocess.run(["git", "clone", "--quiet", "--bare", built.path, tmp_path / "activemq.git"], check=True)
    (tmp_path / "issues.csv").write_text(
        "Issue key,Issue Type,Priority,Status,Resolution,Created\nAMQ-1,Bug,Major,Closed,Fixed,14/Jul/17 00:30\n"
    )
    folder = tmp_path / "promotion-gate"
    write_bundle(folder / "models/champion", [{**MODULES[0], "module": QUEUE}], "activemq")
    shutil.copy(PARAMS, folder / "params.yaml")
    (folder / "reports").mkdir()
    (folder / "reports/unit.xml").write_text(JACOCO)
    return folder


def test_the_walk_leads_to_tables_and_a_decision(room):
    bash = programs.program("bash", "bash")
    script = "\n".join(WALK).replace("yearly:2012:2019", "yearly:2018:2019")
    environment = {
        **os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(room / "cache"),
    }  # fmt: skip
    done = subprocess.run(
        [bash, "-euo", "pipefail", "-c", script], cwd=room, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    read = read_raw(room / "data/mine")
    assert not len(read.rejects)
    assert {name: len(read.tables[name]) for name in ("releases", "modules", "failures", "criticality")} == {
        "releases": 2, "modules": 4, "failures": 1, "criticality": 1,
    }  # fmt: skip
    params = load(room / "params.yaml")
    assert (params.ingest.raw, params.labels.horizon_days) == ("data/mine", 365)
    assert f"Insufficient Coverage: {QUEUE} to production" in done.stdout
    assert "coverage  0.5, required 0.75" in done.stdout


def commands():
    """The command lines of the page, each as one."""
    lines = re.findall(r"^ *(?:\$ )?(promotion-gate (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    return [re.sub(r"\\\n\s*", "", line) for line in lines]


@pytest.mark.parametrize("line", commands())
def test_commands_and_options_are_there(line):
    command, words = main, line.split()[1:]
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {name for option in command.params for name in option.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_commands_are_found():
    assert len(commands()) == 6


def test_the_settings_of_the_page_are_settings(tmp_path):
    [block] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "config.yaml").write_text(block)
    told = yaml.safe_load(block)["incidents"]["columns"]
    assert settings.load(tmp_path / "config.yaml").incidents.columns.module == tuple(told["module"])
    sections = re.findall(r"^\| (Jira|Bugzilla|GitHub|incidents),", PAGE, re.MULTILINE)
    assert {name.lower() for name in sections} <= set(yaml_file.read(settings.DEFAULTS))
