"""One function from what was known at a moment to the features of a release's modules: offline and in the service.

Every feature is a percentile rank within the release, centred: -.5 the smallest, +.5 the largest, 0 the middle, and 0
where there is no figure. Ranks cancel drift between releases and projects (Zhang et al., "Towards building a universal
defect prediction model with rank transformed predictors", EMSE 2016). Criticality alone keeps its own scale.
"""

import fnmatch

import numpy as np
import numpy.typing as npt
import pandas as pd

from promotion_gate.learn.graph import adjacency, coupling
from promotion_gate.learn.history import failure_history
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Featurize

KEYS = ["project", "release", "module"]
COUPLING = ("fan_in", "fan_out")
LOAD_COLUMNS = ("requests", "errors", "latency_p95_s", "cpu_seconds", "load")
RISING = frozenset(
    (
        "loc",
        "cyclomatic_complexity",
        "churn",
        "commits",
        "authors",
        "fan_in",
        "fan_out",
        "criticality",
    )
)
"""Size, complexity, coupling and churn, by the names that have a meaning."""
USAGE = pd.Timedelta(days=90)
"""Telemetry that shows how much a module is used, from its newest window back."""


def direction(feature: str) -> int:
    """How risk may move with a feature: 1 never falls, -1 never rises, 0 either way.

    Risk never falls with size, complexity, coupling, churn, criticality and past failures, the module's own or nearby,
    and never rises with the time since the last one.
    """
    if feature == "days_since_failure":
        return -1
    return int(
        feature.removesuffix("_growth") in RISING or feature.startswith("failures") or feature.endswith("_failures")
    )


def centred_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """Percentile rank of every column less one half, in [-.5, .5]; ties share their mean, no figure becomes 0."""
    ranks = frame.rank(method="average")
    size = ranks.notna().sum()
    return ((ranks - 0.5) / size - 0.5).fillna(0.0)


def decreed_of(known: Tables, release: Release, modules: pd.Series) -> npt.NDArray[np.float64]:
    """Criticality that a user decreed, 0 to 1, shape (n,); NaN: none. A name beats a glob, a longer glob a shorter."""
    decreed = known.criticality[known.criticality.project == release.project]
    values = np.full(len(modules), np.nan)
    for row in decreed.assign(length=decreed.module.str.len()).sort_values("length").itertuples():
        values[modules.map(lambda name, glob=row.module: fnmatch.fnmatchcase(name, glob)).to_numpy(bool)] = (
            row.criticality
        )
    exact = decreed.set_index("module").criticality
    named = modules.isin(exact.index).to_numpy()
    values[named] = modules[named].map(exact).to_numpy(float)
    return values


def usage_of(known: Tables, release: Release, modules: pd.Series) -> npt.NDArray[np.float64]:
    """Share of the project's requests that went to each module, 0 to 1, shape (n,), in the last 90 days of telemetry.

    0 where telemetry knows nothing of a module, or is empty.
    """
    seen = known.telemetry[known.telemetry.project == release.project]
    lately = seen[seen.window_end > seen.window_end.max() - USAGE] if len(seen) else seen
    requests = lately.groupby("module").requests.sum()
    total = float(requests.sum())
    if not total:
        return np.zeros(len(modules))
    return np.asarray(modules.map(requests).fillna(0.0), dtype=float) / total


