"""Scores modules that come with figures of their own: the pipeline's very functions on the bundle's tables."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.features import KEYS
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.raw_types import NOT_NEGATIVE
from promotion_gate.learn.scoring import score_release
from promotion_gate.learn.tables import Release, Tables, read
from promotion_gate.schema import ModuleData

NAMES_TOLD = 10
"""Of many ignored metrics so many are named."""


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


class Scorer:
    """The bundle's model and tables, read once, for any number of modules.

    Each is scored on its own: none sees the figures that another one came with.

    Args:
        folder: the bundle: model/ and tables/.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._model = FailureModel.load(folder / "model")
        tables = read(folder / "tables")
        self._when = tables.end_of_log()
        self._known = tables.as_of(self._when)
        self._newest = {release.project: release for release in self._known.newest()}
        columns = self._known.modules.drop(columns=KEYS)
        self.metrics = frozenset(str(name) for name in columns if pd.api.types.is_numeric_dtype(columns[name]))
        """Names of the metrics that the data set knows."""

    def ignored(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return the reason that tells which of the given metrics are ignored; no reason where none is."""
        unknown = sorted(set(names) - self.metrics)
        if not unknown:
            return []
        more = f" and {len(unknown) - NAMES_TOLD} more" if len(unknown) > NAMES_TOLD else ""
        said = f"the data set knows no metric {', '.join(unknown[:NAMES_TOLD])}{more}"
        return [{"code": "metrics-ignored", "message": f"{said}; it has {', '.join(sorted(self.metrics))}"}]

    def score(self, module: ModuleData) -> dict[str, Any]:
        """Score a module within the newest release of its project.

        Args:
            module: its metrics and dependencies take the place of the data set's; metrics that the data set does not
                know are ignored, which a reason `metrics-ignored` says.

        Returns:
            An entry as `score_release` gives them.

        Raises:
            InputError: the project is unknown, the module is unknown and has no metric that the data set knows, or a
                metric is negative that cannot be.
        """
        release = self._newest.get(module.project)
        if release is None:
            names = ", ".join(sorted(self._newest))
            raise InputError(f"module {module.module} cannot be scored: no project {module.project}, only {names}")
        given = dict(module.metrics or {})
        used = {name: value for name, value in given.items() if name in self.metrics}
        for name in NOT_NEGATIVE:
            if given.get(name, 0) < 0:
                raise InputError(f"module.metrics.{name}: a number of 0 or more is expected, not {given[name]:g}")
        if not used and module.module not in self._known.modules_of(release).module.array:
            raise InputError(f"module {module.module} is not known to the data set and has no metric that it knows")
        known = with_module(self._known, release, module.model_copy(update={"metrics": used}))
        [entry] = score_release(self._model, known, release, self._when, only=module.module)
        return {**entry, "reasons": [*entry["reasons"], *self.ignored(given)]}
