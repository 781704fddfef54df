"""`promotion-gate decide` end to end on a handmade bundle."""

import json
import os
import pathlib
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from promotion_gate.schema import Decision
from tests.cli_bundle import PARAMS, POLICY_VERSION, write_bundle

COMMAND = [str(pathlib.Path(sys.executable).with_name("promotion-gate"))]
SCORE = {
    "project": "shop",
    "module": "shop/cart.py",
    "fis": 0.1,
    "severity": "low",
    "probabilities": {"negligible": 0.9, "low": 0.1, "medium": 0, "high": 0, "critical": 0},
    "reasons": [],
    "model_version": "elsewhere/1",
    "data_hash": "e",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_bundle(tmp_path / "models" / "champion")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args, stdin=None):
    return CliRunner().invoke(main, ["decide", *args], input=stdin)


def codes(decision):
    return [reason["code"] for reason in decision["reasons"]]


@pytest.mark.parametrize(
    ("args", "code", "status"),
    [
        (["--module", "shop/dates.py", "--coverage", "0.8"], 0, "Promote"),
        (["--module", "shop/dates.py", "--coverage", "0.79"], 10, "Insufficient Coverage"),
        (["--module", "shop/dates.py", "--coverage", "0.6", "--level", "development"], 0, "Promote"),
        (["--module", "shop/cart.py", "--coverage", ".88"], 0, "Promote"),
        (["--module", "shop/cart.py", "--coverage", ".88", "--criticality", "1"], 10, "Insufficient Coverage"),
        (["--module", "shop/payments/ledger.py", "--coverage", "1"], 20, "Promotion Blocked - Manual Review Required"),
        (["--module", "shop/none.py", "--coverage", "1"], 20, "Promotion Blocked - Manual Review Required"),
        (["--fis", ".3", "--base", ".8", "--coverage", ".88"], 0, "Promote"),
        (["--fis", ".5", "--base", ".8", "--coverage", ".88"], 10, "Insufficient Coverage"),
        (["--fis", ".8", "--base", ".8", "--coverage", "1"], 20, "Promotion Blocked - Manual Review Required"),
    ],
)
def test_verdicts(folder, args, code, status):
    text = run(*args)
    assert (text.exit_code, text.stderr) == (code, "")
    assert text.stdout.startswith(f"{status}: ")
    read = json.loads(run(*args, "--json").stdout)
    assert read["status"] == status
    assert read["policy_source"] == "failure-impact/3"
    Decision.model_validate(read)


def test_the_text_says_all_that_a_reader_needs(folder):
    shown = run("--module", "shop/cart.py", "--coverage", ".5", "--version", "2.1").stdout.splitlines()
    assert shown == [
        "Insufficient Coverage: shop/cart.py to production",
        "  FIS       0.418, band moderate",
        "  coverage  0.5, required 0.88",
        "  steps     0.8    production requires 0.8",
        "            0.88   FIS 0.418 lies in band moderate, from 0.2 on: x 1.1",
        "  reasons   coverage-short: coverage 0.5: the required 0.88 is not met",
        "            score-uncertain: the score may lie between 0.234 and 0.538: bands moderate to elevated",
        "            churn: changed more than 93 % of the modules: raises the score",
        "            criticality-gain: criticality 0.10 lifts the score by 0.018",
        "            scored-other-release: scored with the metrics of 2.0, the newest that the data set has, "
        "not of 2.1",
        "  unblock   raise the coverage by 0.38",
        f"  versions  model failure-impact/3, policy {POLICY_VERSION} (failure-impact/3), data d41d8cd98f00",
    ]


def test_an_unknown_module_is_blocked_with_names_that_come_near(folder):
    decision = json.loads(run("--module", "shop/carts.py", "--coverage", "1", "--json").stdout)
    assert codes(decision)[0] == "unknown-module"
    assert "did you mean shop/cart.py" in decision["reasons"][0]["message"]
    assert decision["fis"] is None


