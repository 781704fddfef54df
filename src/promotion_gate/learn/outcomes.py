"""Predicted modules with what then happened to them."""

import numpy as np
import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.labels import mature, worst_levels
from promotion_gate.learn.tables import Tables


def judged(predicted: pd.DataFrame, tables: Tables, horizon_days: int) -> pd.DataFrame:
    """Return the modules of the releases whose window is over, with what happened.

    Args:
        predicted: project, release, module and others, one row a module.
        tables: the whole tables; what happened is read from all that they know.
        horizon_days: window in which a failure counts.

    Returns:
        The rows of these releases, oldest release first, with level (worst severity, index into `LEVELS`), loc (0 where
        the metric is not there) and released_at.

    Raises:
        InputError: no predicted release's window is over.
    """
    horizon, parts = pd.Timedelta(days=horizon_days), []
    for release in mature(tables.timeline(), horizon, tables.end_of_log()):
        rows = predicted[(predicted.project == release.project) & (predicted.release == release.release)]
        if not len(rows):
            continue
        lines = tables.modules_of(release).set_index("module").get("loc", pd.Series(dtype=float))
        parts.append(
            rows.assign(
                level=worst_levels(tables, release, rows.module, horizon),
                loc=rows.module.map(lines).fillna(0.0).astype(np.float64),
                released_at=release.released_at,
            )
        )
    if not parts:
        raise InputError(
            f"releases: of no release that has a past is the window of {horizon_days} days over by the end of the log, "
            f"{tables.end_of_log():%Y-%m-%d}: nothing is known to test against"
        )
    return pd.concat(parts, ignore_index=True)
