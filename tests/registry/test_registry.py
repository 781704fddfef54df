"""The registry on a real MLflow store in a temporary folder, with a small but real model."""

import ast
import importlib.metadata
import json
import pathlib
import shutil
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from promotion_gate import bundle
from promotion_gate.errors import InputError, ModelError
from promotion_gate.learn.model import FailureModel
from promotion_gate.registry.history import LONGEST_NAME, LONGEST_REASON, Move, a_line, moves, previous, record_and_move
from promotion_gate.registry.promotion import listing, promote, resolve_champion, rollback
from promotion_gate.registry.register import REQUIREMENTS, register
from promotion_gate.registry.reviews import stored
from promotion_gate.registry.store import connected, project_root, redacted, store_at
from promotion_gate.review.contest import compare
from promotion_gate.schema import LEVELS
from tests.registry_workspace import COLUMNS, NAME, PARAMS, ROOT, copied, plain, spoil, two_versions
from tests.test_pipeline_graph import closure


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A workspace as the stages leave it, and a store with its tables made (which takes seconds)."""
    folder = shutil.copytree(plain(), tmp_path_factory.mktemp("template") / "workspace")
    with connected(store_at(folder, {})) as client:
        assert list(client.search_registered_models()) == []
    return folder


@pytest.fixture
def workspace(template: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(template, tmp_path / "a b")


@pytest.fixture
def registered(tmp_path: pathlib.Path) -> pathlib.Path:
    """Version 1 is champion, version 2 is reviewed and waits."""
    return copied(two_versions(), tmp_path / "registered")


def aliases(workspace: pathlib.Path) -> dict[str, str]:
    return dict(listing(store_at(workspace, {}), NAME)["aliases"])


def set_alias(workspace: pathlib.Path, version: str) -> None:
    with connected(store_at(workspace, {})) as client:
        client.set_registered_model_alias(NAME, "champion", version)


def test_the_first_version_is_champion_and_its_review_is_stored(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    first = register(workspace, PARAMS, store)
    assert first.version == f"{NAME}/1"
    assert first.is_champion
    with connected(store) as client:
        version, run = client.get_model_version(NAME, "1"), client.get_run(first.run_id)
        review, (move,) = stored(client, version), moves(client, NAME)
        model = client.get_logged_model(version.source.removeprefix("models:/"))
    assert aliases(workspace) == {"challenger": "1", "champion": "1"}
    assert version.tags["policy_version"] == run.data.tags["policy_version"]
    assert version.tags["data_hash"] == "d"
    assert "| lines of code | &nbsp;+0.100 [+0.050, +0.150] |" in version.description
    assert run.data.metrics["mean.ours.auc"] == 0.9
    assert run.info.status == "FINISHED"
    assert run.data.params["labels.horizon_days"] == "235"
    assert {metric.key: metric.value for metric in model.metrics}["mean.ours.auc"] == 0.9
    assert model.params == run.data.params

    assert review.sha256 == first.review == version.tags["review_sha256"] == move.review
    assert review.document["champion"] is None
    assert version.tags["review_against"] == "none"
    assert (move.kind, move.by, move.before, move.after) == ("register", "register", None, "1")
    assert move.reason == first.verdict


def test_a_worse_version_is_only_challenger_and_reviewed_all_the_same(registered: pathlib.Path) -> None:
    found = listing(store_at(registered, {}), NAME)
    second, first = found["versions"]
    assert second["verdict"].startswith(f"worse than {NAME}/1 on 3 test releases")
    assert (second["aliases"], first["aliases"]) == (["challenger"], ["champion"])
    assert second["review"]["against"] == f"{NAME}/1"
    assert second["review"]["checklist"].startswith("1 fail")
    assert [move["after"] for move in found["moves"]] == ["1"]


def test_a_champion_that_cannot_be_served_any_more_gives_way_even_to_a_worse_version(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    with connected(store) as client:
        client.set_model_version_tag(NAME, "1", "bundle_format", "1")
    third = register(registered, PARAMS, store)
    assert third.is_champion
    assert third.verdict.endswith(f"; but this version of the program cannot serve {NAME}/1, hence champion")
    assert [(move["before"], move["after"], move["kind"]) for move in listing(store, NAME)["moves"]] == [
        (None, "1", "register"),
        ("1", "3", "register"),
    ]


def test_an_equal_version_becomes_champion_and_the_bundle_follows(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    register(workspace, PARAMS, store)
    folder = resolve_champion(workspace / "models", NAME, store)
    assert bundle.verify(folder).model_version == f"{NAME}/1"
    marked = folder / "kept"
    marked.touch()
    assert resolve_champion(workspace / "models", NAME, store) == folder
    assert marked.exists(), "a bundle that is the champion's is used again"

    second = register(workspace, PARAMS, store)
    assert second.is_champion
    assert "no worse" in second.verdict
    manifest = bundle.verify(resolve_champion(workspace / "models", NAME, store))
    assert (manifest.model_version, manifest.run_id) == (f"{NAME}/2", second.run_id)
    assert manifest.policy["bands"][3]["from"] == 0.8
    assert not marked.exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["champion", "model", "scores.json"]

    (folder / "model/booster.ubj").write_bytes(b"spoilt")
    with pytest.raises(ModelError, match="hash differs"):
        bundle.verify(folder)
    bundle.verify(resolve_champion(workspace / "models", NAME, store))

    for kept in (workspace / "mlartifacts").rglob("booster.ubj"):
        kept.write_bytes(b"spoilt in the store")
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="hash differs"):
        resolve_champion(workspace / "models", NAME, store)
    assert not folder.exists()


@pytest.mark.parametrize("trial", ["experiment", "policy"])
def test_an_experiment_and_a_new_policy_wait_for_a_person(
    registered: pathlib.Path, trial: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    store, params = store_at(registered, {}), PARAMS
    if trial == "experiment":
        monkeypatch.setenv("DVC_EXP_NAME", "tried")
    else:
        eased = {**params.policy.base, "production": Decimal("0.1")}
        params = params.model_copy(update={"policy": params.policy.model_copy(update={"base": eased})})
    found = register(registered, params, store)
    assert not found.is_champion
    assert "promotion-gate registry promote" in found.verdict
    assert aliases(registered) == {"champion": "1", "challenger": "3"}


def test_promotion_moves_the_champion_says_who_and_why_and_rolls_back(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    move, review = promote(store, NAME, "2", "Ann", "the  worse\nfigures are wanted here")
    assert aliases(registered) == {"challenger": "2", "champion": "2"}
    assert (move.before, move.after, move.by, move.reason) == ("1", "2", "Ann", "the worse figures are wanted here")
    with connected(store) as client:
        old, new = (client.get_model_version(NAME, number).tags for number in "12")
    assert (new["champion_by"], new["champion_since"], new["champion_review_sha256"]) == ("Ann", move.at, review.sha256)
    assert old["champion_until"] == f"{move.at}, promote of {NAME}/2 by Ann: {move.reason}"
    assert bundle.verify(resolve_champion(registered / "models", NAME, store)).model_version == f"{NAME}/2"

    back = rollback(store, NAME, "Bob", "more failures").move
    assert (back.before, back.after, back.kind) == ("2", "1", "rollback")
    assert aliases(registered)["champion"] == "1"
    with pytest.raises(ModelError, match="nothing to roll back to"):
        rollback(store, NAME, "Bob", "once more")
    with connected(store) as client:
        assert [one.kind for one in moves(client, NAME)] == ["register", "promote", "rollback"]


def test_what_was_not_reviewed_against_the_present_champion_is_refused(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    with pytest.raises(InputError, match="has no version '9'; it has 1, 2"):
        promote(store, NAME, "9", "Ann", "why not")
    with pytest.raises(InputError, match="is champion already"):
        promote(store, NAME, f"{NAME}/1", "Ann", "why not")
    with pytest.raises(InputError, match="--reason is empty"):
        promote(store, NAME, "2", "Ann", " \n")
    with connected(store) as client:
        client.set_model_version_tag(NAME, "2", "review_against", f"{NAME}/7")
    with pytest.raises(InputError, match=rf"against {NAME}/7, but the champion is {NAME}/1; .*promotion-gate review 2"):
        promote(store, NAME, "2", "Ann", "why not")
    with connected(store) as client:
        client.delete_model_version_tag(NAME, "2", "review_sha256")
    with pytest.raises(InputError, match="no stored review"):
        promote(store, NAME, "2", "Ann", "why not")
    assert aliases(registered)["champion"] == "1"


def test_a_review_that_was_edited_or_lost_is_refused(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    with connected(store) as client:
        version = client.get_model_version(NAME, "2")
    [path] = (registered / "mlartifacts").glob(f"{version.run_id}/artifacts/review/*/review.json")
    path.write_text(path.read_text() + " ")
    with pytest.raises(ModelError, match="not the one that was stored"):
        promote(store, NAME, "2", "Ann", "why not")
    path.unlink()
    with pytest.raises(ModelError, match=r"review\.json cannot be read.*make it again"):
        promote(store, NAME, "2", "Ann", "why not")
    assert aliases(registered)["champion"] == "1"


def test_a_model_whose_signature_does_not_fit_the_code_is_refused(
    registered: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(registered, {})
    monkeypatch.setattr(
        "promotion_gate.registry.compatibility.OUTPUTS", (*(f"p_{level}" for level in LEVELS), "grade", "fis")
    )
    expected = rf"{NAME}/\d .*signature's outputs lack grade and have severity too many; train and register again"
    with pytest.raises(ModelError, match=expected):
        promote(store, NAME, "2", "Ann", "why not")
    with pytest.raises(ModelError, match=expected):
        resolve_champion(registered / "models", NAME, store)
    assert aliases(registered)["champion"] == "1"


def test_an_alias_that_was_moved_by_hand_is_told_and_refused(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    set_alias(registered, "2")
    assert "moved without a review" in listing(store, NAME)["warning"]
    for attempt in (
        lambda: resolve_champion(registered / "models", NAME, store),
        lambda: rollback(store, NAME, "Ann", "why not"),
        lambda: register(registered, PARAMS, store),
    ):
        with pytest.raises(ModelError, match="names 2, but the last recorded move was to 1"):
            attempt()
    set_alias(registered, "1")
    assert not listing(store, NAME)["warning"]


def test_of_two_who_promote_at_once_both_are_on_record_and_one_is_told(registered: pathlib.Path) -> None:
    def by(name: str, after: str) -> Move:
        return Move("1", after, name, "mine is better", f"9999-01-01T00:00:0{after}Z", "r", "promote")

    class Overtaken:
        """A client in whose back somebody else promotes, after all has been checked."""

        def __getattr__(self, name: str) -> object:
            return getattr(client, name)

        def set_registered_model_alias(self, *args: object) -> None:
            record_and_move(client, NAME, by("Bob", "3"), seen)
            client.set_registered_model_alias(*args)

    store = store_at(registered, {})
    with connected(store) as client:
        source = client.get_model_version(NAME, "2")
        client.create_model_version(NAME, source.source, source.run_id)
        seen = moves(client, NAME)
        with pytest.raises(ModelError, match="meanwhile"):
            record_and_move(client, NAME, by("Ann", "2"), [])
        # Ann's record is written, then Bob moves: he sees it and is told; so is Ann, had he come before her.
        with pytest.raises(ModelError, match="moved meanwhile"):
            record_and_move(Overtaken(), NAME, by("Ann", "2"), seen)
        assert [move.by for move in moves(client, NAME)] == ["register", "Ann"]


def test_whoever_is_overtaken_between_record_and_alias_is_told(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    with connected(store) as client:
        seen = moves(client, NAME)
        client_set = client.set_registered_model_alias

        def others_first(name: str, alias: str, version: str) -> None:
            client_set(name, alias, version)
            told = {
                "before": "1",
                "after": "1",
                "by": "Bob",
                "reason": "r",
                "at": "2",
                "review": "r",
                "kind": "promote",
            }
            client.set_registered_model_tag(NAME, "champion_move.2.x", json.dumps(told))
            client_set(name, alias, "1")

        client.set_registered_model_alias = others_first
        with pytest.raises(ModelError, match="Bob moved it to 1 at the same time; all moves are on record"):
            record_and_move(client, NAME, Move("1", "2", "Ann", "r", "1", "r", "promote"), seen)
        assert {move.by for move in moves(client, NAME)} == {"register", "Ann", "Bob"}


def test_rolling_back_twice_goes_two_champions_back() -> None:
    def move(before: str | None, after: str, kind: str = "promote") -> Move:
        return Move(before, after, "a", "b", "c", "d", kind)  # type: ignore[arg-type]

    history = [move(None, "1", "register"), move("1", "2"), move("2", "3")]
    assert previous(history) == "2"
    assert previous([*history, move("3", "2", "rollback")]) == "1"
    assert previous([*history, move("3", "2", "rollback"), move("2", "1", "rollback")]) is None
    assert previous([*history, move("3", "2", "rollback"), move("2", "4")]) == "2"
    assert previous([move("7", "8")]) == "7", "the champion of the time before there was a history"
    assert previous([]) is None


def test_the_registered_model_answers_in_another_folder_without_the_package(
    registered: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    model = FailureModel.load(registered / "models/model")
    rows = pd.read_parquet(registered / "data/processed/features.parquet").tail(20)[list(model.features)]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    expected = model.predict(rows)
    shutil.rmtree(registered / "models")
    # Hides the installed package, as on a machine that has only the pip requirements.
    program = f"""
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path[:] = [path for path in sys.path if not path.endswith(("/src", "/main"))]
import mlflow, pandas as pd
mlflow.set_tracking_uri({store_at(registered, {}).uri!r})
model = mlflow.pyfunc.load_model("models:/{NAME}@champion")
import promotion_gate
assert "/code/promotion_gate" in promotion_gate.__file__, promotion_gate.__file__
model.predict(pd.read_csv("rows.csv")).to_json("answer.json")
try:
    model.predict(pd.read_csv("rows.csv").drop(columns="loc"))