def test_a_what_if_needs_no_model_and_is_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run("--fis", ".2", "--base", ".8", "--coverage", ".88", "--params", str(PARAMS), "--json")
    decision = json.loads(shown.stdout)
    assert shown.exit_code == 0
    assert decision["what_if"] is True
    assert codes(decision)[0] == "what-if"
    assert decision["model_version"] is None


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ([], "give --module M with --coverage X or --coverage-from FILE, or --requests FILE, or --fis X"),
        (["--module", "a"], "give either --coverage X or --coverage-from FILE: no data is never a pass"),
        (
            ["--module", "a", "--coverage", "1", "--coverage-from", "f"],
            "give either --coverage X or --coverage-from FILE: no data is never a pass",
        ),
        (["--module", "a", "--coverage", "1", "--release", "2"], "--release goes with --coverage-from"),
        (["--module", "a", "--fis", ".1", "--base", ".8", "--coverage", "1"], "the what-if does not go with --module"),
        (["--fis", ".1", "--coverage", "1"], "the what-if takes --fis, --base and --coverage together"),
        (["--base", ".1", "--coverage", "1"], "the what-if takes --fis, --base and --coverage together"),
        (["--requests", "-", "--coverage", "1"], "--requests does not go with --coverage"),
        (["--requests", "none.jsonl"], "none.jsonl: cannot be read: No such file or directory"),
        (
            ["--module", "a", "--coverage", "85%"],
            "--coverage: a share between 0 and 1 is expected, for instance 0.85, not '85%'",
        ),
        (
            ["--module", "a", "--coverage", "85"],
            "--coverage: a share between 0 and 1 is expected, for instance 0.85, not '85'",
        ),
        (
            ["--module", "a", "--coverage", "nan"],
            "--coverage: a share between 0 and 1 is expected, for instance 0.85, not 'nan'",
        ),
        (
            ["--module", "a", "--coverage", "-0.1"],
            "--coverage: a share between 0 and 1 is expected, for instance 0.85, not '-0.1'",
        ),
        (
            ["--module", "a", "--coverage", "1", "--criticality", "inf"],
            "--criticality: a share between 0 and 1 is expected, for instance 0.85, not 'inf'",
        ),
        (
            ["--module", "shop/cart.py", "--coverage", "1", "--level", "prod"],
            "level 'prod' is not in the policy; it knows development, staging, production",
        ),
        (
            ["--module", "shop/cart.py", "--coverage", "1", "--params", "none.yaml"],
            "none.yaml: no such file; run from the project's top folder",
        ),
        (["--module", "a", "--coverage-from", "none.json"], "none.json: cannot be read: No such file or directory"),
        (["--modul", "a"], "No such option '--modul'. (Did you mean one of: '--models', '--module', '--out'?)"),
    ],
)
def test_wrong_options_are_one_line(folder, args, line):
    shown = run(*args)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (2, "", f"error: {line}\n")


@pytest.mark.parametrize(
    ("args", "start"),
    [
        (["--module", "", "--coverage", "1"], "module: "),
        (["--module", "a\nb", "--coverage", "1"], "module: "),
        (["--module", "\udcff", "--coverage", "1"], "module: "),
        (["--module", "shop/cart.py", "--coverage", "1", "--level", ""], "level: "),
        (["--fis", ".1", "--base", ".8", "--coverage", "1", "--level", "\udcff"], "level: "),
    ],
)
def test_odd_names_are_one_line(folder, args, start):
    shown = run(*args)
    assert shown.exit_code == 2
    assert shown.stderr.startswith(f"error: {start}")
    assert shown.stderr.count("\n") == 1


def test_without_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run("--module", "shop/cart.py", "--coverage", "1")
    assert (shown.exit_code, shown.stderr) == (3, "error: models/champion: no model: run `make repro` first\n")


def test_rules_of_params_yaml_go_before_the_model_s(folder):
    changed = PARAMS.read_text(encoding="utf-8").replace("production: 0.80", "production: 0.50")
    (folder / "params.yaml").write_text(changed, encoding="utf-8")
    decision = json.loads(run("--module", "shop/dates.py", "--coverage", ".5", "--json").stdout)
    assert (decision["status"], decision["policy_source"]) == ("Promote", "params.yaml")
    assert "policy-not-registered" in codes(decision)
    explicit = json.loads(
        run("--module", "shop/dates.py", "--coverage", ".5", "--json", "--params", str(PARAMS)).stdout
    )
    assert (explicit["status"], explicit["policy_source"]) == ("Insufficient Coverage", str(PARAMS))
    assert explicit["policy_version"] != decision["policy_version"]
    assert "policy-not-registered" not in codes(explicit)


