"""`promotion-gate collect coverage` and what `decide --coverage-from FOLDER` makes of it, on a made repository."""

import json

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from promotion_gate.learn.ingest import read_table
from promotion_gate.schema import CONTRACTS
from tests.cli_bundle import PARAMS, write_bundle
from tests.collect.git.built import Built, lines


@pytest.fixture
def shop(tmp_path, monkeypatch):
    write_bundle(tmp_path / "models" / "champion")
    monkeypatch.chdir(tmp_path)
    built = Built(tmp_path / "shop")
    built.commit_files({"shop/cart.py": lines(10), "shop/dates.py": lines(10)})
    return built


def report(path, files):
    """A report of coverage.py: {file: (covered, missing)}."""
    told = {name: {"executed_lines": list(ran), "missing_lines": list(left)} for name, (ran, left) in files.items()}
    path.write_text(json.dumps({"files": told}))
    return path


def collect(*arguments):
    return CliRunner().invoke(main, ["collect", "coverage", "--repository", "shop", *map(str, arguments)])


def decide(version, *arguments, module="shop/dates.py"):
    command = ["decide", "--module", module, "--coverage-from", "coverage", "--version", version, "--json", *arguments]
    done = CliRunner().invoke(main, command)
    return done, json.loads(done.stdout) if done.stdout else None


def codes(decision):
    return {reason["code"] for reason in decision["reasons"]}


def test_suites_are_united_line_by_line_and_decide(shop, tmp_path):
    sha = shop.git("rev-parse", "HEAD")
    unit = report(tmp_path / "unit.json", {"shop/dates.py": (range(1, 6), range(6, 11)), "other.py": ([1], [])})
    system = report(tmp_path / "system.json", {"/ci/shop/dates.py": (range(4, 9), [1, 2, 3, 9, 10])})
    done = collect(unit, "--suite", "unit", "--revision", "HEAD")
    assert done.exit_code == 0, done.stderr
    assert "could not map 1 of 2 files: other.py" in done.stderr
    assert f"unit of {sha[:12]}: 1 modules, 5 of 10 lines" in done.stdout
    assert "unit: 1 modules, 0 carried forward unchanged, 0 stale (changed since), 1 not reported" in done.stdout
    assert collect(system, "--suite", "system", "--revision", sha[:10]).exit_code == 0
    done, decision = decide(sha[:12])
    assert (done.exit_code, decision["coverage"], decision["status"]) == (0, 0.8, "Promote")
    assert "lines-united" in codes(decision)


def test_shards_of_one_suite_are_one_report(shop, tmp_path):
    one = report(tmp_path / "1.json", {"shop/dates.py": (range(1, 6), range(6, 11))})
    two = report(tmp_path / "2.json", {"shop/dates.py": (range(6, 11), range(1, 6))})
    collect(one, two, "--suite", "unit", "--revision", "HEAD")
    assert decide(shop.git("rev-parse", "HEAD"))[1]["coverage"] == 1


def test_a_report_holds_while_its_module_is_unchanged_and_is_stale_after(shop, tmp_path):
    old = shop.git("rev-parse", "HEAD")
    whole = (range(1, 11), [])
    collect(
        report(tmp_path / "u.json", {"shop/dates.py": whole, "shop/cart.py": whole}),
        "--suite",
        "unit",
        "--revision",
        old,
    )
    new = shop.commit_files({"shop/cart.py": lines(11)})
    few = report(tmp_path / "s.json", {"shop/dates.py": ([1], range(2, 11)), "shop/cart.py": ([1], range(2, 12))})
    done = collect(few, "--suite", "system", "--revision", "HEAD")
    assert "unit: 0 modules, 1 carried forward unchanged, 1 stale (changed since), 0 not reported" in done.stdout
    done, decision = decide(new)
    assert (done.exit_code, decision["coverage"]) == (0, 1)
    assert f"note: unit: as reported on {old[:12]}; the module is the same since" in done.stderr
    done, decision = decide(new, module="shop/cart.py")
    assert done.exit_code == 10
    assert "stale-report" in codes(decision)
    assert decision["coverage"] == pytest.approx(1 / 11)