except mlflow.MlflowException:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "refused", done.stderr[-2000:]
    answer = pd.read_json(tmp_path / "answer.json")
    np.testing.assert_allclose(answer[COLUMNS].to_numpy(), expected, atol=1e-6)
    assert answer.fis.between(0, 1).all()
    assert set(answer.severity) <= set(LEVELS)


def test_without_a_common_test_release_the_champion_stays(template: pathlib.Path) -> None:
    mine = pd.read_parquet(template / "data/processed/predictions.parquet")
    contest = compare(mine, mine.assign(release="0.9"), resamples=10, seed=1)
    assert not contest.no_worse
    assert contest.sentence("failure-impact/1").startswith("not comparable with failure-impact/1: no test release")


def test_what_is_missing_is_named(workspace: pathlib.Path) -> None:
    store = store_at(workspace, {})
    with pytest.raises(ModelError, match="no champion of failure-impact"):
        resolve_champion(workspace / "models", NAME, store)
    with pytest.raises(ModelError, match="no version of failure-impact"):
        listing(store, NAME)
    (workspace / "models/scores.json").unlink()
    with pytest.raises(ModelError, match=r"scores\.json: no such file; run `dvc repro`"):
        register(workspace, PARAMS, store)
    with pytest.raises(ModelError, match=r"manifest\.json: no such file"):
        bundle.read_manifest(workspace)


def test_a_model_that_does_not_fit_is_not_even_registered(workspace: pathlib.Path) -> None:
    path = workspace / "models/model/model.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps({**described, "features": ["moon_phase", *described["features"][1:]]}))
    store = store_at(workspace, {})
    with pytest.raises(ModelError, match=r"the booster's features lack moon_phase and have \w+ too many; train"):
        register(workspace, PARAMS, store)
    with connected(store) as client:
        assert list(client.search_registered_models()) == []


def test_who_and_why_are_one_line_that_fits_a_tag() -> None:
    assert a_line("--by", " Ann \n Lee ", 10) == "Ann Lee"
    for wrong, said in (("", "is empty"), ("a\x00b", "cannot be printed"), ("x" * 11, "has 11 letters, at most 10")):
        with pytest.raises(InputError, match=said):
            a_line("--by", wrong, 10)


def test_the_longest_record_fits_a_tag(registered: pathlib.Path) -> None:
    store = store_at(registered, {})
    promote(store, NAME, "2", '"' * LONGEST_NAME, '"' * LONGEST_REASON)
    with connected(store) as client:
        [model] = client.search_registered_models()
    assert max(map(len, model.tags.values())) < 5000, "what MLflow's databases hold of a tag"


def test_addresses_are_told_without_their_passwords() -> None:
    assert redacted("at postgresql://me:secret@host/db?x=1") == "at postgresql://***@host/db?x=1"
    assert redacted("http://host/?user=me&password=secret&x=1") == "http://host/?user=me&password=***&x=1"
    assert redacted("sqlite:////work/mlflow.db") == "sqlite:////work/mlflow.db"


