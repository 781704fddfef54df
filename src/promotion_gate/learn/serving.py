"""Scores modules that come with figures of their own: the pipeline's very functions on the bundle's tables."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import pandas as pd

from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.scoring import score_release
from promotion_gate.learn.tables import Release, Tables, read
from promotion_gate.schema import ModuleData


def with_module(known: Tables, release: Release, module: ModuleData) -> Tables:
    """The tables as if the release held the module with its given metrics and dependencies.

    Metrics that are not given keep the data set's figure, or are unknown where the module is new. Given dependencies
    take the place of the known ones.
    """
    rows = known.modules
    here = (rows.project == release.project) & (rows.release == release.release)
    row = rows[here & (rows.module == module.module)].head(1)
    if row.empty:
        row = pd.DataFrame([{"project": release.project, "release": release.release, "module": module.module}])
    row = row.assign(**dict(module.metrics or {}))
    others = rows[~(here & (rows.module == module.module))]
    edges = known.dependencies
    if module.dependencies is not None:
        own = (edges.project == release.project) & (edges.release == release.release) & (edges.module == module.module)
        given = pd.DataFrame({"depends_on": list(module.dependencies)}, dtype=edges.depends_on.dtype)
        given = given.assign(project=release.project, release=release.release, module=module.module)
        edges = pd.concat([edges[~own], given[edges.columns.intersection(given.columns)]], ignore_index=True)
    return dataclasses.replace(known, modules=pd.concat([others, row], ignore_index=True), dependencies=edges)


def predict(folder: pathlib.Path, modules: Sequence[ModuleData]) -> list[dict[str, Any]]:
    """Score modules within the newest release of their project that the bundle holds.

    Args:
        folder: the bundle: model/ and tables/.
        modules: each with metrics; a project that the bundle does not hold is scored within its newest release.

    Returns:
        Entries as `score_release` gives them, in the order of `modules`.
    """
    model = FailureModel.load(folder / "model")
    tables = read(folder / "tables")
    when = tables.end_of_log()
    known = tables.as_of(when)
    newest = {release.project: release for release in known.newest()}
    last = list(newest.values())[-1]
    found = []
    for module in modules:
        release = newest.get(module.project, last)
        entries = score_release(model, with_module(known, release, module), release, when)
        entry = next(entry for entry in entries if entry["module"] == module.module)
        found.append({**entry, "project": module.project})
    return found
