"""A rollback and a deployment, killed by SIGKILL at every step and started again: done whole, and done once."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
ONE, TWO, THREE = ("1" * 10, "2" * 10, "3" * 10)
STEPS = [
    "restore:0:shop:cart",
    "verify:0:shop:cart",
    "restore:1:shop:tax",
    "verify:1:shop:tax",
    "rescore",
    "surcharge",
    "close",
]


def lives(folder, mode):
    command = [sys.executable, "-m", "tests.operate.rollback.rollback_victim", str(folder), mode]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    whole, *deaths = map(json.loads, ended.stdout.splitlines())
    assert len(deaths) == whole["deaths"] > 25
    return whole, deaths


@pytest.mark.parametrize("mode", ["rollback", "twice"])
def test_a_rollback_that_is_killed_anywhere_is_finished_once(tmp_path, mode):
    whole, deaths = lives(tmp_path, mode)
    assert (whole["running"], whole["done"]) == ({"tax": ONE, "cart": ONE}, STEPS)
    for death in deaths:
        assert death["codes"][0] == -9
        assert death["codes"][-1] == 0
        between = death["between"]
        assert between["whole"]
        assert set(between["running"].values()) <= {ONE, TWO}
        # Dependents first: what is shipped together never runs with the dependency alone put back.
        assert between["running"]["tax"] == TWO or between["running"]["cart"] == ONE
        end = death["end"]
        recorded = end.pop("recorded")  # told again after the end, the failure opens no second rollback
        assert recorded == []
        assert death["same"], "the outcome is that of a rollback that nobody disturbed"
        assert end == {key: value for key, value in whole.items() if key in end}
    assert {len(death["between"]["done"]) for death in deaths} == set(range(len(STEPS) + 1)) or mode == "twice"


def test_a_deployment_that_is_killed_anywhere_is_finished_once(tmp_path):
    whole, deaths = lives(tmp_path, "deployment")
    assert whole["running"]["cart"] == THREE
    for death in deaths:
        assert death["codes"] == [-9, 0]
        assert death["between"]["whole"]
        assert death["between"]["running"]["cart"] in (TWO, THREE)
        end = death["end"]
        assert end["whole"]
        assert end["running"] == whole["running"]
        assert end["switches"] == ["cart"]
        assert end["keys"] == whole["keys"]
        assert set(end["left"]) <= {".removed"}  # swept by the next deployment