def test_a_required_suite_that_did_not_report_is_a_gap(shop, tmp_path):
    rules = PARAMS.read_text().replace("required_suites: {}", "required_suites: {production: [unit, integration]}")
    (tmp_path / "strict.yaml").write_text(rules)
    collect(report(tmp_path / "u.json", {"shop/dates.py": (range(1, 11), [])}), "--suite", "unit", "--revision", "HEAD")
    done, decision = decide(shop.git("rev-parse", "HEAD"), "--params", "strict.yaml")
    assert done.exit_code == 10
    assert "suite-missing" in codes(decision)


def test_the_rows_of_a_release_take_the_place_of_those_it_had(shop, tmp_path):
    both = {"shop/dates.py": (range(1, 6), range(6, 11)), "shop/cart.py": ([1], [2])}
    for environment, file in (("a", both), ("b", {"shop/dates.py": (range(4, 8), [])})):
        collect(
            report(tmp_path / "u.json", file), "--suite", "unit", "--environment", environment, "--revision", "HEAD"
        )
    other = report(tmp_path / "i.json", {"shop/dates.py": ([10], [])})
    for release in ("1.0", "2.0", "2.0"):
        done = collect(other, "--suite", "integration", "--revision", "HEAD", "--release", release, "--raw", "raw")
        assert done.exit_code == 0, done.stderr
    assert "5 rows of 2.0, 10 in all" in done.stdout
    typed = read_table(tmp_path / "raw" / "coverage.csv.gz", CONTRACTS["coverage"])
    assert not len(typed.rejects)
    table = typed.accepted[typed.accepted.release == "2.0"]
    found = {(row.module, row.suite): (row.lines_covered, row.lines_total) for row in table.itertuples()}
    assert found == {
        ("shop/cart.py", "unit"): (1, 2), ("shop/cart.py", "aggregate"): (1, 2), ("shop/dates.py", "unit"): (7, 10),
        ("shop/dates.py", "integration"): (1, 1), ("shop/dates.py", "aggregate"): (8, 10),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["good.json", "--suite", "unit", "--revision", "no-such"], "--revision no-such: no such commit"),
        (["good.json", "--suite", "unit", "--revision", "--help"], "no such commit"),
        (["good.json", "--suite", "a/b", "--revision", "HEAD"], "--suite 'a/b': 1 to 64 letters"),
        (["other.json", "--suite", "unit", "--revision", "HEAD"], "is it a report on this repository?"),
        (["bomb.xml", "--suite", "unit", "--revision", "HEAD"], "XML with entities or external references is refused"),
        (["table.csv", "--suite", "unit", "--revision", "HEAD"], "a coverage table names no lines"),
        (["missing.json", "--suite", "unit", "--revision", "HEAD"], "missing.json: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_saved(shop, tmp_path, arguments, said):
    report(tmp_path / "good.json", {"shop/dates.py": ([1], [])})
    report(tmp_path / "other.json", {"elsewhere.py": ([1], [])})
    (tmp_path / "bomb.xml").write_text('<!DOCTYPE a [<!ENTITY b "x">]><coverage>&b;</coverage>')
    (tmp_path / "table.csv").write_text("project,release,module,suite,lines_covered,lines_total\n")
    done = collect(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert not (tmp_path / "coverage").exists()


def test_a_folder_is_asked_for_a_saved_revision_and_project(shop, tmp_path):
    collect(report(tmp_path / "u.json", {"shop/dates.py": ([1], [])}), "--suite", "unit", "--revision", "HEAD")
    for arguments, said in (
        (["--coverage-from", "coverage"], "give --version REVISION"),
        (["--coverage-from", "coverage", "--version", "abcdef0"], "no report of a revision 'abcdef0'"),
        (["--coverage-from", "unit=coverage", "--version", "abcdef0"], "give it without unit="),
        (["--coverage-from", "models", "--version", "abcdef0"], "no saved coverage in this folder"),
    ):
        done = CliRunner().invoke(main, ["decide", "--module", "shop/dates.py", *arguments])
        assert done.exit_code == 2
        assert said in done.stderr
    elsewhere = collect(tmp_path / "u.json", "--suite", "unit", "--revision", "HEAD", "--repository", "other=shop")
    assert "has coverage of project shop; give other a folder of its own" in elsewhere.stderr
