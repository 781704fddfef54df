"""The review: what it compares, in which order, and its laws. No registry is needed to make one."""

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from promotion_gate import bundle
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE, policy_document, policy_version
from promotion_gate.errors import ModelError
from promotion_gate.learn.scores import expected_calibration_error, ones
from promotion_gate.learn.tables import Tables
from promotion_gate.registry import compatibility, model_card
from promotion_gate.review import checklist, contest, differences, document, drift, fairness, figures, page, text
from promotion_gate.review.decisions import (
    ASKS_LESS,
    ASKS_MORE,
    BLOCKS,
    HOLDS,
    HOLDS_LESS,
    LETS_THROUGH,
    changes,
    kind_of,
    worst_first,
)
from promotion_gate.review.side import Side
from promotion_gate.schema import CONTRACTS
from tests.factories import tiny_tables
from tests.registry_workspace import COLUMNS, READ, calm, plain

AT = "2026-01-01T00:00:00Z"


def side_of(workspace: pathlib.Path, version: str, policy: dict[str, Any] | None = None, **tags: str) -> Side:
    """A version as the registry would give it, without one."""
    sources = {
        "model/booster.ubj": workspace / "models/model/booster.ubj",
        "model/model.json": workspace / "models/model/model.json",
        "scores.json": workspace / "models/scores.json",
        **{f"tables/{name}.parquet": workspace / f"data/interim/{name}.parquet" for name in CONTRACTS},
    }
    rules = policy_document(READ.impact, READ.policy)
    described = {"model_name": "m", "model_version": version, "data_hash": tags.get("data_hash", "d")}
    folder = workspace / f"bundle-{version.replace('/', '-')}"
    known = {"policy_version": policy_version(READ.impact, READ.policy), "data_hash": "d", **tags}
    bundle.write(folder, sources, {**described, "policy_version": known["policy_version"], **rules, **(policy or {})})
    return Side(
        version=version,
        run_id="r",
        registered_at=AT,
        description="# card",
        tags=known,
        params={"evaluate.bootstrap": "40", "train.seed": "1"},
        packages=("numpy==2.0",),
        predictions=pd.read_parquet(workspace / "data/processed/predictions.parquet"),
        folder=folder,
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return shutil.copytree(plain(), tmp_path_factory.mktemp("review") / "workspace")


@pytest.fixture(scope="module")
def calmer(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = shutil.copytree(plain(), tmp_path_factory.mktemp("calmer") / "workspace")
    calm(folder)
    return folder


def verdict(status: str = PROMOTE, fis: float = 0.3, required: float | None = 0.88, **more: Any) -> dict[str, Any]:
    told = {"band": "moderate", "coverage": 0.9, "severity": "low", "reasons": [], "parts": {"base": fis}}
    return {"status": status, "fis": fis, "required_coverage": None if status == BLOCKED else required, **told, **more}


@pytest.mark.parametrize(
    ("champion", "challenger", "kind"),
    [
        (BLOCKED, PROMOTE, LETS_THROUGH),
        (INSUFFICIENT, PROMOTE, LETS_THROUGH),
        (BLOCKED, INSUFFICIENT, HOLDS_LESS),
        (PROMOTE, BLOCKED, BLOCKS),
        (INSUFFICIENT, BLOCKED, BLOCKS),
        (PROMOTE, INSUFFICIENT, HOLDS),
        (PROMOTE, PROMOTE, None),
        (BLOCKED, BLOCKED, None),
    ],
)
def test_a_change_has_a_kind(champion: str, challenger: str, kind: str | None) -> None:
    assert kind_of(verdict(challenger), verdict(champion)) == kind


def test_with_the_same_verdict_the_required_coverage_counts() -> None:
    assert kind_of(verdict(required=0.8), verdict(required=0.88)) == ASKS_LESS
    assert kind_of(verdict(required=0.96), verdict(required=0.88)) == ASKS_MORE


def test_the_worst_change_is_told_first() -> None:
    sides = {
        "asked": (verdict(fis=0.1, required=0.8), verdict(fis=0.9)),
        "held": (verdict(INSUFFICIENT), verdict()),
        "stopped": (verdict(BLOCKED), verdict()),
        "stopped, was held": (verdict(BLOCKED, fis=0.99), verdict(INSUFFICIENT, fis=0.1)),
        "less": (verdict(INSUFFICIENT), verdict(BLOCKED)),
        "live, small": (verdict(fis=0.3), verdict(INSUFFICIENT, fis=0.31)),
        "live, large": (verdict(fis=0.3), verdict(INSUFFICIENT, fis=0.6)),
        "live, was blocked": (verdict(fis=0.79), verdict(BLOCKED, fis=0.8)),
        "same": (verdict(), verdict()),
    }
    new, old = ({("p", name): pair[place] for name, pair in sides.items()} for place in (0, 1))
    found = changes(new | {("p", "new"): verdict()}, old | {("p", "gone"): verdict()})
    assert [one["module"] for one in found["changed"]] == [
        "live, was blocked",
        "live, large",
        "live, small",
        "less",
        "stopped",
        "stopped, was held",
        "held",
    ]
    assert [one["module"] for one in found["requirements"]] == ["asked"]
    assert found["counts"] == {LETS_THROUGH: 3, HOLDS_LESS: 1, BLOCKS: 2, HOLDS: 1, ASKS_LESS: 1, ASKS_MORE: 0}
    assert (found["only_challenger"], found["only_champion"]) == (["p new"], ["p gone"])
    assert found["compared"] == 9
    assert worst_first(reversed(found["changed"])) == found["changed"]
    assert found["changed"][1]["moved"] == [{"part": "base", "change": -0.3}]


def test_a_version_compared_with_itself_changes_nothing(workspace: pathlib.Path) -> None:
    same = side_of(workspace, "m/1")
    found = document.build(same, same, AT)
    assert not any(found["decisions"]["counts"].values())
    assert all(row["difference"] == [0, 0, 0] for row in found["metrics"])
    assert all(row["index"] == row["distance"] == 0 for row in found["drift"]["features"])
    assert found["policy"] == found["code"] == found["parameters"] == []
    assert found["counts"]["fail"] == 0
    for name in ("size", "category"):
        for row in found["fairness"][name]:
            assert row["verdicts"]["challenger"] == row["verdicts"]["champion"]
    assert document.as_bytes(found) == document.as_bytes(document.build(same, same, AT)), "the same hash"


def test_a_calmer_version_lets_through_and_each_module_is_listed(workspace: pathlib.Path, calmer: pathlib.Path) -> None:
    found = document.build(side_of(calmer, "m/2"), side_of(workspace, "m/1"), AT)
    assert found["coverage_of"] == ["tiny 4.0"]
    assert found["level"] == "production"
    kinds = found["decisions"]["counts"]
    assert kinds[LETS_THROUGH] > 0 == kinds[BLOCKS] == kinds[HOLDS]
    assert {one["result"] for one in found["checklist"] if one["code"] == "protection-kept"} == {"warn"}
    for one in found["decisions"]["changed"]:
        assert one["fis_change"] < 0
        assert one["moved"][0]["part"] == "base"
    told = "\n".join(text.lines(found))
    assert f"{LETS_THROUGH} {kinds[LETS_THROUGH]}, " in told
    assert found["decisions"]["changed"][0]["module"] in told


def test_the_first_version_is_reviewed_alone(workspace: pathlib.Path) -> None:
    found = document.build(side_of(workspace, "m/1"), None, AT)
    assert found["champion"] is found["decisions"] is found["drift"] is None
    assert found["metrics"][0]["champion"] is found["metrics"][0]["difference"] is None
    assert found["counts"]["fail"] == 0
    assert "There is no champion to compare with" in page.render(found, "0" * 64)
    assert "no champion to compare with" in next(text.lines(found))


def test_a_policy_of_older_code_is_told_and_the_challengers_judges_both(
    workspace: pathlib.Path, calmer: pathlib.Path
) -> None:
    rules = policy_document(READ.impact, READ.policy)
    old = {key: value for key, value in rules["policy"].items() if key != "override_days"}
    champion = side_of(workspace, "m/1", {"policy": old}, policy_version="older")
    found = document.build(side_of(calmer, "m/2"), champion, AT)
    assert found["policy_note"].startswith("both sides are judged by the challenger's policy: m/1 does not fit")
    assert "override_days: the key is missing" in found["policy_note"]
    assert found["policy"] == [{"key": "policy.override_days", "challenger": "14", "champion": None}]
    assert found["decisions"]["compared"] == 66
    results = {one["code"]: one["result"] for one in found["checklist"]}
    assert (results["policy-unchanged"], results["policy-applies"]) == ("warn", "warn")
    alone = document.build(side_of(workspace, "m/3", {"policy": old}), side_of(calmer, "m/2"), AT)
    assert alone["decisions"] is None
    assert "its policy cannot be applied" in alone["decisions_note"]
    assert {one["result"] for one in alone["checklist"] if one["code"] == "policy-applies"} == {"fail"}


def test_a_champion_without_a_bundle_is_compared_by_its_predictions(workspace: pathlib.Path) -> None:
    lost = Side("m/1", "r", AT, "", {}, {}, (), side_of(workspace, "m/1").predictions, None, unread="no bundle")
    found = document.build(side_of(workspace, "m/2"), lost, AT)
    assert found["metrics"][0]["difference"] == [0, 0, 0]
    assert found["decisions"] is found["drift"] is None
    assert found["decisions_note"] == "the decisions of m/1 are not known: no bundle"
    assert "no bundle" in page.render(found, "0" * 64)


def test_the_checklist_sees_older_data_and_uncommitted_code(workspace: pathlib.Path, tmp_path: pathlib.Path) -> None:
    older = shutil.copytree(plain(), tmp_path / "older")
    failures = pd.read_parquet(older / "data/interim/failures.parquet")
    early = failures[failures.resolved_at < failures.resolved_at.max() - pd.Timedelta(days=30)]
    early.to_parquet(older / "data/interim/failures.parquet")
    challenger = side_of(older, "m/2", data_hash="older", git_commit="c" * 40, git_dirty="true", dvc_experiment="e")
    found = document.build(challenger, side_of(workspace, "m/1", git_commit="b" * 40, git_dirty="false"), AT)
    results = {one["code"]: one["result"] for one in found["checklist"]}
    assert results["data-not-older"] == "fail"
    assert results["code-committed"] == results["no-experiment"] == "warn"
    assert {row["key"] for row in found["code"]} == {"git_commit", "git_dirty", "dvc_experiment"}
    assert found["data"]["challenger"]["rows"]["failures"] == len(early)
    assert sum(one["result"] == "person" for one in found["checklist"]) == len(checklist.FOR_PEOPLE)


def test_the_differences_are_those_of_the_contest(workspace: pathlib.Path) -> None:
    new = pd.read_parquet(workspace / "data/processed/predictions.parquet")
    old = new.copy()
    old[COLUMNS] = old[COLUMNS].to_numpy()[np.random.default_rng(1).permutation(len(old))]
    fought = contest.compare(new, old, 40, 7)
    rows = figures.side_by_side(contest.common_releases(new, old), True, 40, 7)
    told = {row["figure"]: row["difference"] for row in rows}
    for name, found in (("average precision", fought.average_precision), ("log loss, five levels", fought.log_loss)):
        assert found is not None
        np.testing.assert_allclose(told[name], [found.mean, found.low, found.high], atol=1e-6)
    without = figures.side_by_side(contest.common_releases(new.drop(columns="predicted"), old), True, 40, 7)
    assert {row["figure"] for row in rows} - {row["figure"] for row in without} == {"quadratic weighted kappa"}


def test_the_weighted_figures_are_the_plain_ones_where_every_row_counts_once() -> None:
    rng = np.random.default_rng(3)
    level, predicted, p = rng.integers(0, 5, 60), rng.integers(0, 5, 60), rng.random(60)
    kappa = figures.quadratic_kappa(level, predicted.astype(float), ones(60))[0]
    assert kappa == pytest.approx(cohen_kappa_score(level, predicted, weights="quadratic"))
    assert figures.calibration_error(level, p, ones(60))[0] == pytest.approx(expected_calibration_error(level > 0, p))
    assert np.isnan(figures.quadratic_kappa(np.zeros(3, int), np.zeros(3), ones(3))[0])


@given(st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=60), st.randoms())
@settings(deadline=None)
def test_the_stability_index_is_zero_for_the_same_and_never_negative(values: list[float], random: Any) -> None:
    sample = np.array(values)
    other = np.array([random.choice(values) for _ in values])
    assert drift.stability_index(sample, np.array(sorted(values))) == pytest.approx(0, abs=1e-12)
    assert drift.stability_index(sample, other) >= 0


def test_the_stability_index_sees_shifts_ties_and_what_is_not_there() -> None:
    sample = np.random.default_rng(1).normal(size=500)
    assert drift.stability_index(sample, sample + 0.02) < drift.MODERATE
    assert drift.stability_index(sample, sample + 1) > drift.LARGE
    assert drift.stability_index(np.zeros(500), np.ones(500)) > drift.LARGE
    assert drift.stability_index(np.zeros(500), np.zeros(400)) == pytest.approx(0, abs=1e-3)
    assert drift.stability_index(sample, np.full(500, np.nan)) > drift.LARGE
    assert drift.stability_index(np.full(9, np.nan), np.full(9, np.nan)) == pytest.approx(0)


def test_a_policy_differs_key_by_key_and_band_by_name() -> None:
    band = {"name": "high", "from": 0.5, "multiplier": 1.2}
    old = {"policy": {"cap": 1, "bands": [{"name": "low", "from": 0, "multiplier": 1}, band]}}
    new = {"policy": {"cap": 1, "bands": [{**band, "multiplier": 1.1}, {"name": "low", "from": 0, "multiplier": 1}]}}
    assert differences.differing(differences.keyed(new), differences.keyed(old)) == [
        {"key": "policy.bands.high.multiplier", "challenger": "1.1", "champion": "1.2"}
    ]


def test_kinds_are_quarters_by_size_and_the_folders_where_there_is_no_category() -> None:
    tables = tiny_tables()
    groups, kind = fairness.groups_of(Tables(**tables))
    assert kind == "folder"
    assert set(groups.groupby("size").size()) == {16}
    assert set(groups.category) == {f"src/part{number}" for number in range(5)}
    given = tables["modules"].assign(category="legacy")
    groups, kind = fairness.groups_of(Tables(**{**tables, "modules": given}))
    assert (kind, set(groups.category)) == ("category", {"legacy"})


def test_the_page_escapes_names_and_stands_alone(workspace: pathlib.Path, calmer: pathlib.Path) -> None:
    found = document.build(side_of(calmer, "m/2"), side_of(workspace, "m/1"), AT)
    evil = "<script>alert(1)</script>"
    found["decisions"]["changed"][0]["module"] = evil
    found["decisions"]["changed"][0]["champion"]["reasons"][0]["message"] = evil
    found["parameters"] = [{"key": evil, "challenger": evil, "champion": None}]
    shown = page.render(found, "0" * 64)
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    for outside in ('src="http', "@import", "url(http", '<link rel="stylesheet'):
        assert outside not in shown
    for word in ("Failed", "Warning", "Pass", "To tick"):
        assert word in shown, "results are words before they are colours"


def test_the_card_takes_a_review_and_replaces_it(workspace: pathlib.Path, calmer: pathlib.Path) -> None:
    card = model_card.render(READ, {"auc": 0.9}, "d", "p", None, "")
    found = document.build(side_of(calmer, "m/2"), side_of(workspace, "m/1"), AT)
    once = model_card.with_review(card, found, "1" * 64, "address", "plot")
    assert once.index("## Review") < once.index("## Policy") < once.index("## Limits")
    assert "](address)" in once
    twice = model_card.with_review(once, found, "2" * 64, "address", "plot")
    assert twice.count("## Review") == 1
    assert twice.replace("2" * 64, "1" * 64) == once
    long = model_card.with_review(card + "x" * (4900 - len(card)), found, "3" * 64, "address", "plot")
    assert len(long) <= 5000
    crowded = model_card.with_review(card + "x" * (4200 - len(card)), found, "3" * 64, "address", "plot")
    assert "](plot)" in crowded, "the picture is kept, of the changes the last are left out"
    assert len(crowded) <= 5000
    assert model_card.with_review("written by hand", found, "4" * 64, "a", "p").startswith("written by hand\n\n## Rev")


def spoil_model(folder: pathlib.Path, **changed: Any) -> None:
    path = folder / "model/model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    rehash(folder)


def rehash(folder: pathlib.Path) -> None:
    manifest = bundle.read_manifest(folder)
    files = {name: bundle.sha256(folder / name) for name in manifest.files}
    bundle.save(folder, manifest.model_copy(update={"files": files}))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("order", "the signature's inputs have churn in place 1, expected loc"),
        ("fewer inputs", "the signature's inputs lack loc"),
        ("outputs", "the signature's outputs lack p_negligible and have p_none too many"),
        ("levels", r"its offsets have the shape \(3,\), expected \(4,\)"),
        ("score", "scores.json holds the level 'fatal' and 5 probabilities for src/"),
        ("features", "it takes churn, churn_growth, which the installed code does not compute"),
        ("model.json", "its model cannot be read: KeyError 'covariance'"),
    ],
)
def test_a_model_that_does_not_fit_the_code_is_refused_in_a_line(workspace: pathlib.Path, what: str, said: str) -> None:
    folder = side_of(workspace, f"m/{what}").folder
    assert folder is not None
    model = json.loads((folder / "model/model.json").read_text())
    inputs, outputs = list(model["features"]), list(compatibility.OUTPUTS)
    compatibility.check(folder, "m/1", inputs, outputs)
    if what == "order":
        a, b = inputs.index("loc"), inputs.index("churn")
        inputs[a], inputs[b] = inputs[b], inputs[a]
        said = said.replace("place 1", f"place {min(a, b) + 1}")
    elif what == "fewer inputs":
        inputs.remove("loc")
    elif what == "outputs":
        outputs[0] = "p_none"
    elif what == "levels":
        spoil_model(folder, offsets=model["offsets"][:3])
    elif what == "model.json":
        del model["covariance"]
        (folder / "model/model.json").write_text(json.dumps(model))
        rehash(folder)
    elif what == "score":
        scores = json.loads((folder / "scores.json").read_text())
        scores["modules"][5]["severity"] = "fatal"
        (folder / "scores.json").write_text(json.dumps(scores))
        rehash(folder)
    else:
        table = pd.read_parquet(folder / "tables/modules.parquet")
        table.drop(columns="churn").to_parquet(folder / "tables/modules.parquet")
        rehash(folder)
    with pytest.raises(ModelError, match=rf"^m/1 does not fit the installed code: {said}.*; train and register again"):
        compatibility.check(folder, "m/1", inputs, outputs)