@pytest.mark.parametrize("content", ["lr: 0.1\n", "- 1\n", "", "policy: strict\n", "policy: {epsilon: 1}\n"])
def test_params_yaml_of_another_program_is_left_alone(folder, content):
    (folder / "params.yaml").write_text(content, encoding="utf-8")
    shown = run("--module", "shop/dates.py", "--coverage", ".8", "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["policy_source"]) == (0, "failure-impact/3")
    asked = run("--module", "shop/dates.py", "--coverage", ".8", "--params", "params.yaml")
    assert (asked.exit_code, asked.stderr.startswith("error: params.yaml: ")) == (2, True)


@pytest.mark.parametrize("content", ["policy: {base: {production: 0.1}}\n", "policy: {cap: 1, cap: 1}\n", "{"])
def test_broken_rules_are_not_passed_over(folder, content):
    (folder / "params.yaml").write_text(content, encoding="utf-8")
    shown = run("--module", "shop/dates.py", "--coverage", ".8")
    assert (shown.exit_code, shown.stderr.startswith("error: params.yaml: ")) == (2, True)


TABLE = (
    "project,release,module,suite,lines_covered,lines_total\n"
    "shop,1.0,shop/dates.py,aggregate,1,10\n"
    "shop,2.0,shop/dates.py,aggregate,9,10\n"
)


@pytest.mark.parametrize(
    ("args", "code", "coverage", "first"),
    [
        ([], 0, 0.9, "coverage-met"),
        (["--release", "1.0"], 10, 0.1, "coverage-short"),
        (["--version", "1.0"], 10, 0.1, "coverage-short"),
        (["--version", "3.0"], 10, None, "stale-report"),
    ],
)
def test_coverage_from_a_table(folder, args, code, coverage, first):
    (folder / "coverage.csv").write_text(TABLE, encoding="utf-8")
    shown = run("--module", "shop/dates.py", "--coverage-from", "coverage.csv", "--json", *args)
    decision = json.loads(shown.stdout)
    assert (shown.exit_code, decision["coverage"], codes(decision)[0]) == (code, coverage, first)


def test_a_table_of_another_release_than_the_scored_one_is_stale(folder):
    old = "".join(TABLE.splitlines(keepends=True)[:2]).replace(",1,10", ",10,10")
    (folder / "old.csv").write_text(old, encoding="utf-8")
    args = ["--module", "shop/dates.py", "--coverage-from", "old.csv", "--json"]
    shown = run(*args)
    decision = json.loads(shown.stdout)
    assert (shown.exit_code, decision["coverage"], codes(decision)[0]) == (10, None, "stale-report")
    said = "suite aggregate ran on version 1.0, not on 2.0; its lines do not count"
    assert decision["reasons"][0]["message"] == said
    assert [run(*args, option, "1.0").exit_code for option in ("--release", "--version")] == [0, 0]


def test_coverage_from_reports_of_suites(folder):
    for suite, executed in (("unit", [1, 2, 3]), ("system", [1, 4])):
        files = {
            "/ci/shop/dates.py": {"executed_lines": executed, "missing_lines": [7, 8, 9, 12]},
            "setup.py": {"executed_lines": [1], "missing_lines": []},
        }
        (folder / f"{suite}.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    args = ["--module", "shop/dates.py", "--coverage-from", "unit=unit.json", "--coverage-from", "system=system.json"]
    shown = run(*args, "--json")
    decision = json.loads(shown.stdout)
    assert (decision["coverage"], "lines-united" in codes(decision)) == (0.5, True)
    assert decision["unblock"]["where"] == [{"file": "shop/dates.py", "uncovered": 4, "lines": "7-9,12"}]
    assert shown.stderr.splitlines() == [
        "warning: unit.json: could not map 1 of 2 files: setup.py",
        "warning: system.json: could not map 1 of 2 files: setup.py",
    ]
    alone = json.loads(run("--module", "shop/dates.py", "--coverage-from", "unit.json", "--json").stdout)
    assert codes(alone) == ["coverage-short", "fis-band", "base-by-level", "whole-lines"]
    text = run(*args).stdout.splitlines()
    assert text[-3:-1] == ["  unblock   cover 2 more lines", "            4 uncovered in shop/dates.py: 7-9,12"]
    twice = run("--module", "shop/dates.py", "--coverage-from", "unit.json", "--coverage-from", "system.json")
    assert "a second report of suite aggregate; name each as SUITE=FILE or SUITE@ENVIRONMENT=FILE" in twice.stderr


def test_a_table_is_answered_by_a_table(folder):
    asked = {
        "project": ["shop"] * 3,
        "module": ["shop/dates.py", "shop/cart.py", "new.py"],
        "coverage": [0.9, 0.5, 1.0],
    }
    pyarrow.parquet.write_table(pyarrow.table(asked), folder / "r.parquet")
    shown = run("--requests", "r.parquet", "--out", "d.parquet")
    assert (shown.exit_code, json.loads(shown.stdout)["requests"]) == (20, 3)
    answered = pyarrow.parquet.read_table(folder / "d.parquet").to_pydict()
    one_by_one = [
        json.loads(run("--module", module, "--coverage", str(share), "--json").stdout)
        for module, share in zip(asked["module"], asked["coverage"], strict=True)
    ]
    for column in ("status", "fis", "band", "required_coverage", "coverage"):
        assert answered[column] == [decision[column] for decision in one_by_one]
    for args, line in (
        (
            ("--requests", "r.parquet"),
            "--requests FILE.parquet takes --out FILE.parquet: a table is answered by a table",
        ),
        (("--module", "a", "--out", "d.parquet"), "--out goes with --requests FILE.parquet"),
    ):
        assert run(*args).stderr == f"error: {line}\n"


def test_a_report_without_the_module_is_no_coverage(folder):
    (folder / "c.json").write_text('{"files": {}}', encoding="utf-8")
    shown = run("--module", "shop/dates.py", "--coverage-from", "c.json", "--json")
    assert (shown.exit_code, codes(json.loads(shown.stdout))[0]) == (10, "no-coverage")
    assert shown.stderr == "warning: c.json: says nothing of shop/dates.py\n"


def requests(*lines):
    return "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)


DATES = {"project": "shop", "module": "shop/dates.py"}


def test_many_requests_one_line_out_for_each_in(folder):
    stream = requests(
        {"module": DATES, "coverage": 0.9},
        "\n",
        {"module": {"module": "shop/cart.py"}, "coverage": {"unit": {"lines_covered": 5, "lines_total": 9}}, "x": 1},
        {"module": DATES, "coverage": 85},
        "{rubbish\n",
        {"module": {"project": "shop", "module": "new.py"}, "level": "staging"},
        {"module": {"project": "shop", "module": "shop/cart.py"}, "coverage": 0.8, "fis": SCORE},
        {"module": DATES, "level": "moon", "coverage": 1},
        {"module": DATES, "coverage": 1, "fis": SCORE},
        "[]\n",
    )
    (folder / "r.jsonl").write_text(stream, encoding="utf-8")
    shown = run("--requests", "r.jsonl")
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line.get("status", line.get("line")) for line in lines] == [
        "Promote",
        "Insufficient Coverage",
        4,
        5,
        "Promotion Blocked - Manual Review Required",
        "Promote",
        8,
        9,
        10,
    ]
    assert "fis-supplied" in codes(lines[5])
    assert shown.exit_code == 2
    assert [line.split(": ")[0] for line in shown.stderr.splitlines()] == [f"r.jsonl:{n}" for n in (4, 5, 8, 9, 10)]
    assert "coverage: a share between 0 and 1, for instance 0.85, or lines by suite is expected, not 85" in shown.stderr


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({"module": DATES, "coverage": True}, "coverage: a share between 0 and 1"),
        (
            {"module": DATES, "coverage": {"unit": {"lines_covered": 3, "lines_total": 2}}},
            "coverage.unit: lines_covered 3",
        ),
        ({"module": DATES, "coverage": {"unit": {"lines_covered": 3}}}, "coverage.unit.lines_total: Field required"),
        ({"module": {"project": "shop"}}, "module.module: Field required"),
        ({"module": {**DATES, "criticality": 2}}, "module.criticality: Input should be less than or equal to 1, not 2"),
        ({"coverage": 1}, "module: Field required"),
        ({"module": DATES, "coverage": {"\ud800": {"lines_covered": 1, "lines_total": 2}}}, "coverage"),
    ],
)
def test_a_bad_request_is_named_exactly(folder, request_, line):
    shown = run("--requests", "-", stdin=requests(request_))
    assert shown.stderr.startswith(f"stdin:1: {line}")
    assert shown.stderr.count("\n") == 1


