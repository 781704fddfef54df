"""`promotion-gate score` and the calculator behind it, on a handmade bundle."""

import csv
import io
import json
import math
import sys
import types

import pytest
from click.testing import CliRunner

from promotion_gate import params
from promotion_gate.cli import main
from promotion_gate.commands import output
from promotion_gate.errors import InputError, ModelError
from promotion_gate.operate.fis import UnknownModuleError
from promotion_gate.operate.gate import Gate, Rules
from promotion_gate.schema import LEVELS, FISResult, ModuleData
from tests.cli_bundle import MODULES, PARAMS, POLICY_VERSION, contributions, write_bundle

MOVED = contributions(MODULES[0]["probabilities"], history=1.0)


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
        "0.958  blocked     medium        0.700  shop/payments/ledger.py  "
        "failed 4 times in the last year: raises the score",
        "0.418  moderate    low           0.200  shop/cart.py             "
        "changed more than 93 % of the modules: raises the score",
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
    lines = list(output.results_as_text(results, rules, 70))
    assert all(len(output.click.unstyle(line)) <= 70 for line in lines[1:-1])
    assert any(line.endswith("…") for line in lines)


def test_json_is_an_object_for_one_module_and_an_array_otherwise(folder):
    one = json.loads(run("--module", "shop/cart.py", "--json").stdout)
    assert FISResult.model_validate(one).fis == 0.418
    assert [reason["code"] for reason in one["reasons"]] == ["churn", "criticality-gain"]
    several = json.loads(run("--module", "shop/cart.py", "--module", "shop/dates.py", "--json").stdout)
    assert [result["module"] for result in several] == ["shop/cart.py", "shop/dates.py"]
    assert len(json.loads(run("--all", "--json").stdout)) == 3


def test_a_score_and_the_expected_severity_are_the_sums_of_their_parts(folder):
    for result in json.loads(run("--all", "--json", "--load", "0.7").stdout):
        told = result["explanation"]
        assert sum(told["fis"].values()) == pytest.approx(result["fis"], abs=1e-6)
        value = told["expected_severity"].pop("value")
        assert sum(told["expected_severity"].values()) == pytest.approx(value, abs=1e-6)
        weighed = [0.25 * number * result["probabilities"][level] for number, level in enumerate(LEVELS)]
        assert value == pytest.approx(sum(weighed), abs=1e-6)
        groups = {"base", "size", "churn", "history", "coupling", "criticality", "load", "age"}
        assert set(told["expected_severity"]) == groups
        assert set(told["fis"]) == groups | {"criticality-gain", "load-gain"}
        effects = {reason["code"]: reason["effect"] for reason in result["reasons"]}
        assert effects == {code: told["fis"][code] for code in effects}
        assert {name for name, part in told["fis"].items() if abs(part) >= 0.0005} - {"base"} == set(effects)
        assert list(effects.values()) == sorted(effects.values(), key=abs, reverse=True)


def test_what_would_change_the_score_is_the_models_view(folder):
    cart = json.loads(run("--module", "shop/cart.py", "--json").stdout)
    assert [(other["code"], other["fis"]) for other in cart["counterfactuals"]] == [
        ("quiet-half-year", 0.215063),
        ("split-in-two", cart["fis"]),
    ]
    quiet, split = (other["message"] for other in cart["counterfactuals"])
    assert quiet == (
        "after half a year without a failure or a change, the score would be 0.215 instead of 0.418: "
        "the model's view, no promise of cause"
    )
    assert "the score would stay 0.418: the model's view, no promise of cause" in split
    lifted = json.loads(run("--module", "shop/cart.py", "--json", "--criticality", "1").stdout)
    assert lifted["counterfactuals"][0]["fis"] > 0.215063


def test_one_module_is_explained_in_parts_that_add_up(folder):
    lines = run("--module", "shop/cart.py").stdout.splitlines()
    assert lines[1].startswith("0.418  moderate")
    assert lines[2:-1] == [
        "  +0.1960  base",
        "  +0.2040  churn: changed more than 93 % of the modules: raises the score",
        "  +0.0180  criticality-gain: criticality 0.10 lifts the score by 0.018",
        "   0.4180  FIS, the sum",
        "   0.2151  after half a year without a failure or a change, the score would be 0.215 instead of 0.418: "
        "the model's view, no promise of cause",
        "   0.4180  as one of two halves of its file, its past failures kept, the score would stay 0.418: "
        "the model's view, no promise of cause",
    ]


def test_csv(folder):
    rows = list(csv.DictReader(io.StringIO(run("--all", "--csv").stdout)))
    assert [row["module"] for row in rows] == ["shop/payments/ledger.py", "shop/cart.py", "shop/dates.py"]
    assert (rows[1]["fis"], rows[1]["band"], rows[1]["p_low"], rows[1]["interval_high"][:5]) == (
        "0.418",
        "moderate",
        "0.12",
        "0.538",
    )


def test_criticality_and_load_override_and_move_the_interval(folder):
    stored, lifted, loaded = (
        json.loads(run("--module", "shop/cart.py", "--json", *more).stdout)
        for more in ([], ["--criticality", "1"], ["--load", "1"])
    )
    assert stored["fis"] < loaded["fis"] < lifted["fis"]
    for result in (stored, lifted, loaded):
        assert result["interval"][0] < result["fis"] < result["interval"][1]
    assert stored["interval"] < loaded["interval"] < lifted["interval"]
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
        (
            {"contributions": {**MODULES[0]["contributions"], "size": [1.0] * 4}},
            "the score of shop/dates.py breaks its form: the contributions add up to 0.0",
        ),
        ({"contributions": {}}, "the score of shop/dates.py breaks its form: 'base'"),
        ({"contributions": {"base": [0.0]}}, "the score of shop/dates.py breaks its form: "),
        ({"contributions": {"base": [math.inf, 0, 0, -math.inf]}}, "the score of shop/dates.py breaks its form: "),
        (
            {"counterfactuals": [{"code": "odd", "probabilities": [1, 0, 0, 0, 0]}]},
            "the score of shop/dates.py breaks its form: 'odd'",
        ),
        ({"contributions": MOVED}, "the score of shop/dates.py breaks its form: 'history'"),
    ],
)
def test_a_broken_bundle_is_no_model(folder, change, line):
    write_bundle(folder / "models" / "champion", [{**MODULES[0], **change}])
    shown = run("--all")
    assert shown.exit_code == 3
    assert shown.stderr.startswith(f"error: models/champion: {line}")
    assert shown.stderr.count("\n") == 1


def test_a_bundle_of_an_earlier_version_asks_for_a_new_model(folder):
    path = folder / "models" / "champion" / "manifest.json"
    old = {name: value for name, value in json.loads(path.read_text(encoding="utf-8")).items() if name != "format"}
    path.write_text(json.dumps(old), encoding="utf-8")
    shown = run("--all")
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert shown.stderr == (
        "error: models/champion: written by another version of promotion-gate (format 1, expected 2); "
        "train and register again: `make repro`\n"
    )


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

        def scores(self, modules):
            self.asked += modules
            return [{"project": "shop", "release": "2.0", **MODULES[1], "module": one.module} for one in modules]

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
