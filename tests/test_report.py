"""The report: what it says of what the stages found, and of what they did not find."""

import dataclasses
import html
import pathlib
import re

import pytest

from promotion_gate.pages import figures
from promotion_gate.pages.render import decimals, fixed, listed, page, percent, signed
from promotion_gate.pages.report import Findings, context, wilson
from promotion_gate.reporting import banded
from tests.cli_bundle import READ, write_bundle
from tests.report_findings import findings, pareto, sparse


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return findings(tmp_path_factory.mktemp("report") / "bundle")


@pytest.fixture(scope="module")
def written(found: Findings) -> str:
    return rendered(found)


@pytest.fixture(scope="module")
def said(written: str) -> str:
    return text(written)


def rendered(found: Findings) -> str:
    return page("report.html.j2", context(found))


def text(written: str) -> str:
    """What a reader sees of a page, spaces made one."""
    without = re.sub(r"<style>.*?</style>|<[^>]+>", " ", written, flags=re.S)
    return " ".join(html.unescape(without).split())


def test_the_same_findings_give_the_same_bytes(found: Findings, written: str) -> None:
    assert rendered(found) == written


def test_nothing_is_loaded_and_names_are_escaped(written: str) -> None:
    assert "<script" not in written
    assert "&lt;script&gt;alert(1)" in written
    assert "//" not in re.sub(r"</|<!--.*?-->", "", written)
    assert "url(#" not in re.sub(r"url\(#(\w+)-[\w-]+\)", "", written)


def test_every_id_is_there_once_and_every_reference_is_met(written: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', written)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', written)
    assert set(wanted) <= set(ids)


def test_every_figure_is_described_and_has_no_colour_of_its_own(written: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", written, flags=re.S)
    assert len(drawn) == 5
    for svg in drawn:
        assert re.search(r'role="img" aria-label="[^"]{60,}"', svg)
        assert not re.search(r"#[0-9a-f]{6}", svg)


def test_scores_are_read_without_a_registry(tmp_path: pathlib.Path) -> None:
    (write_bundle(tmp_path) / "manifest.json").unlink()
    release, modules = banded.modules(tmp_path, "f8" * 32, READ.impact, READ.policy)
    assert release == "2.0"
    assert [(module["module"], module["band"]) for module in modules] == [
        ("shop/cart.py", "moderate"),
        ("shop/dates.py", "negligible"),
        ("shop/payments/ledger.py", "blocked"),
    ]


def test_a_band_asks_each_level_for_its_share_and_the_last_for_a_review() -> None:
    first, *_, last = banded.bands(READ.policy)
    assert first == {
        "name": "negligible",
        "start": 0,
        "required": {"development": 0.6, "staging": 0.7, "production": 0.8},
    }
    assert set(last["required"].values()) == {None}


def test_the_riskiest_modules_come_first_with_what_raises_them(found: Findings) -> None:
    told = context(found, riskiest=2)["riskiest"]
    assert [module["module"] for module in told] == ["shop/<script>alert(1)</script>.py", "shop/payments/ledger.py"]
    assert told[0]["reasons"][0]["message"] == "failed 4 times in the last year"
    assert all(reason["effect"] > 0 for module in told for reason in module["reasons"])


def test_gates_that_would_hold_back_more_are_named(said: str) -> None:
    assert "For the same delay more would be held back by lines of code (36 %)." in said


def test_a_baseline_that_is_as_good_is_said(said: str) -> None:
    assert "Our model clearly beats lines of code, in both figures." in said
    assert "Against logistic regression at least one difference may be chance." in said


def test_the_search_says_what_it_changes_and_that_a_person_adopts(found: Findings, said: str) -> None:
    assert "Nothing changes until a person adopts it." in said
    assert "band blocked: FIS from 0.8 0.72" in said
    refused = dataclasses.replace(found, tuning={**found.tuning, "adopted": False, "because": "no better"})
    assert "Not suggested: no better. The policy stays as it is." in text(rendered(refused))


def test_what_was_not_measured_is_said_with_the_reason(found: Findings) -> None:
    said = text(rendered(sparse(found)))
    assert "Gates: not measured. reports/backtest.json" in said
    assert "Other policies: not measured. reports/policy_tuning.json" in said
    curveless = text(rendered(dataclasses.replace(found, yield_safety=[])))
    assert "Curve: not measured. reports/plots/yield_safety.csv" in curveless


def test_broken_expectations_are_listed(said: str) -> None:
    assert "! warning modules, loc: expected 0 or more; 2 of 186 rows differ" in said


def test_an_interval_of_a_share_holds_it_and_narrows_with_the_count() -> None:
    assert wilson(0.0, 300) == pytest.approx((0.0, 0.01264), abs=1e-4)
    low, high = wilson(0.1, 100)
    assert (low, high) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0.1, 1000)[1] < high


def test_numbers_are_written_for_readers() -> None:
    assert percent(0.127) == "13\N{NO-BREAK SPACE}%"
    assert percent(None) == fixed(float("nan")) == signed(None) == "\N{EN DASH}"
    assert signed(-0.002) == "\N{MINUS SIGN}0.002"
    assert [decimals(share) for share in (0.96, 0.965, 1 / 3)] == [0, 1, 2]
    assert [listed(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_the_front_is_drawn_where_no_point_is_a_suggestion() -> None:
    some = [row for row in pareto() if row["kind"] != "suggestion"]
    assert "suggestion" not in figures.pareto(some, None)


def test_a_template_that_names_what_is_missing_fails(found: Findings) -> None:
    told = dict(context(found))
    del told["bands"]
    with pytest.raises(Exception, match="'bands' is undefined"):
        page("report.html.j2", told)
