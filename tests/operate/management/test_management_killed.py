"""A deployment and a rollback through the management, killed by SIGKILL and resumed: done whole, and done once."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ALL = bool(os.environ.get("PROMOTION_GATE_KILLS"))
"""Every point of death, else some: a second for three of them."""

PROJECT = pathlib.Path(__file__).resolve().parents[3]


def lives(folder, mode, every):
    command = [sys.executable, "-m", "tests.operate.management.management_victim", str(folder), mode, str(every)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=220, check=False)
    assert ended.returncode == 0, ended.stderr
    return list(map(json.loads, ended.stdout.splitlines()))


@pytest.mark.parametrize(("mode", "every", "switches"), [("deployment", 7, ["tax"]), ("failure", 9, ["tax"])])
def test_what_is_killed_anywhere_is_done_once(tmp_path, mode, every, switches):
    whole, *deaths = lives(tmp_path, mode, 1 if ALL else every)
    assert whole["switches"] == switches
    assert whole["faults"] == []
    assert whole["running"] == {"deployment": "2", "failure": "1"}[mode]
    assert len(deaths) >= 3
    for death in deaths:
        assert death["codes"] == [-9, 0], death
        between, end = death["between"], death["end"]
        assert (between["faults"], end["faults"]) == ([], [])
        assert between["running"] in ("1", "2")
        same = ("states", "surcharge", "running", "switches", "calls")
        assert {name: end[name] for name in same} == {name: whole[name] for name in same}, death["fatal"]
        for kind in ("deployed", "rollback-opened", "rollback-started", "rolled-back", "failure-recorded"):
            assert end["kinds"].count(kind) == whole["kinds"].count(kind), (death["fatal"], kind)
