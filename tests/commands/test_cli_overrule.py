"""`promotion-gate decide --override | --hotfix | --rollback`: a person answers for the promotion."""

import datetime as dt
import json

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from tests.cli_bundle import write_bundle

LOG = (
    "failure_id,project,module,severity,occurred_at,resolved_at\n"
    "F-1,shop,shop/cart.py,critical,2026-01-01T00:00:00Z,\n"
    "F-1,shop,shop/dates.py,critical,2026-01-01T00:00:00Z,\n"
    "F-2,shop,shop/cart.py,critical,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z\n"
    "F-3,shop,shop/cart.py,high,2026-01-01T00:00:00Z,\n"
)
UNTIL = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).isoformat()
WORDS = ("--by", "Ada", "--reason", "the shop is shut")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_bundle(tmp_path / "models" / "champion")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "failures.csv").write_text(LOG, encoding="utf-8")
    return tmp_path


def run(*args, module="shop/cart.py"):
    return CliRunner().invoke(main, ["decide", "--module", module, "--coverage", "0.5", *args])


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (("--override", *WORDS, "--until", UNTIL), "override"),
        (("--hotfix", "F-1", "--failures", "failures.csv", *WORDS, "--until", UNTIL), "hotfix"),
        (("--rollback", *WORDS), "rollback"),
    ],
)
def test_a_person_promotes_and_the_verdict_stays_to_be_read(folder, args, kind):
    shown = run(*args, "--json", "--certificate", "c.json")
    decision = json.loads(shown.stdout)
    assert (shown.exit_code, decision["kind"], decision["status"]) == (0, kind, "Promote")
    assert decision["overruled"]["verdict"] == "Insufficient Coverage"
    assert decision["reasons"][1]["code"] == "coverage-short"
    assert f"{kind}: Ada" in run(*args).stdout
    assert CliRunner().invoke(main, ["replay", "c.json"]).exit_code == 0


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--by", "Ada"), "--by goes with --override, --hotfix FAILURE or --rollback"),
        (("--override", "--rollback"), "--override and --rollback exclude each other"),
        (("--override", "--by", "Ada", "--reason", "x"), "--override needs --until"),
        (("--rollback", *WORDS, "--until", UNTIL), "--rollback does not go with --until"),
        (("--hotfix", "F-1", *WORDS, "--until", UNTIL), "--hotfix needs --failures"),
        (
            ("--override", *WORDS, "--until", "tomorrow"),
            "--until: a time is expected, for instance 2026-12-01T18:00:00Z, not 'tomorrow'",
        ),
        (
            ("--hotfix", "F-9", "--failures", "failures.csv", *WORDS, "--until", UNTIL),
            "failures.csv: no failure 'F-9'; --hotfix takes the failure_id of a row",
        ),
        (
            ("--hotfix", "F-2", "--failures", "failures.csv", *WORDS, "--until", UNTIL),
            "failure F-2 was resolved at 2026-01-02T00:00:00Z: there is nothing to fix; use an override",
        ),
        (
            ("--hotfix", "F-3", "--failures", "failures.csv", *WORDS, "--until", UNTIL),
            "failure F-3 is high: the hotfix path is for critical ones; use an override",
        ),
    ],
)
def test_what_is_missing_or_does_not_fit_is_one_line(folder, args, line):
    shown = run(*args)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (2, "", f"error: {line}\n")


def test_a_hotfix_of_another_module_s_failure_is_none(folder):
    shown = run(
        *("--hotfix", "F-2", "--failures", "failures.csv", *WORDS, "--until", UNTIL), module="shop/payments/ledger.py"
    )
    assert shown.stderr == "error: failure F-2 is of shop shop/cart.py, not of shop shop/payments/ledger.py\n"