def test_the_worst_exit_code_is_given(folder):
    promoted, short = {"module": DATES, "coverage": 1}, {"module": DATES, "coverage": 0}
    blocked = {"module": {"project": "shop", "module": "shop/payments/ledger.py"}}
    for stream, code in (([promoted], 0), ([short, promoted], 10), ([short, blocked, promoted], 20)):
        assert run("--requests", "-", stdin=requests(*stream)).exit_code == code


@pytest.mark.parametrize("content", ["", "\n \n", "module,coverage\n", "\ufeffmodule\n\n"])
def test_no_request_is_no_pass(folder, content):
    (folder / "r.csv").write_text(content, encoding="utf-8")
    for file, shown in (("r.csv", run("--requests", "r.csv")), ("stdin", run("--requests", "-", stdin=content))):
        assert (shown.exit_code, shown.stdout, shown.stderr) == (2, "", f"error: {file}: no request\n")


def test_a_key_that_is_there_twice_is_an_error_of_its_line(folder):
    good = json.dumps({"module": DATES, "coverage": 1})
    twins = (good[:-1] + ', "coverage": 0}', good.replace('"module": "shop', '"module": "a", "module": "shop'))
    shown = run("--requests", "-", stdin="\n".join([*twins, good]))
    assert [json.loads(line).get("line") for line in shown.stdout.splitlines()] == [1, 2, None]
    assert shown.stderr.splitlines() == [
        "stdin:1: the key 'coverage' is there twice",
        "stdin:2: the key 'module' is there twice",
    ]
    assert shown.exit_code == 2


