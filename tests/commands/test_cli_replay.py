"""`promotion-gate decide --certificate` and `replay`: a decision is made again, and what differs is named."""

import json
import pathlib

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from tests.cli_bundle import MODULES, write_bundle


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_bundle(tmp_path / "models" / "champion")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args):
    return CliRunner().invoke(main, list(args))


def certificate(*args):
    shown = run("decide", "--module", "shop/cart.py", "--coverage", "0.5", "--certificate", "c.json", *args)
    assert shown.stderr == ""
    return json.loads(pathlib.Path("c.json").read_text(encoding="utf-8"))


def test_a_decision_is_made_again_bit_for_bit(folder):
    certificate()
    shown = run("replay", "c.json")
    assert (shown.exit_code, shown.stdout.splitlines()[1:]) == (
        0,
        [
            "  inputs    all 8 have their hash",
            "  decision  made again, bit for bit the same",
            "  score     computed again by failure-impact/3, bit for bit the same",
            "  origin    the same model, data and code",
        ],
    )
    read = json.loads(run("replay", "c.json", "--json").stdout)
    assert (read["same"], read["altered"], read["decision"], read["score"]) == (True, [], [], [])


def test_a_module_that_nobody_knew_replays_as_well(folder):
    run("decide", "--module", "new.py", "--coverage", "1", "--certificate", "n.json")
    assert run("replay", "n.json").exit_code == 0


def test_an_altered_certificate_is_named(folder):
    read = certificate()
    read["inputs"]["request"]["coverage"] = 0.95
    (folder / "c.json").write_text(json.dumps(read), encoding="utf-8")
    shown = run("replay", "c.json")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("Not reproduced: Insufficient Coverage")
    assert "input request: the certificate says" in shown.stdout
    assert "decision.status: the certificate says Insufficient Coverage, here it is Promote" in shown.stdout


def test_without_its_model_the_decision_follows_and_the_score_is_taken_from_the_certificate(folder):
    certificate()
    write_bundle(folder / "models" / "champion", MODULES[:2])
    shown = run("replay", "c.json")
    assert shown.exit_code == 3
    assert "not computed again: failure-impact/3 is not in models/champion" in shown.stdout
    assert "model: the certificate says" in shown.stdout
    assert run("replay", "c.json", "--models", "nowhere").exit_code == 3


def test_a_bundle_whose_files_were_changed_is_refused(folder):
    certificate()
    (folder / "models/champion/scores.json").write_text("{}", encoding="utf-8")
    shown = run("replay", "c.json")
    assert (shown.exit_code, "its hash differs" in shown.stderr) == (3, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "c.json: no certificate: a JSON object is expected"),
        ("{", "c.json: no JSON: Expecting property name"),
        ("{}", "no certificate of format 1, but None"),
        ('{"format": 1, "inputs": {}}', "no certificate: KeyError('rules')"),
    ],
)
def test_what_is_no_certificate_is_one_line(folder, content, said):
    (folder / "c.json").write_text(content, encoding="utf-8")
    shown = run("replay", "c.json")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.startswith(f"error: {said}")
    assert shown.stderr.count("\n") == 1
