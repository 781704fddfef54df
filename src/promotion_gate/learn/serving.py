"""Scores modules that come with figures of their own: the pipeline's very functions on the bundle's tables."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.features import KEYS
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.raw_types import NOT_NEGATIVE
from promotion_gate.learn.scoring import ReleaseScores, score_release
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


class _Standing(NamedTuple):
    """A project's newest release, and in which row each module is."""

    scores: ReleaseScores
    row: Mapping[str, int]


class Scorer:
    """The bundle's model and tables, read once, for any number of modules.

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
        self._standings: dict[str, _Standing] = {}

    def ignored(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return the reason that tells which of the given metrics are ignored; no reason where none is."""
        unknown = sorted(set(names) - self.metrics)
        if not unknown:
            return []
        more = f" and {len(unknown) - NAMES_TOLD} more" if len(unknown) > NAMES_TOLD else ""
        said = f"the data set knows no metric {', '.join(unknown[:NAMES_TOLD])}{more}"
        return [{"code": "metrics-ignored", "message": f"{said}; it has {', '.join(sorted(self.metrics))}"}]

    def score(self, module: ModuleData) -> dict[str, Any]:
        """Score one module. See `scores`, whose only answer is returned or raised."""
        [entry] = self.scores([module])
        if isinstance(entry, InputError):
            raise entry
        return entry

    def scores(self, modules: Sequence[ModuleData]) -> list[dict[str, Any] | InputError]:
        """Score modules, each within the newest release of its project: none sees the figures of another.

        Args:
            modules: their metrics and dependencies take the place of the data set's; metrics that the data set does not
                know are ignored, which a reason `metrics-ignored` says.

        Returns:
            For each an entry as `ReleaseScores` gives them; or, not raised, the error where the project is unknown, the
            module is unknown and has no metric that the data set knows, or a metric is negative that cannot be.
        """
        found: dict[int, dict[str, Any] | InputError] = {}
        plain: dict[str, list[int]] = {}
        for place, module in enumerate(modules):
            try:
                self._check(module)
            except InputError as error:
                found[place] = error
                continue
            if module.dependencies is None and module.module in self._standing(module.project).row:
                plain.setdefault(module.project, []).append(place)
            else:  # the graph, or the size of the release, is another one
                found[place] = self._as_another(module)
        for project, places in plain.items():
            standing = self._standing(project)
            rows = np.array([standing.row[modules[place].module] for place in places])
            entries = standing.scores.entries(rows, [self._used(modules[place]) for place in places])
            found.update(zip(places, entries, strict=True))
        return [self._with_ignored(found[place], module) for place, module in enumerate(modules)]

    def _check(self, module: ModuleData) -> None:
        if module.project not in self._newest:
            names = ", ".join(sorted(self._newest))
            raise InputError(f"module {module.module} cannot be scored: no project {module.project}, only {names}")
        for name in NOT_NEGATIVE:
            if (figure := (module.metrics or {}).get(name, 0)) < 0:
                raise InputError(f"module.metrics.{name}: a number of 0 or more is expected, not {figure:g}")
        if not self._used(module) and module.module not in self._standing(module.project).row:
            raise InputError(f"module {module.module} is not known to the data set and has no metric that it knows")

    def _used(self, module: ModuleData) -> dict[str, float]:
        return {name: value for name, value in (module.metrics or {}).items() if name in self.metrics}

    def _standing(self, project: str) -> _Standing:
        if project not in self._standings:
            scores = ReleaseScores(self._model, self._known, self._newest[project], self._when)
            self._standings[project] = _Standing(scores, {name: row for row, name in enumerate(scores.modules)})
        return self._standings[project]

    def _as_another(self, module: ModuleData) -> dict[str, Any]:
        release = self._newest[module.project]
        known = with_module(self._known, release, module.model_copy(update={"metrics": self._used(module)}))
        [entry] = score_release(self._model, known, release, self._when, only=module.module)
        return entry

    def _with_ignored(self, found: dict[str, Any] | InputError, module: ModuleData) -> dict[str, Any] | InputError:
        if isinstance(found, InputError):
            return found
        return {**found, "reasons": [*found["reasons"], *self.ignored(module.metrics or ())]}