def test_the_store_is_the_projects_own_unless_the_environment_says_otherwise(tmp_path: pathlib.Path) -> None:
    copy = tmp_path / ".dvc/tmp/exps/standalone/x"
    root = project_root({"DVC_ROOT": str(tmp_path), "PWD": str(copy)})
    assert store_at(root, {}).uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert store_at(root, {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}) == store_at(root, {})
    assert store_at(root, {"MLFLOW_TRACKING_URI": "http://localhost:5000"}).artifacts is None


def test_the_registered_model_requires_what_it_imports() -> None:
    tops = set()
    for path in closure("src/promotion_gate/registry/registered_model.py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops.add(str(node.module).split(".")[0])
    owners = importlib.metadata.packages_distributions()
    for top in tops - set(sys.stdlib_module_names) - {"promotion_gate"}:
        assert {owner.lower() for owner in owners[top]} & set(REQUIREMENTS), f"the model's pip requirements lack {top}"


def test_only_the_registry_knows_mlflow() -> None:
    room = ROOT / "src/promotion_gate/registry"
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert path.parent == room or not any(name.split(".")[0] == "mlflow" for name in names), path


def test_the_model_loads_without_pickle(workspace: pathlib.Path) -> None:
    (workspace / "models/model/booster.ubj").write_bytes(b"x")
    with pytest.raises(ModelError, match="not the booster"):
        FailureModel.load(workspace / "models/model")


def test_a_worse_one_after_a_better_one_stays_challenger(workspace: pathlib.Path) -> None:
    """The rule that moves the champion looks at the intervals of the contest alone."""
    mine = pd.read_parquet(workspace / "data/processed/predictions.parquet")
    spoil(workspace)
    worse = pd.read_parquet(workspace / "data/processed/predictions.parquet")
    assert not compare(worse, mine, resamples=40, seed=1).no_worse
    assert compare(mine, worse, resamples=40, seed=1).no_worse
