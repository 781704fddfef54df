"""One broken row for each rule; the page; no connection to anywhere."""

import dataclasses
import json
import socket
from collections.abc import Callable

import pandas as pd
import pytest

from promotion_gate.errors import InputError
from promotion_gate.learn.validation import Check, Example, Report, validate
from promotion_gate.learn.validation_page import render
from tests.factories import tiny_tables

NOW = pd.Timestamp("2026-01-01T00:00:00Z")
Tables = dict[str, pd.DataFrame]


def nothing(_: Tables) -> None:
    pass


def report(change: Callable[[Tables], object]) -> Report:
    tables = tiny_tables()
    change(tables)
    return validate(tables, now=NOW, modules_per_release=(50, 100))


def put(table: str, column: str, value: object, rows: slice | int = 0) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table].loc[rows, column] = value

    return change


def drop(table: str, query: str) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table] = tables[table].query(f"not ({query})").reset_index(drop=True)

    return change


def double(table: str) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table] = pd.concat([tables[table], tables[table][:1]], ignore_index=True)

    return change


LATE = pd.Timestamp("2026-01-02", tz="UTC")
NEW_YEAR = pd.Timestamp("2020-01-01", tz="UTC")
EARLY = pd.Timestamp("2010-01-01", tz="UTC")
F = tiny_tables()["failures"]["module"]
UNION = tiny_tables()["coverage"]["lines_covered"][2]

# Great Expectations takes seconds for each report: a round breaks many rules at once.
ROUNDS: dict[str, list[tuple[Callable[[Tables], object], str, str]]] = {
    "values": [
        (put("releases", "released_at", LATE, 2), "error",
         "releases: row tiny, 3.0: column released_at: 2026-01-02T00:00:00+00:00, expected a time that is not in the "
         "future"),
        (put("modules", "loc", -1.0), "error",
         "modules: row tiny, 1.0, src/part0/module000.py: column loc: -1, expected 0 or more"),
        (put("modules", "churn", float("nan"), slice(0, 100)), "warning",
         "modules: row tiny, 1.0, src/part0/module000.py: column churn: nothing, expected a value in at least half "
         "of the rows (101 of 186 rows)"),
        (put("failures", "severity", "fatal"), "error",
         f"failures: row tiny, F-1, {F[0]}: column severity: fatal, expected one of low, medium, high, critical"),
        (put("dependencies", "depends_on", "gone"), "warning",
         "dependencies: row tiny, 1.0, src/part1/module001.py, gone: column depends_on: gone, expected a module of "
         "that release"),
        (put("criticality", "module", "src/part9/*"), "warning",
         "criticality: row tiny, src/part9/*: column module: src/part9/*, expected a name or glob that some module of "
         "its project has"),
        (put("telemetry", "window_end", NEW_YEAR), "error",
         "telemetry: row tiny, src/part0/module000.py, 2020-01-01T00:00:00+00:00, 2020-01-01T00:00:00+00:00: column "
         "window_end: 2020-01-01T00:00:00+00:00, expected after window_start"),
        (put("coverage", "lines_total", 1), "error",
         "coverage: row tiny, 1.0, src/part1/module001.py, unit: column lines_total: 1, expected no fewer than "
         "lines_covered"),
    ],
    "more values": [
        (put("releases", "released_at", NEW_YEAR, 1), "error",
         "releases: row tiny, 1.0: column released_at: 2020-01-01T00:00:00+00:00, expected a time that no other "
         "release of the project has (2 of 3 rows)"),
        (put("failures", "occurred_at", LATE), "error",
         f"failures: row tiny, F-1, {F[0]}: column occurred_at: 2026-01-02T00:00:00+00:00, expected a time that is "
         "not in the future"),
        (put("failures", "resolved_at", EARLY, 1), "warning",
         f"failures: row tiny, F-1, {F[0]}: column resolved_at: 2020-04-11T00:00:00+00:00, expected not before "
         "occurred_at (2 of 43 rows)"),
        (put("failures", "module", "gone", 2), "warning",
         "failures: row tiny, F-3, gone: column module: gone, expected a module of some release of its project"),
        (put("criticality", "criticality", 1.5), "error",
         "criticality: row tiny, src/part0/module000.py: column criticality: 1.5, expected a share from 0 to 1"),
        (put("telemetry", "errors", 2000.0), "warning",
         "telemetry: row tiny, src/part0/module000.py, 2020-01-01T00:00:00+00:00, 2020-01-02T00:00:00+00:00: column "
         "requests: 1000, expected no fewer than errors"),
        (put("coverage", "lines_covered", 0, 2), "error",
         "coverage: row tiny, 1.0, src/part1/module001.py, aggregate: column lines_covered: 0, expected no less than "
         "the largest single suite's"),
    ],
    "a release without modules": [
        (drop("modules", "release == '2.0'"), "error",
         "releases: row tiny, 2.0: column release: 2.0, expected a release with rows in table modules"),
        (put("releases", "released_at", EARLY, 1), "warning",
         "releases: row tiny, 1.0: column release: 1.0, expected a version no lower than those released before it"),
        (double("modules"), "error",
         "modules: row tiny, 1.0, src/part0/module000.py: column project, release, module: tiny, 1.0, "
         "src/part0/module000.py, expected a key that no other row has (2 of 125 rows)"),
        (put("coverage", "lines_covered", 0, slice(0, 1)), "warning",
         f"coverage: row tiny, 1.0, src/part1/module001.py, aggregate: column lines_covered: {UNION}, expected no "
         "more than all single suites' together"),
    ],
    "a release with few modules": [
        (drop("modules", "release == '2.0' and module < 'src/part4'"), "error",
         "releases: row tiny, 2.0: 12, expected 50 to 100 modules"),
        (nothing, "warning",
         "releases: row tiny, 2.0: 0.2, expected at least half the modules of the release before"),
        (put("dependencies", "release", "9.9", slice(0, 99)), "error",
         "dependencies: row tiny, 9.9, src/part1/module001.py, src/part0/module000.py: column module: "
         "src/part1/module001.py, expected a module of that release, in 80 % of the rows (116 of 183 rows)"),
        (put("failures", "project", "other", slice(0, 9)), "error",
         f"failures: row other, F-1, {F[0]}: column module: {F[0]}, expected a module of some release of its "
         "project, in 80 % of the rows (10 of 43 rows)"),
    ],
    "hardly anything": [
        (drop("releases", "release == '2.0'"), "error",
         "modules: row tiny, 2.0, src/part0/module000.py: column release: 2.0, expected a release of table releases "
         "(62 of 186 rows)"),
        (lambda tables: [tables["modules"].pop(name) for name in ("loc", "cyclomatic_complexity", "churn")], "error",
         "modules: 186 rows, expected at least one numeric metric"),
        (nothing, "warning",
         "modules: column loc: 186 rows, expected a column loc: lines of code are the baseline to beat"),
        (drop("failures", "module > ''"), "error", "failures: 0 rows, expected at least one row"),
        (drop("telemetry", "module > ''"), "error", "failures: 0 rows, expected at least one row"),
    ],
}  # fmt: skip


