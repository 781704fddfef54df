"""A champion's bundle with a small but real model, as the registry writes it: what takes the model can be asked."""

import pathlib

from promotion_gate import bundle
from promotion_gate.decide.policy import policy_document
from tests import registry_workspace
from tests.cli_bundle import POLICY_VERSION, READ

PROJECT = "tiny"


def write(folder: pathlib.Path) -> pathlib.Path:
    """Write the bundle into a folder and return it."""
    workspace = registry_workspace.write(folder.with_name("workspace"))
    model = {f"model/{path.name}": path for path in (workspace / "models/model").iterdir()}
    tables = {f"tables/{path.name}": path for path in (workspace / "data/interim").glob("*.parquet")}
    described = {"model_name": "failure-impact", "model_version": "failure-impact/3", "data_hash": "d"}
    rules = {"policy_version": POLICY_VERSION, **policy_document(READ.impact, READ.policy)}
    sources = {"scores.json": workspace / "models/scores.json", **model, **tables}
    bundle.write(folder, sources, described | rules)
    return folder
