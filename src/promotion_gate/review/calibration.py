"""Calibration of both versions on the test releases: whether a fifth of what is forecast at 20 % happens."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from promotion_gate.learn.calibration import FROM, binned, cumulative, error_by_chance, errors
from promotion_gate.learn.prevalence import exceedance
from promotion_gate.review.contest import COLUMNS, OTHER


def compared(releases: Mapping[str, pd.DataFrame], paired: bool) -> dict[str, Any]:
    """Forecast and observed shares of both sides, all common test releases together.

    Args:
        releases: as `contest.common_releases` gives them.
        paired: whether there is a champion.

    Returns:
        thresholds: a row for each of the four, `from` (the level it starts at), observed (share), and by side forecast
        (mean) and error (expected calibration error). bins: ten of equal size by P(failure) by side, forecast, observed
        and modules. by_chance: mean and 95 % point of the error that the challenger's P(failure) would have if it were
        exactly right.
    """
    rows = pd.concat(releases.values(), ignore_index=True)
    level = rows["level"].to_numpy(np.int64)
    sides = {"challenger": ""} | ({"champion": OTHER} if paired else {})
    probabilities = {side: rows[[f"{name}{end}" for name in COLUMNS]].to_numpy(float) for side, end in sides.items()}
    forecast = {side: cumulative(p).mean(axis=0) for side, p in probabilities.items()}
    error = {side: errors(level, p) for side, p in probabilities.items()}
    observed = exceedance(level).mean(axis=0)
    thresholds = [
        {
            "from": name,
            "observed": round(float(observed[t]), 6),
            **{side: {"forecast": _r(forecast[side][t]), "error": _r(error[side][name])} for side in sides},
        }
        for t, name in enumerate(FROM)
    ]
    failed = level > 0
    bins = {
        side: [
            {"forecast": _r(row["forecast"]), "observed": _r(row["observed"]), "modules": int(row["modules"])}
            for row in binned(1 - p[:, 0], failed).to_dict("records")
        ]
        for side, p in probabilities.items()
    }
    mean, high = error_by_chance(1 - probabilities["challenger"][:, 0])
    return {"thresholds": thresholds, "bins": bins, "by_chance": {"mean": _r(mean), "high": _r(high)}}


def _r(value: Any) -> float:
    return round(float(value), 6)
