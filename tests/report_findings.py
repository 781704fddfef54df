"""What the stages of a small shop found, for the tests of the report: every part of the page has something to show."""

import dataclasses
import pathlib
from typing import Any

from promotion_gate.decide.policy import policy_document
from promotion_gate.pages.report import Findings
from promotion_gate.reporting import banded
from tests.cli_bundle import MODULES, READ, write_bundle

GATES = {
    # held back, averted, critical escapes, delayed, blocked, lines asked
    "risk-driven": (0.19, (0.02, 0.07), 0, 0.13, 0.012, 1520),
    "base": (0.04, (0.01, 0.01), 2, 0.10, 0.0, 610),
    "fixed higher": (0.13, (0.02, 0.05), 2, 0.17, 0.0, 2480),
    "static at equal delay": (0.07, (0.01, 0.03), 2, 0.13, 0.0, 1490),
    "lines of code at equal delay": (0.36, (0.12, 0.36), 0.4, 0.13, 0.0, 1610),
    "random at equal delay": (0.13, (0.01, 0.05), 1, 0.13, 0.0, 1500),
    "block nothing": (0.0, (0.0, 0.0), 2, 0.0, 0.0, 0),
}
CURVES = {"risk-driven": 2.6, "static": 1.2, "lines of code": 2.0, "random": 1.0}
"""How fast each gate's curve rises."""


def backtest() -> dict[str, Any]:
    gates = [
        {
            "gate": name,
            "held_back": [held, max(0.0, held - 0.06), held + 0.06],
            "averted": list(averted),
            "critical_escapes": escaped,
            "critical": 2,
            "delayed": [delayed, max(0.0, delayed - 0.01), delayed + 0.01],
            "blocked": blocked,
            "lines_asked": lines or None,
            "less": [0.19 - held, 0.12 - held, 0.26 - held],
        }
        for name, (held, averted, escaped, delayed, blocked, lines) in GATES.items()
    ]
    bands = [
        {
            "band": band.name,
            "modules": modules,
            "failed": failed,
            "weight": 9.25,
            "weight_share": 0.25,
            "critical": critical,
        }
        for band, modules, failed, critical in zip(
            READ.policy.bands, (1600, 250, 90, 18), (48, 40, 30, 8), (0, 1, 1, 0), strict=True
        )
    ]
    releases = [
        {"release": "1.0", "learnt_from": 0, "threshold": None, "blocked": None, "severe": 6, "escaped": None},
        {"release": "2.0", "learnt_from": 6, "threshold": 0.41, "blocked": 0.1, "severe": 10, "escaped": 4},
        {"release": "3.0", "learnt_from": 16, "threshold": 0.49, "blocked": 0.09, "severe": 35, "escaped": 27},
    ]
    kept = (None, True, False)
    promise = {
        "escape_rate": 0.5,
        "next": {"learnt_from": 51, "threshold": 0.35},
        "releases": [row | {"kept": told} for row, told in zip(releases, kept, strict=True)],
    }
    return {"averted": 0.35, "gates": gates, "bands": bands, "promise": promise}


def yield_safety() -> list[dict[str, Any]]:
    return [
        {
            "gate": gate,
            "delayed": step / 20,
            "held_back": held,
            "low": max(0.0, held - 0.08 * (held < 1)),
            "high": min(1.0, held + 0.08 * (held > 0)),
        }
        for gate, speed in CURVES.items()
        for step in range(21)
        for held in [1 - (1 - step / 20) ** speed]
    ]


def pareto() -> list[dict[str, Any]]:
    trials = [
        {"kind": "trial", "escaped": 0.95 - 0.9 * number / 60 + spread, "delayed": number / 60, "lines_asked": 100.0}
        for number in range(1, 40)
        for spread in (0.0, 0.03, 0.07)
    ]
    front = [{**trial, "kind": "front"} for trial in trials[::9]]
    default = {"kind": "default", "escaped": 0.81, "delayed": 0.13, "lines_asked": 1520.0}
    return [*trials, *front, default, {**default, "kind": "suggestion", "escaped": 0.6, "delayed": 0.24}]