def test_requests_without_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = requests(
        {"module": DATES, "coverage": 1}, {"module": {**DATES, "module": "shop/cart.py"}, "coverage": 1, "fis": SCORE}
    )
    shown = run("--requests", "-", "--params", str(PARAMS), stdin=stream)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert (shown.exit_code, lines[0]["line"], lines[1]["status"]) == (3, 1, "Promote")
    assert run("--requests", "-", stdin=stream).exit_code == 3


def test_requests_as_csv(folder):
    rows = ["\ufeffmodule,level,coverage", "shop/dates.py,,.8", '"shop/cart.py",staging,85%', ""]
    content = "\n".join([*rows, "shop/dates.py,x", '"shop/dates.py,x,1', ""])
    (folder / "r.csv").write_text(content, encoding="utf-8")
    shown = run("--requests", "r.csv")
    assert [json.loads(line).get("line", "decided") for line in shown.stdout.splitlines()] == ["decided", 3, 5, 6]
    assert "r.csv:3: coverage: a share between 0 and 1 is expected, for instance 0.85, not '85%'" in shown.stderr
    piped = run("--requests", "-", stdin=content)
    assert piped.stdout == shown.stdout
    wrong = run("--requests", "-", stdin="module,coverge\nshop/dates.py,1\n")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.endswith("each once, is expected, not 'coverge'\n")


def test_hostile_lines_do_not_stop_the_rest(folder):
    good = json.dumps({"module": DATES, "coverage": 1}).encode() + b"\n"
    stream = b'{"a": "' + b"x" * (10 << 20) + b'"}\n' + b'{"\xff": 1}\n' + b"[" * 100_000 + b"\n" + good
    shown = run("--requests", "-", stdin=b'{"module": {}}\n' + stream)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line.get("status", line.get("line")) for line in lines] == [1, 2, 3, 4, "Promote"]
    assert len(shown.stderr) < 2000


def test_as_a_real_program(folder):
    plain = subprocess.run([*COMMAND, "decide", "--module", "shop/dates.py", "--coverage", "0.7"], capture_output=True)
    assert plain.returncode == 10
    assert plain.stdout.startswith(b"Insufficient Coverage: shop/dates.py")
    assert b"\x1b" not in plain.stdout
    assert plain.stderr == b""


def test_only_light_libraries_are_imported(folder):
    program = (
        "import sys; from promotion_gate.cli import main\n"
        "try: main(['decide', '--module', 'shop/dates.py', '--coverage', '0.8', '--json'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'xgboost', 'mlflow', 'sklearn', 'pyarrow', 'great_expectations', 'shap', 'optuna'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX shells")
def test_a_reader_that_leaves_early_gets_no_traceback(folder):
    (folder / "r.jsonl").write_text(requests(*[{"module": DATES, "coverage": 1}] * 500), encoding="utf-8")
    with subprocess.Popen(
        [*COMMAND, "decide", "--requests", "r.jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 141
