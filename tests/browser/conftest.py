"""A real browser, and the pages that it is shown: made from fixtures, and the tree's own where they are there."""

import pathlib
from collections.abc import Iterator

import pandas as pd
import pytest
from playwright.sync_api import Browser, sync_playwright

from promotion_gate.learn.validation import validate
from promotion_gate.learn.validation_page import render
from promotion_gate.pages.render import page
from promotion_gate.pages.report import context
from tests.factories import tiny_tables
from tests.programs import program
from tests.report_findings import findings, sparse

REPORTS = pathlib.Path(__file__).parents[2] / "reports"
OWN = sorted(path.name for path in REPORTS.glob("*.html"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window; never one that is downloaded."""
    chromium = program("chromium", "chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])  # CI runs as root
        yield started
        started.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of pages made from fixtures: a full report, one with much not measured, a validation that stopped."""
    folder = tmp_path_factory.mktemp("pages")
    found = findings(folder / "bundle")
    (folder / "full.html").write_text(page("report.html.j2", context(found)), encoding="utf-8")
    (folder / "sparse.html").write_text(page("report.html.j2", context(sparse(found))), encoding="utf-8")
    tables = tiny_tables()
    tables["failures"].loc[0, "module"] = "src/<b>gone</b>.py"
    tables["releases"].loc[0, "released_at"] = pd.Timestamp("2122-01-01", tz="UTC")
    report = validate(tables, now=pd.Timestamp("2026-01-01", tz="UTC"), modules_per_release=(20, 200_000))
    (folder / "validation.html").write_text(render(report, "f8" * 32, {"failures": 7}), encoding="utf-8")
    return folder


@pytest.fixture(params=["full", "sparse", "validation", *(f"reports/{name}" for name in OWN)])
def shown(request: pytest.FixtureRequest, made: pathlib.Path) -> pathlib.Path:
    """The pages, one by one."""
    name = str(request.param)
    return (
        REPORTS / name.removeprefix("reports/") if name in {f"reports/{own}" for own in OWN} else made / f"{name}.html"
    )
