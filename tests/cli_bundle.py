"""A champion's bundle made by hand: three modules of a shop, one for each verdict."""

import hashlib
import json
import math
import pathlib
from typing import Any

import pyarrow
import pyarrow.parquet

from promotion_gate import bundle, params
from promotion_gate.decide.policy import policy_document, policy_version

PARAMS = pathlib.Path(__file__).resolve().parent.parent / "params.yaml"

READ = params.load(PARAMS)
POLICY_VERSION = policy_version(READ.impact, READ.policy)


def contributions(probabilities: list[float], **groups: float) -> dict[str, list[float]]:
    """Log odds by threshold: what each group adds, the same to all, and the base that is left."""
    reached = [sum(probabilities[level:]) for level in range(1, 5)]
    logits = [math.log(share / (1 - share)) for share in reached]
    base = [logit - sum(groups.values()) for logit in logits]
    every = ("history", "churn", "coupling", "criticality", "load", "age", "size")
    return {"base": base, **{name: [groups.get(name, 0.0)] * 4 for name in every}}


MODULES: list[dict[str, Any]] = [
    {
        "module": "shop/dates.py",
        "probabilities": [0.985, 0.01, 0.003, 0.001, 0.001],
        "severity": "negligible",
        "criticality": 0.0,
        "load": None,
        "spread": 0.5,
        "contributions": contributions([0.985, 0.01, 0.003, 0.001, 0.001]),
        "words": {},
        "counterfactuals": [],
        "reasons": [],
    },
    {
        "module": "shop/cart.py",
        "probabilities": [0.8, 0.12, 0.05, 0.02, 0.01],
        "severity": "low",
        "criticality": 0.1,
        "load": None,
        "spread": 0.4,
        "contributions": contributions([0.8, 0.12, 0.05, 0.02, 0.01], churn=0.8),
        "words": {"churn": {"raises": "changed more than 93 % of the modules"}},
        "counterfactuals": [
            {"code": "quiet-half-year", "probabilities": [0.9, 0.06, 0.02, 0.015, 0.005]},
            {"code": "split-in-two", "probabilities": [0.8, 0.12, 0.05, 0.02, 0.01]},
        ],
        "reasons": [],
    },
    {
        "module": "shop/payments/ledger.py",
        "probabilities": [0.3, 0.2, 0.2, 0.15, 0.15],
        "severity": "medium",
        "criticality": 1.0,
        "load": 0.5,
        "spread": 0.3,
        "contributions": contributions([0.3, 0.2, 0.2, 0.15, 0.15], history=2.0, size=-0.5),
        "words": {"history": {"raises": "failed 4 times in the last year"}, "size": {"lowers": "lines of code 12"}},
        "counterfactuals": [],
        "reasons": [],
    },
]


def write_bundle(folder: pathlib.Path, modules: list[dict[str, Any]] = MODULES, project: str = "shop") -> pathlib.Path:
    """Write a bundle as the registry does and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [{"project": project, "release": "2.0", **entry} for entry in modules]
    scores = json.dumps({"release": "2.0", "scored_at": "2026-01-01T00:00:00Z", "modules": entries}).encode()
    (folder / "scores.json").write_bytes(scores)
    (folder / "tables").mkdir(exist_ok=True)
    needs = {"project": [project], "release": ["2.0"], "module": ["shop/cart.py"], "depends_on": ["shop/dates.py"]}
    pyarrow.parquet.write_table(pyarrow.table(needs), folder / "tables/dependencies.parquet")
    files = ("scores.json", "tables/dependencies.parquet")
    manifest = {
        "model_name": "failure-impact",
        "model_version": "failure-impact/3",
        "data_hash": "d41d8cd98f00",
        "policy_version": POLICY_VERSION,
        "format": bundle.FORMAT,
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
        **policy_document(READ.impact, READ.policy),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder
