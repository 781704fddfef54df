"""`promotion-gate batch`: the order of promotion, and what is held."""

import json

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from tests.cli_bundle import write_bundle


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_bundle(tmp_path / "models" / "champion")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder, requests, *args):
    (folder / "r.jsonl").write_text("".join(json.dumps(request) + "\n" for request in requests), encoding="utf-8")
    return CliRunner().invoke(main, ["batch", "r.jsonl", *args])


def request(module, coverage, **more):
    return {"module": {"module": module, **more}, "coverage": coverage}


def test_a_module_goes_after_what_it_needs(folder):
    shown = run(folder, [request("shop/cart.py", 0.9), request("shop/dates.py", 0.9)])
    assert (shown.exit_code, shown.stdout.splitlines()) == (
        0,
        [
            "2 of 2 modules are promoted",
            "    1  promote  shop/dates.py",
            "    2  promote  shop/cart.py",
        ],
    )


def test_what_is_held_holds_what_needs_it(folder):
    requests = [request("shop/cart.py", 0.9), request("shop/dates.py", 0.1)]
    shown = run(folder, requests)
    assert (shown.exit_code, shown.stdout.splitlines()) == (
        10,
        [
            "0 of 2 modules are promoted",
            "    1  hold     shop/dates.py  Insufficient Coverage: coverage 0.1: the required 0.8 is not met",
            "    2  hold     shop/cart.py   held by shop/dates.py",
        ],
    )
    read = json.loads(run(folder, requests, "--json").stdout)
    held = read["modules"][1]
    assert (held["promoted"], held["held_by"]) == (False, [{"project": "shop", "module": "shop/dates.py"}])
    assert held["decision"]["status"] == "Promote"


def test_a_request_s_own_dependencies_win_over_the_data_set_s(folder):
    requests = [request("shop/cart.py", 0.96, dependencies=[], metrics=None), request("shop/dates.py", 0.1)]
    requests[0]["fis"] = {
        "project": "shop",
        "module": "shop/cart.py",
        "fis": 0.1,
        "severity": "low",
        "probabilities": {"negligible": 1, "low": 0, "medium": 0, "high": 0, "critical": 0},
        "model_version": "m",
        "data_hash": "d",
    }
    read = json.loads(run(folder, requests, "--json").stdout)
    going = {place["decision"]["module"]: place["promoted"] for place in read["modules"]}
    assert going == {"shop/cart.py": True, "shop/dates.py": False}


def test_atomic_is_all_or_nothing(folder):
    requests = [request("shop/dates.py", 0.9), request("shop/payments/ledger.py", 1)]
    alone, together = (run(folder, requests, *args) for args in ((), ("--atomic",)))
    assert alone.stdout.startswith("1 of 2 modules are promoted")
    assert together.stdout.startswith("0 of 2 modules are promoted")
    assert "shop/dates.py            held by shop/payments/ledger.py" in together.stdout
    assert alone.exit_code == together.exit_code == 20


def test_a_broken_line_stops_the_batch(folder):
    shown = run(folder, [request("shop/dates.py", 0.9), {"module": {}}])
    assert shown.exit_code == 2
    assert "r.jsonl:2: module.module: Field required" in shown.stderr
    assert "promoted" not in shown.stdout
