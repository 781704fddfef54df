"""What was tried and not kept: figures and forecasts, for `ablation.py` to measure again.

Names of the figures begin with `idea_`; those that end in `_failures` rise with risk as the model's own do.
"""

import dataclasses
import re
from collections import defaultdict

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.special import expit, logit

from promotion_gate.learn.dataset import Dataset
from promotion_gate.learn.features import KEYS, centred_ranks, raw_features
from promotion_gate.learn.graph import adjacency, transitive_dependents
from promotion_gate.learn.history import counts, others_mean
from promotion_gate.learn.labels import LEVEL_NUMBER
from promotion_gate.learn.model import FailureModel, next_shares
from promotion_gate.learn.prevalence import THRESHOLDS, intercepts, share_of
from promotion_gate.learn.tables import Release, Tables
from promotion_gate.params import Params
from promotion_gate.schema import LEVELS

Array = npt.NDArray[np.float64]
DOUBT = 3.0
"""How many modules of the usual figure are counted to the few that share a word or an edge."""
TREND = 0.4
USUAL_SHARE, REVERSION = 1 / 12, 0.2


# Figures.


def pagerank(edges: sparse.csr_array) -> Array:
    """PageRank of every module over the edges to what it depends on, shape (n,)."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(edges.shape[0]))
    graph.add_edges_from(zip(*(part.tolist() for part in edges.nonzero()), strict=True))
    ranks = nx.pagerank(graph)
    return np.array([ranks[node] for node in range(edges.shape[0])])


def together(modules: pd.Series, failures: pd.DataFrame, recent: Array) -> Array:
    """Decayed failures of the modules that shared a failure before, a wide failure linking less, shape (n,)."""
    rows = failures.module.map(pd.Series(np.arange(len(modules)), index=modules.to_numpy()))
    here = rows.notna().to_numpy()
    numbers, names = pd.factorize(failures.failure_id[here])
    shape = (len(modules), max(1, len(names)))
    member = sparse.csr_array((np.ones(here.sum()), (rows[here].astype(int).to_numpy(), numbers)), shape=shape)
    member.data[:] = 1.0  # a module is said twice to have failed where two reports were merged
    share = 1 / np.maximum(1.0, np.asarray(member.sum(axis=0)))
    with_itself = np.asarray((member * share).sum(axis=1)) * recent
    return np.asarray(member @ (share * (member.T @ recent)) - with_itself)


def alike_by_name(modules: pd.Series, lasting: Array) -> Array:
    """Highest mean of decayed failures among other modules that share a word of the file name, shape (n,)."""
    stems = modules.str.rpartition("/")[2].str.partition(".")[0]
    words = [set(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", stem)) for stem in stems]
    total, size, usual = defaultdict(float), defaultdict(int), lasting.mean()
    for said, value in zip(words, lasting, strict=True):
        for word in said:
            total[word] += value
            size[word] += 1
    return np.array(
        [
            max(((total[w] - value + DOUBT * usual) / (size[w] - 1 + DOUBT) for w in said), default=usual)
            for said, value in zip(words, lasting, strict=True)
        ]
    )


def figures(known: Tables, release: Release, params: Params) -> pd.DataFrame:
    """All figures that were tried, of one release as of its date, in their own units; one the data lacks is left out.

    Args:
        known: cut by `Tables.as_of` at the release's date.
        release: whose modules are described.
        params: half-lives.
    """
    raw = raw_features(known, release, release.released_at, params.featurize)
    modules, failures = raw.module, known.failures[known.failures.project == release.project]
    drawn = known.dependencies
    drawn = drawn[(drawn.project == release.project) & (drawn.release == release.release)]
    edges = adjacency(modules.tolist(), drawn)
    half_lives = sorted(params.featurize.half_lives_days)
    middle, long = (raw[f"failures_{half_lives[i]}d"].to_numpy(float) for i in (len(half_lives) // 2, -1))
    age = (release.released_at - failures.occurred_at).dt.total_seconds().to_numpy(float) / 86_400
    width = np.sqrt(failures.groupby("failure_id").module.transform("size").to_numpy(float))
    weight = failures.severity.map(LEVEL_NUMBER).to_numpy(float) / THRESHOLDS
    degree = np.asarray(edges.sum(axis=0) + edges.sum(axis=1), dtype=float)
    found = {
        "idea_pagerank": pagerank(edges),
        "idea_transitive_dependents": transitive_dependents(edges),
        "idea_narrow_180d_failures": counts(modules, failures, np.exp2(-age / 180) / width),
        "idea_narrow_720d_failures": counts(modules, failures, np.exp2(-age / 720) / width),
        "idea_severe_failures": counts(modules, failures, weight * np.exp2(-age / 365)),
        "idea_together_failures": together(modules, failures, middle),
        "idea_word_failures": alike_by_name(modules, long),
        "idea_neighbours_mean_failures": (edges @ middle + edges.T @ middle + DOUBT * middle.mean()) / (degree + DOUBT),
    }
    if "loc" in raw:
        lines = np.maximum(raw["loc"].to_numpy(float), 1.0)
        found["idea_density_failures"] = long / np.sqrt(lines)
        for name in ("churn", "churn_1y"):
            if name in raw:
                found[f"idea_{name}_by_loc"] = raw[name].to_numpy(float) / lines
    folder = modules.str.rpartition("/")[0]
    for name in ("churn", "churn_1y"):
        if name in raw:
            values = raw[name].fillna(0.0).to_numpy(float)
            found[f"idea_folder_{name}"] = others_mean(folder, values, np.full(len(values), values.mean()))
    return raw[KEYS].join(pd.DataFrame(found))


def all_figures(tables: Tables, params: Params) -> pd.DataFrame:
    """`figures` of every release as of its own date as centred ranks, stacked, keyed as features are."""
    parts = []
    for release in tables.timeline():
        found = figures(tables.as_of(release.released_at), release, params)
        parts.append(found[KEYS].join(centred_ranks(found.drop(columns=KEYS))))
    return pd.concat(parts, ignore_index=True).fillna({name: 0.0 for name in parts[-1].columns if name not in KEYS})


# Forecasts of the prevalence.


def own_rows(data: Dataset, project: str) -> npt.NDArray[np.bool_]:
    """Rows of the project itself, or all rows where the data holds none, shape (n,); as in `model.fit`."""
    own = (data.keys.project == project).to_numpy()
    return own if own.any() else np.ones(len(own), bool)


def past_of(data: Dataset, project: str) -> list[npt.NDArray[np.bool_]]:
    """Masks of the project's past releases, oldest first."""
    near = own_rows(data, project)
    return [mask for mask in data.groups() if (mask & near).any()]