def criticality_of(
    known: Tables, release: Release, modules: pd.Series, dependents: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Criticality of each module, 0 to 1, shape (n,): decreed by name or glob, else inferred.

    Inferred is the part of the system that a failure of the module takes down, as the graph or the traffic shows it:
    the share of the other modules that depend on it, directly or not, or the share of the project's requests that go to
    it, whichever is larger. It never falls with either.
    """
    inferred = np.maximum(dependents / max(1, len(modules) - 1), usage_of(known, release, modules))
    decreed = decreed_of(known, release, modules)
    return np.where(np.isnan(decreed), inferred, decreed)


def criticality_basis(
    known: Tables, release: Release, modules: pd.Series, criticality: npt.NDArray[np.float64]
) -> list[str]:
    """What the criticality of each module rests on, in words, for the same arguments and what `criticality_of` gave."""
    decreed, usage = decreed_of(known, release, modules), usage_of(known, release, modules)

    def told(value: float, is_decreed: bool, share: float) -> str:
        if is_decreed:
            return "as decreed"
        what = "requests go to it" if share >= value > 0 else "other modules depend on it"
        return f"for {100 * value:.0f} % of the {what}"

    return [told(*row) for row in zip(criticality.tolist(), (~np.isnan(decreed)).tolist(), usage.tolist(), strict=True)]


def telemetry_of(known: Tables, release: Release, modules: pd.Series) -> pd.DataFrame:
    """Mean of what the monitoring agent saw of each module so far, one column each of `LOAD_COLUMNS`; NaN: nothing."""
    seen = known.telemetry[known.telemetry.project == release.project]
    means = seen.groupby("module")[list(LOAD_COLUMNS)].mean()
    return means.reindex(modules).reset_index(drop=True)


def before_of(known: Tables, release: Release, rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Every metric in the project's previous release; NaN for new modules and first releases."""
    earlier = [r for r in known.timeline() if r.project == release.project and r.released_at < release.released_at]
    if not earlier:
        return pd.DataFrame(np.nan, index=rows.index, columns=metrics)
    before = known.modules_of(earlier[-1]).set_index("module")[metrics].reindex(rows.module)
    return before.astype(float).set_axis(rows.index)


def raw_features(known: Tables, release: Release, when: pd.Timestamp, params: Featurize) -> pd.DataFrame:
    """The figures behind the features, in their own units, for the same arguments as `featurize`."""
    rows = known.modules_of(release)
    metrics = [name for name in rows.columns if name not in KEYS and pd.api.types.is_numeric_dtype(rows[name])]
    drawn = known.dependencies
    drawn = drawn[(drawn.project == release.project) & (drawn.release == release.release)]
    edges = adjacency(rows.module.tolist(), drawn)
    graph = coupling(edges)
    failures = known.failures[known.failures.project == release.project]
    return pd.concat(
        [
            rows[KEYS],
            rows[metrics].astype(float),
            (rows[metrics] - before_of(known, release, rows, metrics)).add_suffix("_growth"),
            pd.DataFrame(failure_history(rows.module, failures, when, edges, params.half_lives_days)),
            pd.DataFrame({name: graph[name] for name in COUPLING}),
            telemetry_of(known, release, rows.module),
            pd.DataFrame({"criticality": criticality_of(known, release, rows.module, graph["transitive_dependents"])}),
        ],
        axis=1,
    )


def ranked(raw: pd.DataFrame) -> pd.DataFrame:
    """Raw figures of one release's modules as features, all float64: centred ranks, criticality as it is."""
    figures = raw.drop(columns=[*KEYS, "criticality"])
    return pd.concat([raw[KEYS], centred_ranks(figures), raw[["criticality"]].astype(float)], axis=1)


def featurize(known: Tables, release: Release, when: pd.Timestamp, params: Featurize) -> pd.DataFrame:
    """Features of a release's modules as of a moment.

    Args:
        known: what was known at `when`, cut by `Tables.as_of`; other projects in it are ignored.
        release: whose modules are wanted.
        when: the moment from which the ages of past failures are counted, usually the release's date.
        params: half-lives.

    Returns:
        One row a module, ordered by name: project, release, module, then the features, all float64.
    """
    return ranked(raw_features(known, release, when, params))


def featurize_all(tables: Tables, params: Featurize) -> pd.DataFrame:
    """Features of every release, each as of its own date, stacked; a metric that a project lacks is 0 there."""
    parts = [
        featurize(tables.as_of(release.released_at), release, release.released_at, params)
        for release in tables.timeline()
    ]
    stacked = pd.concat(parts, ignore_index=True)
    names = [name for name in stacked.columns if name not in KEYS]
    return stacked[KEYS].join(stacked[names].fillna(0.0))
