"""The road from the registry to the service: the alias moves, the running service follows, and nothing is unpickled."""

import ast
import json
import os
import shutil
import subprocess
import threading
import time

import pytest

from promotion_gate.registry.promotion import resolve_champion
from promotion_gate.registry.register import register
from promotion_gate.registry.store import store_at
from tests.operate.service.test_service_program import COMMAND, ROOT, Running
from tests.registry_workspace import NAME, PARAMS, plain

FIRST, SECOND = f"{NAME}/1", f"{NAME}/2"
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}
BEGINS = {".json": b"{", ".parquet": b"PAR1", ".ubj": b"{L"}
FOLLOWS_S = 60


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A real registry: version 2, no worse than version 1, is champion and in models/champion."""
    folder = shutil.copytree(plain(), tmp_path_factory.mktemp("registry") / "project")
    store = store_at(folder, {})
    for version in (FIRST, SECOND):
        done = register(folder, PARAMS, store)
        assert (done.version, done.is_champion) == (version, True)
    resolve_champion(folder / "models", NAME, store)
    return folder


def registry(project, *arguments):
    kept = {name: one for name, one in os.environ.items() if name not in ("DVC_ROOT", "MLFLOW_TRACKING_URI")}
    moved = subprocess.run(
        [*COMMAND, "registry", *arguments, "--by", "Ann", "--reason", "wanted"],
        cwd=project,
        env={**kept, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert moved.returncode == 0, moved.stderr


def test_the_alias_moves_and_the_running_service_follows_without_a_failed_request(project):
    running = Running(project / "models", "--no-auth")
    known = json.loads((project / "models/champion/scores.json").read_text())["modules"]
    least = min(known, key=lambda one: one["criticality"] - one["probabilities"][0])
    module = {"project": least["project"], "module": least["module"]}
    asked = {
        "fis": ("/v1/fis", module),
        "many": ("/v1/fis", {"modules": [module] * 3}),
        "promotion": ("/v1/promotions", {"module": module, "coverage": 0.0}),
    }
    stop, got = threading.Event(), {name: [] for name in asked}

    def ask(name):
        while not stop.wait(0.02):  # the command that moves the alias needs a core, too
            got[name].append(running.call("POST", *asked[name]))

    def follows(version):
        end = time.monotonic() + FOLLOWS_S
        while running.call("GET", "/readyz")[1]["model_version"] != version:
            assert time.monotonic() < end, running.log.read_text()
            time.sleep(0.05)
        counts = {name: len(answers) for name, answers in got.items()}
        while any(len(answers) < counts[name] + 3 for name, answers in got.items()):
            assert time.monotonic() < end
            time.sleep(0.01)

    threads = [threading.Thread(target=ask, args=(name,)) for name in asked]
    for thread in threads:
        thread.start()
    try:
        follows(SECOND)
        registry(project, "rollback")
        follows(FIRST)
        registry(project, "promote", "2")
        follows(SECOND)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        ready = running.call("GET", "/readyz")[1]
        running.end()
    assert ready == {"ready": True, "model_version": SECOND, "detail": []}
    assert {name: {status for status, _ in answers} for name, answers in got.items()} == {
        "fis": {200},
        "many": {200},
        "promotion": {201},
    }
    for name, answers in got.items():
        told = [_version(answer) for _, answer in answers]
        changes = [one for one, before in zip(told, [None, *told], strict=False) if one != before]
        assert changes == [SECOND, FIRST, SECOND], name
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert [line["version"] for line in lines if line["message"] == "model live"] == [SECOND, FIRST, SECOND]


def _version(answer):
    """The one version that made an answer, or all of a batch's."""
    versions = {one["model_version"] for one in answer.get("results", [answer])}
    assert len(versions) == 1
    return versions.pop()


def test_what_comes_from_the_registry_is_json_parquet_and_xgboost_s_own_form(project):
    served = [path for path in (project / "models/champion").rglob("*") if path.is_file()]
    assert {path.suffix for path in served} == {".json", ".parquet", ".ubj"}
    for path in served:
        assert path.read_bytes().startswith(BEGINS[path.suffix]), path
    logged = [path.suffix for path in (project / "mlartifacts").rglob("*") if path.is_file()]
    assert not {".pkl", ".pickle", ".joblib", ".pt"} & set(logged)


def test_no_source_can_unpickle():
    sources = list((ROOT / "src").rglob("*.py"))
    assert sources
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & PICKLES, path
        assert "read_pickle" not in text, path
        assert "allow_pickle=True" not in text, path
