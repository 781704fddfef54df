"""`promotion-gate backtest` and `tune-policy`: raw tables in, tables, JSON, plots and a policy file out."""

import json
import pathlib
from decimal import Decimal

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from promotion_gate import params
from promotion_gate.commands.backtest import backtest
from promotion_gate.commands.group import Group
from promotion_gate.commands.tune_policy import tune_policy
from promotion_gate.decide import gates
from promotion_gate.decide.policy import policy_document
from promotion_gate.reporting import backtest_table
from tests.factories import tiny_tables, write_raw

PARAMS = str(pathlib.Path(__file__).resolve().parents[2] / "params.yaml")
COMMANDS = Group(commands=[backtest, tune_policy])


def invoke(*arguments):
    return CliRunner().invoke(COMMANDS, [*map(str, arguments), "--params", PARAMS])


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Five releases; the newest one's window is not over."""
    return write_raw(tmp_path_factory.mktemp("raw"), tiny_tables(releases=5))


@pytest.fixture(scope="module")
def replayed(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("backtest")
    made = invoke("backtest", raw, "--json", "--out", out)
    assert made.exit_code == 0, made.output
    return made, out


def test_the_report_is_json_alone_on_stdout_and_the_same_in_the_folder(replayed):
    made, out = replayed
    report = json.loads(made.stdout)
    assert report == json.loads((out / "backtest.json").read_text(encoding="utf-8"))
    assert report["gates"][0]["gate"] == "risk-driven"
    assert report["gates"][0]["modules"] == 31 + 32 + 33
    assert report["unmeasured"] == 31 + 32 + 33
    assert {row["release"] for row in report["releases"]} == {"2.0", "3.0", "4.0"}
    assert "release" in made.stderr


def test_plots_and_their_points_are_written(replayed):
    _, out = replayed
    assert {path.name for path in out.iterdir()} == {
        "backtest.json",
        "modules.csv",
        "yield_safety.csv",
        "yield_safety.png",
        "yield_safety.svg",
    }
    modules = pd.read_csv(out / "modules.csv")
    assert modules.groupby("release").size().tolist() == [62, 64, 66]
    assert set(modules.status) <= {"Promote", "Insufficient Coverage", "Promotion Blocked - Manual Review Required"}
    curve = pd.read_csv(out / "yield_safety.csv")
    assert list(curve.columns) == ["gate", "delayed", "held_back", "low", "high"]


def test_the_tables_fit_a_terminal(replayed):
    made, _ = replayed
    report = json.loads(made.stdout)
    lines = [*backtest_table.lines(report), *backtest_table.by_release(report)]
    assert max(map(len, lines)) < 180
    assert any("if no held module ever failed" in line for line in lines)


def test_another_policy_may_be_tried_and_is_told_in_tables(raw, tmp_path):
    read = params.load(PARAMS)
    document = policy_document(read.impact, gates.static(read.policy, Decimal(0)))
    (tmp_path / "open.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    made = invoke("backtest", raw, "--policy", tmp_path / "open.yaml")
    assert made.exit_code == 0, made.output
    ours = next(line for line in made.stdout.splitlines() if line.startswith("risk-driven"))
    assert ours.split()[1:3] == ["0.0", "[0.0,"]
    assert "share of weight" in made.stdout


def test_a_policy_is_suggested_as_a_file_that_loads(raw, tmp_path):
    made = invoke("tune-policy", raw, "--trials", "20", "--delay-at-most", "0.6", "--json", "--out", tmp_path)
    assert made.exit_code == 0, made.output
    told = json.loads((tmp_path / "policy_tuning.json").read_text(encoding="utf-8"))
    assert json.loads(made.stdout) == told
    assert told["releases"] == {"searched": ["2.0"], "confirmed": "3.0", "reported": "4.0"}
    suggested = params.load_rules(tmp_path / "suggested_policy.yaml")
    assert float(suggested.impact.tail) == told["suggestion"]["impact"]["tail"]
    assert {"pareto.csv", "pareto.png", "pareto.svg"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("command", ["backtest", "tune-policy"])
def test_a_history_that_is_too_short_is_one_clear_line(tmp_path, command):
    raw = write_raw(tmp_path / "raw", tiny_tables(releases=2))
    made = invoke(command, raw)
    assert made.exit_code == 2
    assert made.stderr.splitlines()[-1].startswith("error: releases: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--policy", "none.yaml"), "none.yaml"),
        (("--horizon-days", "0"), "horizon-days"),
    ],
)
def test_wrong_options_are_one_line(raw, arguments, said):
    made = invoke("backtest", raw, *arguments)
    assert made.exit_code == 2
    assert said in made.stderr
    assert len(made.stderr.splitlines()) == 1
