"""Another champion takes over only after it has shown that it can answer; a bad one never does."""

import hashlib
import json
import shutil
import threading
import time

import pytest

from promotion_gate import bundle
from promotion_gate.operate.service.loads import Loads
from promotion_gate.operate.service.models import RETRY_S, Models
from tests.cli_bundle import MODULES, PARAMS, write_bundle

DATES = {"project": "shop", "module": "shop/dates.py"}
LEDGER = {"project": "shop", "module": "shop/payments/ledger.py"}


def replace(folder, version, modules=MODULES, spoil=None):
    """Put another champion in the place of one, as the registry does."""
    with bundle.replacing(folder) as fresh:
        write_bundle(fresh, modules)
        manifest = json.loads((fresh / "manifest.json").read_text())
        (fresh / "manifest.json").write_text(json.dumps(manifest | {"model_version": version}))
        if spoil:
            spoil(fresh)


def sealed(folder, content):
    """Write scores that fit the manifest's hash."""
    (folder / "scores.json").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["scores.json"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def without(key):
    modules = [{name: value for name, value in module.items() if name != key} for module in MODULES]
    return lambda folder: sealed(
        folder,
        json.dumps({"release": "2.0", "modules": [{"project": "shop", "release": "2", **m} for m in modules]}).encode(),
    )


BAD = {
    "a file was altered": lambda folder: (folder / "scores.json").write_text("{}"),
    "a file is missing": lambda folder: (folder / "tables/dependencies.parquet").unlink(),
    "it is no manifest": lambda folder: (folder / "manifest.json").write_text("{"),
    "there is no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "it is of another format": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace('"format": 2', '"format": 1')
    ),
    "a path leads out": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace('"files": {', '"files": {"../../x": "0", ')
    ),
    "scores lack what is needed": without("contributions"),
    "scores have no form": lambda folder: sealed(folder, b'{"release": "2", "modules": [1]}'),
    "it knows nothing": lambda folder: sealed(folder, b'{"release": "2", "modules": []}'),
    "scores are no JSON": lambda folder: sealed(folder, b"["),
}


def test_a_new_champion_answers_after_its_test(world):
    replace(world.bundle, "failure-impact/4")
    assert world.post("/v1/fis", DATES).json["model_version"] == "failure-impact/3"
    world.service.look_around()
    assert world.post("/v1/fis", DATES).json["model_version"] == "failure-impact/4"
    assert world.get("/readyz").json == {"ready": True, "model_version": "failure-impact/4", "detail": []}
    assert b'promotion_gate_model{version="failure-impact/4"} 1.0' in world.get("/metrics").content


@pytest.mark.parametrize("spoil", BAD.values(), ids=BAD)
def test_a_bad_champion_never_answers_and_is_told_of(world, spoil, caplog):
    replace(world.bundle, "failure-impact/4", spoil=spoil)
    for _ in range(3):
        world.service.look_around()
    assert world.post("/v1/fis", DATES).json["model_version"] == "failure-impact/3"
    told = world.get("/readyz")
    assert (told.status, told.json["ready"], told.json["model_version"]) == (200, True, "failure-impact/3")
    assert "refused" in told.json["detail"][0]
    assert b'promotion_gate_model_reloads_total{outcome="refused"} 1.0' in world.get("/metrics").content
    assert [record.message for record in caplog.records].count("model refused") == 1

    replace(world.bundle, "failure-impact/5")
    world.service.look_around()
    assert world.get("/readyz").json == {"ready": True, "model_version": "failure-impact/5", "detail": []}


def test_a_refused_one_is_tried_again_for_it_may_have_been_read_while_it_was_written(world, monkeypatch):
    replace(world.bundle, "failure-impact/4", spoil=lambda folder: (folder / "scores.json").rename(folder / "later"))
    world.service.look_around()
    (world.bundle / "later").rename(world.bundle / "scores.json")
    now = time.monotonic
    monkeypatch.setattr("time.monotonic", lambda: now() + RETRY_S + 1)
    world.service.look_around()
    assert world.get("/readyz").json["model_version"] == "failure-impact/4"


def test_without_a_model_it_lives_and_is_not_ready(tmp_path):
    models = Models(tmp_path / "none", PARAMS, Loads())
    models.refresh()
    assert "no model" in models.trouble


def test_not_ready_is_said_where_there_is_no_model(world):
    world.service.models = Models(world.folder / "none", PARAMS, Loads())
    world.service.models.refresh()
    assert world.get("/healthz").status == 200
    assert (world.get("/readyz").status, world.get("/readyz").json["ready"]) == (503, False)
    got = world.post("/v1/fis", DATES)
    assert (got.status, got.json["code"]) == (503, "no-model")
    assert world.get("/metrics").content.count(b"promotion_gate_ready 0.0") == 1


def test_the_folder_may_vanish_while_its_model_answers(world):
    shutil.rmtree(world.bundle)
    world.service.look_around()
    assert world.post("/v1/fis", DATES).status == 200
    assert world.service.models.gate().dependencies  # from the copy


def test_copies_of_models_that_answer_no_more_are_removed(tmp_path, monkeypatch):
    import gc
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "rooms"))
    (tmp_path / "rooms").mkdir()
    folder = write_bundle(tmp_path / "champion")
    models = Models(folder, PARAMS, Loads())
    for number in range(5):
        replace(folder, f"failure-impact/{number}", spoil=BAD["it knows nothing"] if number == 3 else None)
        models.refresh()
    gc.collect()
    assert len(list((tmp_path / "rooms").iterdir())) == 1


ASKED = {
    "/v1/fis": ("/v1/fis", DATES, 200),
    "/v1/fis, many": ("/v1/fis", {"modules": [DATES, LEDGER, DATES]}, 200),
    "/v1/fis, of a criticality": ("/v1/fis", {"modules": [{**DATES, "criticality": 0.5}] * 2}, 200),
    "/v1/promotions": ("/v1/promotions", {"module": DATES, "coverage": 0.0}, 201),
}


def test_fifty_champions_under_load_and_no_request_fails(world):
    """Every answer is by a version that was live between its question and it; a batch is answered by one version."""
    live, confirmed = ["failure-impact/3"], [0]
    stop, got = threading.Event(), {name: [] for name in ASKED}

    def ask(name):
        path, body, _ = ASKED[name]
        while not stop.is_set():
            oldest = confirmed[0]
            answer = world.post(path, body)
            got[name].append((oldest, answer, len(live)))

    threads = [threading.Thread(target=ask, args=(name,)) for name in ASKED for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(50):
        asked = {name: len(answers) for name, answers in got.items()}
        live.append(f"failure-impact/x{number}")
        replace(world.bundle, live[-1])
        world.service.look_around()
        assert world.service.models.live.version == live[-1]
        confirmed[0] = len(live) - 1
        while any(len(got[name]) == before for name, before in asked.items()):
            time.sleep(0.001)  # each version has answered each question
    stop.set()
    for thread in threads:
        thread.join()
    for name, answers in got.items():
        assert {answer.status for _, answer, _ in answers} == {ASKED[name][2]}, name
        seen = set()
        for oldest, answer, newest in answers:
            versions = {one["model_version"] for one in answer.json.get("results", [answer.json])}
            assert len(versions) == 1
            assert versions <= set(live[oldest:newest]), name
            seen |= versions
        assert len(seen) > 25, name
