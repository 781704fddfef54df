"""`promotion-gate policy check` and `show`: a policy file for people who write one."""

import json
import pathlib

import pytest
import yaml
from click.testing import CliRunner

from promotion_gate.cli import main
from tests.factories import tiny_tables, write_raw

PARAMS = yaml.safe_load((pathlib.Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(change=lambda rules: None, whole=False):
        rules = json.loads(json.dumps(PARAMS if whole else {name: PARAMS[name] for name in ("impact", "policy")}))
        change(rules)
        (tmp_path / "p.yaml").write_text(yaml.safe_dump(rules, sort_keys=False), encoding="utf-8")

    return write


def run(*args):
    return CliRunner().invoke(main, ["policy", *args])


def test_a_policy_alone_and_one_in_a_parameter_file_are_the_same(write):
    write()
    alone = run("check", "p.yaml")
    write(whole=True)
    assert (alone.exit_code, alone.stdout) == (0, run("check", "p.yaml").stdout)
    assert alone.stdout.startswith("p.yaml: policy ")


def break_much(rules):
    rules["policy"]["bands"][1]["multiplier"] = 9
    rules["policy"]["bands"][2]["name"] = "moderate"
    rules["policy"]["required_suites"] = {"moon": ["unit"]}
    rules["impact"]["tail"] = 1
    rules["impact"]["weight"] = 3


def test_each_error_is_a_line(write):
    write(break_much)
    shown = run("check", "p.yaml")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.splitlines() == [
        "error: p.yaml: impact.weight: unknown key; remove it or correct its spelling",
        "error: p.yaml: impact.tail: Input should be less than 1, not 1",
        "error: p.yaml: policy: multipliers must not fall from band to band, a blocked band last",
        "error: p.yaml: policy: two bands have the same name",
        "error: p.yaml: policy: level 'moon' has no base threshold",
    ]


def loosen(rules):
    rules["policy"]["base"]["production"] = 0.65
    rules["policy"]["base"]["development"] = 0.95
    rules["policy"]["bands"].pop()
    rules["policy"]["bands"][1]["multiplier"] = 1


def test_what_may_not_be_meant_is_a_warning(write):
    write(loosen)
    shown = run("check", "p.yaml")
    assert shown.exit_code == 0
    assert shown.stderr.splitlines() == [
        "warning: p.yaml: policy.base: staging requires 0.7, less than development before it with 0.95",
        "warning: p.yaml: policy.base: production requires 0.65, less than staging before it with 0.7",
        "warning: p.yaml: policy.bands: moderate requires what negligible does: one band would do",
        "warning: p.yaml: policy.bands: no band blocks, so no module is ever reviewed by a person",
        "warning: p.yaml: policy.bands: at development elevated is over the cap of 1",
    ]


def critical(rules):
    rules["policy"]["categories"] = {"critical": {"production": 0.9}}
    rules["policy"]["required_suites"] = {"production": ["unit", "integration"]}


def test_the_table_has_a_row_a_level_and_category(write):
    write(critical)
    rows = [line.split("  ") for line in run("show", "p.yaml").stdout.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[1:7] == [
        ["level", "category", "base", "negligible", "moderate", "elevated", "blocked"],
        ["0 <= FIS < 0.2", "0.2 <= FIS < 0.5", "0.5 <= FIS < 0.8", "FIS >= 0.8"],
        ["development", "60 %", "60 %", "66 %", "72 %", "review"],
        ["staging", "70 %", "70 %", "77 %", "84 %", "review"],
        ["production", "80 %", "80 %", "88 %", "96 %", "review"],
        ["production", "critical", "90 %", "90 %", "99 %", "100 % (capped)", "review"],
    ]
    assert ["production requires the suites unit, integration"] in cells


def test_show_as_json_is_a_policy_that_can_be_used_again(write, tmp_path):
    write(critical)
    read = json.loads(run("show", "p.yaml", "--json").stdout)
    (tmp_path / "again.json").write_text(json.dumps({name: read[name] for name in ("impact", "policy")}))
    again = run("check", "again.json")
    assert again.stdout == f"again.json: policy {read['policy_version']} can be used\n"


def test_a_file_that_is_not_there_is_one_line(write):
    shown = run("check", "none.yaml")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)


def test_diff_names_the_modules_of_the_newest_release_whose_decisions_change(write, tmp_path):
    write_raw(tmp_path / "raw", tiny_tables())
    write(whole=True)
    (tmp_path / "p.yaml").rename(tmp_path / "params.yaml")
    write(lambda rules: rules["policy"]["base"].update(production=0.1))
    same = run("diff", "params.yaml", "params.yaml", "--on", "raw")
    assert (same.exit_code, same.stdout) == (0, "tiny 3.0: 0 of 64 modules change\n")
    shown = run("diff", "params.yaml", "p.yaml", "--on", "raw", "--json")
    read = json.loads(shown.stdout)
    assert read["changes"]
    assert {change["status_after"] for change in read["changes"]} == {"Promote"}
    assert run("diff", "params.yaml", "p.yaml", "--on", "raw", "--level", "moon").stderr.endswith(
        "level 'moon' is not in the policy; it knows development, staging, production\n"
    )
