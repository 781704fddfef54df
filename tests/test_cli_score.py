"""`promotion-gate score` and the calculator behind it, on a handmade bundle."""

import csv
import io
import json
import sys
import types

import pytest
from click.testing import CliRunner

from promotion_gate import cli_output, params
from promotion_gate.cli import main
from promotion_gate.errors import InputError, ModelError
from promotion_gate.operate.fis import UnknownModuleError
from promotion_gate.operate.gate import Gate, Rules
from promotion_gate.schema import FISResult, ModuleData
from tests.cli_bundle import MODULES, PARAMS, POLICY_VERSION, write_bundle


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_bundle(tmp_path / "models" / "champion")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args, **more):
    return CliRunner().invoke(main, ["score", *args], **more)


def test_for_people_sorted_by_score_without_colour(folder):
    shown = run("--all")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "  FIS  band        severity    P(fail)  module                   top factor",
        "0.958  blocked     medium        0.700  shop/payments/ledger.py  failed 4 times in the last year",
        "0.418  moderate    low           0.200  shop/cart.py             changed more than 93 % of the modules",
        "0.029  negligible  negligible    0.015  shop/dates.py",
        f"model failure-impact/3, policy {POLICY_VERSION} (failure-impact/3), data d41d8cd98f00",
    ]


def test_colour_on_terminals_only_and_not_with_no_color(folder, monkeypatch):
    assert "\x1b[31mblocked" in run("--all", color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("--all", color=True).stdout


def test_a_line_fits_the_terminal(folder):
    gate = Gate()
    rules = Rules(gate.rules.impact, gate.rules.policy, "v", "file")
    results = [gate.calculator.score(ModuleData(project="shop", module=entry["module"])) for entry in MODULES]
    lines = list(cli_output.results_as_text(results, rules, 70))
    assert all(len(cli_output.click.unstyle(line)) <= 70 for line in lines[1:-1])
    assert any(line.endswith("…") for line in lines)


def test_json_is_an_object_for_one_module_and_an_array_otherwise(folder):
    one = json.loads(run("--module", "shop/cart.py", "--json").stdout)
    assert FISResult.model_validate(one).fis == 0.418
    assert [reason["code"] for reason in one["reasons"]] == ["churn", "criticality-gain"]
    several = json.loads(run("--module", "shop/cart.py", "--module", "shop/dates.py", "--json").stdout)
    assert [result["module"] for result in several] == ["shop/cart.py", "shop/dates.py"]
    assert len(json.loads(run("--all", "--json").stdout)) == 3


def test_csv(folder):
    rows = list(csv.DictReader(io.StringIO(run("--all", "--csv").stdout)))
    assert [row["module"] for row in rows] == ["shop/payments/ledger.py", "shop/cart.py", "shop/dates.py"]
    assert (rows[1]["fis"], rows[1]["band"], rows[1]["p_low"], rows[1]["interval_high"]) == (
        "0.418",
        "moderate",
        "0.12",
        "0.55",
    )


def test_criticality_and_load_override_and_end_the_interval(folder):
    stored, lifted, loaded = (
        json.loads(run("--module", "shop/cart.py", "--json", *more).stdout)
        for more in ([], ["--criticality", "1"], ["--load", "1"])
    )
    assert stored["fis"] < loaded["fis"] < lifted["fis"]
    assert (stored["interval"], lifted["interval"], loaded["interval"]) == ([0.2, 0.55], None, None)
    assert json.loads(run("--module", "shop/cart.py", "--json", "--criticality", "0.1").stdout) == stored


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        ([], 2, "give --module M, once or more, or --all"),
        (["--all", "--module", "a"], 2, "give --module M, once or more, or --all"),
        (["--all", "--json", "--csv"], 2, "--json and --csv exclude each other"),
        (
            ["--module", "cart.py"],
            2,
            "module cart.py is not known to the data set; give metrics, or did you mean shop/cart.py?",
        ),
        (
            ["--module", "shop/cart.py", "--project", "shpo"],
            2,
            "module shop/cart.py cannot be scored: the data set has no project shpo, only shop",
        ),
        (["--all", "--project", "shpo"], 2, "the data set knows no module of project shpo"),
        (["--all", "--models", "none"], 3, "none: no model: run `make repro` first"),
        (["--all", "--load", "2"], 2, "--load: a share between 0 and 1 is expected, for instance 0.85, not '2'"),
    ],
)
def test_errors_are_one_line(folder, args, code, line):
    shown = run(*args)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (code, "", f"error: {line}\n")


def test_several_projects_must_be_told_apart(folder):
    entry = MODULES[0]
    write_bundle(folder / "models" / "champion", [{**entry, "project": "bank"}, {**entry, "project": "shop"}])
    assert run("--all").stderr == "error: choose a project with --project: bank, shop\n"
    assert run("--all", "--project", "bank").exit_code == 0


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"probabilities": [0.5, 0.5]}, "the score of shop/dates.py breaks its form: probabilities have shape"),
        ({"probabilities": [0.5] * 5}, "the score of shop/dates.py breaks its form: probabilities must be 0 or more"),
        ({"severity": "odd"}, "the score of shop/dates.py breaks its form: 1 validation error"),
        ({"criticality": None}, "the score of shop/dates.py breaks its form: float()"),
    ],
)
def test_a_broken_bundle_is_no_model(folder, change, line):
    write_bundle(folder / "models" / "champion", [{**MODULES[0], **change}])
    shown = run("--all")
    assert shown.exit_code == 3
    assert shown.stderr.startswith(f"error: models/champion: {line}")
    assert shown.stderr.count("\n") == 1


