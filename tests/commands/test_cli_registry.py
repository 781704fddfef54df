"""`promotion-gate review` and `registry`, from a project's folder with a real store."""

import hashlib
import json
import pathlib
import re

import pytest
from click.testing import CliRunner

from promotion_gate import bundle
from promotion_gate.commands.group import Group
from promotion_gate.commands.registry import registry, review
from promotion_gate.registry.store import connected, store_at
from tests.registry_workspace import NAME, copied, two_versions

MAIN = Group(commands=[review, registry])


@pytest.fixture
def project(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Version 1 is champion, the calmer version 2 predicted worse, is reviewed and waits."""
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = copied(two_versions(), tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(MAIN, arguments)
    assert done.exit_code is not None
    return done.exit_code, done.stdout, done.stderr


def tags(project: pathlib.Path, version: str) -> dict[str, str]:
    with connected(store_at(project, {})) as client:
        return dict(client.get_model_version(NAME, version).tags)


def test_a_review_is_told_stored_and_written_as_a_page(project: pathlib.Path) -> None:
    code, out, _ = run("review")
    assert code == 10, "the checklist has a failed item: it predicted worse"
    lines = out.splitlines()
    assert lines[0] == f"{NAME}/2 against {NAME}/1, the champion"
    assert f"FAIL  no-worse           worse than {NAME}/1" in out
    assert re.search(r"66 modules to production; 33 have coverage, that of tiny 4\.0", out)
    page = (project / "reports/review.html").read_text(encoding="utf-8")
    assert tags(project, "2")["review_sha256"] in page
    assert "<script" not in page

    code, out, err = run("review", "2", "--json")
    assert code == 10
    assert hashlib.sha256(out.encode()).hexdigest() == tags(project, "2")["review_sha256"], "what is printed is stored"
    assert "stored with its run" in err
    document = json.loads(out)
    assert document["decisions"]["counts"]["goes live"] == len(
        [one for one in document["decisions"]["changed"] if one["kind"] == "goes live"]
    )
    assert document["decisions"]["counts"]["goes live"] > 0, "it sees half the risk"
    for one in document["decisions"]["changed"]:
        assert one["champion"]["reasons"]
        assert one["challenger"]["reasons"]
    with connected(store_at(project, {})) as client:
        text = client.get_model_version(NAME, "2").description
    assert text.count("## Review") == 1, "a later review takes the place of the earlier one"
    assert f"Reviewed against {NAME}/1" in text
    assert len(text) <= 5000


def test_promote_list_and_roll_back(project: pathlib.Path) -> None:
    code, out, err = run("registry", "promote", "2", "--by", "Ann", "--reason", "wanted")
    assert code == 0
    assert out.startswith(f"champion {NAME}/2, before {NAME}/1: promote by Ann: wanted\n")
    assert err == "warning: its review has failed items: no-worse\n"
    assert bundle.read_manifest(project / "models/champion").model_version == f"{NAME}/2"

    code, out, _ = run("review")
    assert code == 10
    assert f"{NAME}/2 is champion; this is the review that it was moved on" in out

    code, out, _ = run("registry", "rollback", "--by", "Bob", "--reason", "more failures", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["before"], told["after"], told["kind"], told["by"]) == ("2", "1", "rollback", "Bob")
    assert bundle.read_manifest(project / "models/champion").model_version == f"{NAME}/1"

    code, out, _ = run("registry", "list")
    assert code == 0
    for line in (
        r"none -> 1 +register +by register: the first",
        r"1 -> 2 +promote +by Ann: wanted",
        r"2 -> 1 +rollback",
    ):
        assert re.search(line, out)
    code, out, _ = run("registry", "list", "--json")
    found = json.loads(out)
    assert [move["after"] for move in found["moves"]] == ["1", "2", "1"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", move["at"]) for move in found["moves"])
    assert {one["version"]: one["aliases"] for one in found["versions"]} == {
        f"{NAME}/1": ["champion"],
        f"{NAME}/2": ["challenger"],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("review", "9"), 2, f"{NAME} has no version '9'; it has 1, 2"),
        (("review", "../1"), 2, "has no version '../1'"),
        (("review", "--params", "none.yaml"), 2, "none.yaml"),
        (("registry", "promote", "2", "--by", "Ann"), 2, "--reason"),
        (("registry", "promote", "2", "--by", " ", "--reason", "x"), 2, "--by is empty"),
        (("registry", "promote", "1", "--by", "Ann", "--reason", "x"), 2, "is champion already"),
        (("registry", "rollback", "--by", "Ann", "--reason", "x"), 3, "nothing to roll back to"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    project: pathlib.Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1


def test_without_a_store_none_is_made(project: pathlib.Path) -> None:
    (project / "mlflow.db").unlink()
    for arguments in (("review",), ("registry", "list")):
        code, _, err = run(*arguments)
        assert code == 3
        assert re.fullmatch(
            r"error: no model registry at sqlite:///\S+; train and register a model: `make repro`\n", err
        )
    assert not (project / "mlflow.db").exists()


def test_a_password_in_the_stores_address_is_not_told(project: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://me:secret@host/db")
    code, _, err = run("registry", "list")
    assert code == 3
    assert "secret" not in err
    assert err.count("\n") == 1