def tuning() -> dict[str, Any]:
    rules = policy_document(READ.impact, READ.policy)
    stricter = [band | {"from": band["from"] * 0.9} for band in rules["policy"]["bands"]]
    gates = [
        gate | {"gate": name}
        for name, gate in zip(("best found", "default", "default at equal delay"), backtest()["gates"], strict=False)
    ]
    return {
        "delay_at_most": 0.25,
        "trials": 117,
        "releases": {"searched": ["1.0"], "confirmed": "2.0", "reported": "3.0"},
        "adopted": True,
        "because": "where it is confirmed it holds back +4.4 points",
        "default": rules,
        "best": rules | {"policy": rules["policy"] | {"bands": stricter}},
        "confirm": gates,
        "report": gates,
    }


def metrics() -> dict[str, Any]:
    ranking = {"auc": 0.82, "average_precision": 0.29, "recall_at_20_percent_of_lines": 0.19}
    binary = {"brier": 0.045, "log_loss_failure": 0.163, "calibration_error": 0.024}
    ours = {name: value + 0.06 for name, value in ranking.items()} | binary
    release = {"modules": 625.0, "failed": 34.0, **ours}
    return {
        "mean": {"ours": ours, "lines_of_code": ranking, "logistic_regression": {**ranking, **binary}},
        "ours_less_baseline": {
            "mean": {
                "lines_of_code": {"auc": [0.06, 0.02, 0.1], "average_precision": [0.08, 0.03, 0.14]},
                "logistic_regression": {"auc": [0.003, -0.002, 0.01], "average_precision": [-0.01, -0.03, 0.02]},
            }
        },
        "releases": {"1.0": release, "2.0": release},
    }


def findings(folder: pathlib.Path) -> Findings:
    """All of it, one module's name an attack; `folder` takes the bundle that the scores are read from."""
    attack = MODULES[2] | {"module": "shop/<script>alert(1)</script>.py"}
    release, modules = banded.modules(write_bundle(folder, [*MODULES, attack]), "f8" * 32, READ.impact, READ.policy)
    check = {"table": "modules", "column": "loc", "expectation": "0 or more", "severity": "warning", "success": False}
    return Findings(
        metrics=metrics(),
        calibration=[
            {"forecast": share, "observed": share * 1.2, "modules": 300} for share in (0.006, 0.01, 0.03, 0.1, 0.26)
        ],
        backtest=backtest(),
        yield_safety=yield_safety(),
        tuning=tuning(),
        pareto=pareto(),
        modules=modules,
        release=release,
        bands=banded.bands(READ.policy),
        validation={
            "success": True,
            "rows": {"releases": 3, "modules": 186, "telemetry": 0},
            "checks": [
                {**check, "rows": 186, "unexpected": 2},
                {**check, "column": "", "success": True, "rows": 186, "unexpected": 0},
            ],
        },
        ingested={
            "data_hash": "f8" * 32,
            "rejects": {"releases": 0, "modules": 1, "telemetry": 0},
            "files": {"modules": {"file": "modules.csv", "sha256": "c3" * 32}},
        },
        lineage={"Project": "shop", "Learnt from": "1.0, 2.0", "Seed": "1", "Policy": "e76ecc4a571c"},
        inputs={"reports/metrics.json": "ab" * 32},
    )


def sparse(found: Findings) -> Findings:
    """The same without what may not have been measured: gates, curves, a search, baselines, findings."""
    metrics = found.metrics | {"ours_less_baseline": {"mean": {}}}
    clean = found.validation | {"checks": [check for check in found.validation["checks"] if check["success"]]}
    return dataclasses.replace(
        found, metrics=metrics, backtest={}, yield_safety=[], tuning={}, pareto=[], validation=clean
    )