def test_files_that_were_changed_are_not_trusted(folder):
    scores = folder / "models" / "champion" / "scores.json"
    scores.write_text(scores.read_text(encoding="utf-8").replace("0.15", "0.01"), encoding="utf-8")
    shown = run("--all")
    assert shown.exit_code == 3
    assert "scores.json: not the file that was registered (its hash differs)" in shown.stderr
    (folder / "models" / "champion" / "manifest.json").write_text("{", encoding="utf-8")
    assert run("--all").exit_code == 3


def test_a_policy_that_does_not_fit_is_no_model(folder):
    manifest = folder / "models" / "champion" / "manifest.json"
    read = json.loads(manifest.read_text(encoding="utf-8"))
    read["policy"]["bandz"] = []
    manifest.write_text(json.dumps(read), encoding="utf-8")
    shown = run("--all")
    assert (shown.exit_code, "bandz: Extra inputs are not permitted" in shown.stderr) == (3, True)
    assert run("--all", "--params", str(PARAMS)).exit_code == 0


@pytest.fixture
def scorers(monkeypatch):
    """The scorers that were made, which stand in for the model: that needs XGBoost and a trained booster."""
    made = []

    class Scorer:
        metrics = frozenset({"loc"})

        def __init__(self, folder):
            self.asked = []
            made.append(self)

        def ignored(self, names):
            unknown = sorted(set(names) - self.metrics)
            return [{"code": "metrics-ignored", "message": ", ".join(unknown)}] if unknown else []

        def score(self, module):
            self.asked.append(module)
            return {"project": "shop", "release": "2.0", **MODULES[1], "module": module.module}

    stand_in = types.ModuleType("promotion_gate.learn.serving")
    stand_in.Scorer = Scorer
    monkeypatch.setitem(sys.modules, "promotion_gate.learn.serving", stand_in)
    return made


def test_given_figures_take_the_model_which_is_loaded_once(folder, scorers):
    calculator = Gate().calculator
    module = ModuleData(project="shop", module="new.py", version="3", metrics={"loc": 10})
    result = calculator.score(module)
    assert (result.module, result.fis) == ("new.py", 0.418)
    assert [reason.code for reason in result.reasons] == ["churn", "criticality-gain"]
    linked = ModuleData(project="shop", module="shop/dates.py", version="3", dependencies=())
    assert calculator.score(linked).fis == 0.418
    assert [reason.code for reason in calculator.score(linked).reasons][-1] == "scored-other-release"
    assert len(scorers) == 1
    assert scorers[0].asked == [module, linked, linked]


@pytest.mark.parametrize(
    ("given", "sentence", "codes"),
    [
        ({"metrics": {}}, "module new.py is not known to the data set; give metrics", []),
        ({"dependencies": ("shop/cart.py",)}, "module new.py is not known to the data set; give metrics", []),
        ({"metrics": {"odd": 1}}, "module new.py is not known to the data set; give metrics", ["metrics-ignored"]),
        (
            {"project": "shpo", "metrics": {"loc": 1}},
            "module new.py cannot be scored: the data set has no project shpo, only shop",
            [],
        ),
        (
            {"project": "shpo", "module": "shop/cart.py", "metrics": {"loc": 1}},
            "module shop/cart.py cannot be scored: the data set has no project shpo, only shop",
            [],
        ),
    ],
)
def test_no_figures_are_no_score(folder, scorers, given, sentence, codes):
    with pytest.raises(UnknownModuleError) as caught:
        Gate().calculator.score(ModuleData(**{"project": "shop", "module": "new.py", **given}))
    assert str(caught.value) == sentence
    assert [note.code for note in caught.value.notes] == codes


def test_a_known_module_with_empty_metrics_has_its_stored_score(folder, scorers):
    result = Gate().calculator.score(ModuleData(project="shop", module="shop/cart.py", version="3", metrics={}))
    assert (result.fis, result.reasons[-1].code, scorers) == (0.418, "scored-other-release", [])


def test_the_model_is_loaded_after_a_check_of_all_files(folder, scorers):
    module = ModuleData(project="shop", module="new.py", metrics={"loc": 10})
    champion = folder / "models" / "champion"
    manifest = json.loads((champion / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["model/booster.ubj"] = "0" * 64
    (champion / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError, match=r"booster\.ubj"):
        Gate().calculator.score(module)


def test_the_calculator_refuses_what_is_out_of_range_or_unknown(folder):
    calculator = Gate().calculator
    with pytest.raises(InputError, match="load is a share"):
        calculator.score(ModuleData(project="shop", module="shop/cart.py"), load=2)
    with pytest.raises(InputError, match=r"did you mean shop/cart\.py"):
        calculator.score(ModuleData(project="shop", module="cart.py"))


def test_the_rules_in_force(folder):
    read = params.load(PARAMS)
    assert Gate().rules.policy == read.policy
    assert Gate().rules.version == Gate(PARAMS).rules.version


def test_version_and_help():
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("promotion-gate ")
    assert "score" in CliRunner().invoke(main, ["--help"]).stdout
    bare = CliRunner().invoke(main, [])
    assert (bare.exit_code, bare.stdout) == (2, "")
    assert "Commands:" in bare.stderr