def test_valid_tables_pass_without_a_warning_and_nothing_is_sent_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    valid = report(nothing)
    assert valid.success
    assert [check.line() for check in valid.checks if not check.success] == []
    assert {check.table for check in valid.checks} == set(tiny_tables())
    assert json.loads(json.dumps(valid.to_dict(), allow_nan=False))["rows"]["releases"] == 3


@pytest.mark.parametrize("name", ROUNDS)
def test_each_rule_names_its_first_offender(name: str) -> None:
    def change(tables: Tables) -> None:
        for one, _, _ in ROUNDS[name]:
            one(tables)

    found = report(change)
    said = [(check.severity, check.line()) for check in found.checks if not check.success]
    assert [(severity, line) for _, severity, line in ROUNDS[name] if (severity, line) not in said] == []
    assert not found.success
    assert not any(check.exception for check in found.checks)
    if not found.rows["telemetry"]:  # optional tables without rows are not checked
        assert "telemetry" not in {check.table for check in found.checks}


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="failures: column severity is missing"):
        report(lambda tables: tables["failures"].pop("severity"))


def test_an_exception_inside_great_expectations_is_an_error() -> None:
    found = report(lambda tables: tables.update(releases=tables["releases"].assign(released_at="soon")))
    broken = [check for check in found.failed("error") if check.exception]
    assert broken
    assert "could not be checked" in broken[0].line()


def test_page_escapes_names_and_loads_nothing() -> None:
    name = "<script>alert(1)</script>"
    check = Check(
        table="failures", column="module", expectation="a module", type="gx", severity="warning", success=False,
        rows=9, unexpected=2, example=Example({"project": "p", "module": name}, name), exception=None,
    )  # fmt: skip
    broken = dataclasses.replace(check, table="modules", severity="error", example=None, exception="<b>went wrong")
    page = render(Report({"modules": 3, "failures": 9}, (broken, check)), "0" * 64, {"failures": 7})
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "7 more rejected" in page
    assert "//" not in page.replace("</", "")
    assert "Stopped." in page
    assert "Passed with warnings." in render(Report({"failures": 9}, (check,)), "0" * 64, {})
    assert "Passed." in render(Report({"failures": 9}, ()), "0" * 64, {})