def forecast_of(data: Dataset, project: str, params: Params) -> Array:
    """The model's own forecast of the shares, shape (4,)."""
    return next_shares(data, project, past_of(data, project), params.train.model.prevalence_half_life_days)


def moved(shares: Array, log_odds: float) -> Array:
    """Shares with the log odds of any failure moved, the mix of levels as it was, shape (4,)."""
    return np.asarray(expit(logit(shares[0]) + log_odds) * shares / shares[0])


def at_shares(
    fitted: FailureModel, data: Dataset, project: str, shares: Array, rows: pd.DataFrame | None = None
) -> FailureModel:
    """The fitted model with the intercepts and cuts of another forecast, matched on other rows where given."""
    own = data.X[own_rows(data, project)]
    matched = (own if rows is None else rows)[list(fitted.features)].to_numpy(float)
    shifted = dataclasses.replace(fitted, offsets=intercepts(fitted.linear(matched).sum(axis=1), shares))
    expected = shifted.predict(own if rows is None else rows) @ np.arange(len(LEVELS))
    return dataclasses.replace(shifted, cuts=np.quantile(expected, 1 - shares))


def with_trend(data: Dataset, project: str, shares: Array) -> Array:
    """The forecast with part of the change between the last two mature releases going on."""
    odds = [logit(share_of(data.level[mask])[0]) for mask in past_of(data, project)][-2:]
    return moved(shares, TREND * (odds[-1] - odds[0]))


def reverted(shares: Array) -> Array:
    """The forecast drawn towards one module in twelve, what projects have in common."""
    return moved(shares, REVERSION * (logit(USUAL_SHARE) - logit(shares[0])))


def resolved_within(failures: pd.DataFrame, when: pd.Timestamp, days: Array) -> Array:
    """Estimated share of failures that are resolved within so many days, shape of `days`.

    From those resolved so far, of which the slow ones of late are missing (Lynden-Bell's estimator for truncated data,
    MNRAS 1971). One is added to those at risk, or a single slow failure would say that none is quick.
    """
    delay, seen = (
        (end - failures.occurred_at).dt.total_seconds().to_numpy(float) / 86_400
        for end in (failures.resolved_at, pd.Series(when, index=failures.index))
    )
    at_risk = ((delay[None, :] <= delay[:, None]) & (seen[None, :] >= delay[:, None])).sum(axis=1)
    steps = np.log1p(-1 / (at_risk + 1.0))
    return np.exp(np.where(delay[None, :] > days[:, None], steps[None, :], 0.0).sum(axis=1))


def with_unresolved(shares: Array, known: Tables, project: str, when: pd.Timestamp, horizon: pd.Timedelta) -> Array:
    """The forecast lifted by the share of the last horizon's failures that are not resolved yet."""
    bugs = known.failures[known.failures.project == project].drop_duplicates("failure_id")
    days = np.linspace(0, horizon.days, 53)
    return moved(shares, -float(np.log(resolved_within(bugs, when, days).mean()))) if len(bugs) else shares
