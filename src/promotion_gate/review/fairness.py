"""Fairness: whether a kind of module is held more than others, and whether its failures are forecast as they occur.

Kinds are quarters by lines of code, and categories: the column `category` of the modules table where it has one. The
default data has none; there the folder that a module lies in stands for it, the nearest thing to a team.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from promotion_gate.decide.policy import BLOCKED, PROMOTE
from promotion_gate.learn.tables import Tables
from promotion_gate.review.contest import COLUMNS, OTHER
from promotion_gate.review.decisions import Verdicts

LEAST = 10
"""A folder or category with fewer modules counts under `other`."""

MOST = 10
"""So many folders or categories are told apart, the largest."""

QUARTERS = ("smallest quarter", "second quarter", "third quarter", "largest quarter")
OTHERS = "other"
MARGIN = 2.0
"""Standard errors by which a group's forecast may miss what happened."""


def groups_of(tables: Tables) -> tuple[pd.DataFrame, str]:
    """Size and category of every module of the newest releases, and what the categories are.

    Returns:
        project, module, size (one of `QUARTERS`, missing where no lines are known) and category; then `category` or
        `folder`.
    """
    rows = pd.concat([tables.modules_of(release) for release in tables.newest()], ignore_index=True)
    lines = pd.to_numeric(rows["loc"], errors="coerce") if "loc" in rows else pd.Series(np.nan, index=rows.index)
    found = rows[["project", "module"]].assign(size=_quarters(lines))
    given = "category" in rows and not pd.api.types.is_numeric_dtype(rows["category"])
    names = rows["category"].fillna(OTHERS).astype(str) if given else _folders(rows["module"].astype(str))
    large = [name for name, count in names.value_counts().items() if count >= LEAST and name != OTHERS][:MOST]
    return found.assign(category=names.where(names.isin(large), OTHERS)), "category" if given else "folder"


def rows(
    groups: pd.DataFrame,
    by: str,
    releases: Mapping[str, pd.DataFrame],
    verdicts: Mapping[str, Verdicts],
    paired: bool,
) -> list[dict[str, Any]]:
    """What happens to each group.

    Args:
        groups: as `groups_of` gives them.
        by: `size` or `category`.
        releases: test releases as `contest.common_releases` gives them.
        verdicts: by side.
        paired: whether the releases hold a champion's predictions.

    Returns:
        group, modules (of the newest releases), verdicts (by side, see `shares`) and forecast (see `forecasts`; None
        where no test release has the group), the quarters in order, then names.
    """
    held = {side: shares(groups, by, found) for side, found in verdicts.items()}
    seen = forecasts(releases, groups, by, paired) if releases else {}
    sizes = groups[by].dropna().value_counts()
    order = {name: place for place, name in enumerate(QUARTERS)}
    names = sorted({*sizes.index, *seen}, key=lambda name: (order.get(name, len(order)), name == OTHERS, name))
    return [
        {
            "group": name,
            "modules": int(sizes.get(name, 0)),
            "verdicts": {side: found[name] for side, found in held.items() if name in found},
            "forecast": seen.get(name),
        }
        for name in names
    ]


def shares(groups: pd.DataFrame, by: str, verdicts: Verdicts) -> dict[str, dict[str, float | None]]:
    """What one side's verdicts do to each group.

    Returns:
        By group: held (share not promoted of those with coverage, None where none has any), blocked (share of all) and
        fis (mean).
    """
    told = [
        (group, verdicts[owner, name])
        for owner, name, group in zip(groups.project, groups.module, groups[by], strict=True)
        if (owner, name) in verdicts and isinstance(group, str)
    ]
    found: dict[str, dict[str, float | None]] = {}
    for group in dict.fromkeys(name for name, _ in told):
        members = [verdict for name, verdict in told if name == group]
        measured = [verdict for verdict in members if verdict["coverage"] is not None]
        found[group] = {
            "held": _mean([verdict["status"] != PROMOTE for verdict in measured]) if measured else None,
            "blocked": _mean([verdict["status"] == BLOCKED for verdict in members]),
            "fis": _mean([verdict["fis"] for verdict in members]),
        }
    return found


def forecasts(
    releases: Mapping[str, pd.DataFrame], groups: pd.DataFrame, by: str, paired: bool
) -> dict[str, dict[str, float]]:
    """Forecast and observed share of failed modules of each group on the test releases.

    Quarters are taken over all test rows; a module's category is that of its newest release, `other` where it is gone.

    Returns:
        By group: modules, observed, error (two standard errors of the observed share, were the challenger's forecasts
        exactly right) and by side the mean forecast.
    """
    table = pd.concat(releases.values(), ignore_index=True)
    if by == "size":
        lines = table["loc"].astype(float) if "loc" in table else pd.Series(np.nan, index=table.index)
        named = _quarters(lines)
    else:
        categories = groups.set_index(["project", "module"])["category"]
        keys = pd.MultiIndex.from_frame(table[["project", "module"]])
        named = pd.Series(categories.reindex(keys).fillna(OTHERS).to_numpy(), index=table.index)
    sides = {"challenger": ""} | ({"champion": OTHER} if paired else {})
    found: dict[str, dict[str, float]] = {}
    for group, part in table.groupby(named.astype(object)):
        p = {side: 1 - part[f"{COLUMNS[0]}{ending}"].to_numpy(float) for side, ending in sides.items()}
        error = MARGIN * float(np.sqrt((p["challenger"] * (1 - p["challenger"])).sum())) / len(part)
        told = {"modules": len(part), "observed": _mean(part["level"] > 0), "error": round(error, 6)}
        found[str(group)] = told | {side: _mean(values) for side, values in p.items()}
    return found


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 6)


def _quarters(lines: pd.Series) -> pd.Series:
    """The quarter of each, by rank: ties are parted by order, so that the quarters are of equal size."""
    place = lines.rank(method="first") / max(1, int(lines.notna().sum())) * len(QUARTERS)
    names = {number + 1: name for number, name in enumerate(QUARTERS)}
    return pd.Series([names.get(math.ceil(one)) if one == one else None for one in place], lines.index, dtype=object)


def _folders(modules: pd.Series) -> pd.Series:
    """The first folder in which the modules of a data set differ, with what leads there."""
    parts = [name.split("/")[:-1] for name in modules]
    depth = 0
    while all(len(part) > depth for part in parts) and len({part[depth] for part in parts}) == 1:
        depth += 1
    return pd.Series(["/".join(part[: depth + 1]) or "." for part in parts], index=modules.index)
