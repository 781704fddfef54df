"""Challenger against champion: whether the new model is no worse on the test releases that both have predicted."""

import dataclasses

import numpy as np
import pandas as pd

from promotion_gate.learn.scores import Array, Levels, average_precision, log_loss, paired_difference
from promotion_gate.schema import LEVELS

KEY = ["project", "release", "module"]
COLUMNS = [f"p_{level}" for level in LEVELS]
ENTRANT = "ours"
"""Whose rows of predictions.parquet are compared: the model's, not the baselines'."""

OTHER = "_champion"
"""What the champion's columns end in where rows of both stand side by side."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """Challenger less champion, mean over the test releases, with its paired 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """The difference with its interval."""
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


@dataclasses.dataclass(frozen=True)
class Contest:
    """The outcome on common test releases, or on none.

    Attributes:
        releases: `project release` of each that was compared.
        average_precision: of P(any failure); higher is better.
        log_loss: over the five levels; lower is better.
    """

    releases: tuple[str, ...]
    average_precision: Difference | None = None
    log_loss: Difference | None = None

    @property
    def no_worse(self) -> bool:
        """Whether neither interval lies wholly on the worse side; False where nothing could be compared."""
        if self.average_precision is None or self.log_loss is None:
            return False
        return self.average_precision.high >= 0 and self.log_loss.low <= 0

    def sentence(self, champion: str) -> str:
        """The verdict in one line."""
        if not self.releases:
            return f"not comparable with {champion}: no test release in common; {champion} stays champion"
        verdict = "no worse than" if self.no_worse else "worse than"
        return (
            f"{verdict} {champion} on {len(self.releases)} test releases: average precision {self.average_precision}, "
            f"log loss {self.log_loss}"
        )


def average_precision_of_failure(level: Levels, probabilities: Array, weights: Array) -> Array:
    """Average precision of P(any failure) from probabilities of the levels, (n, 5), shape (draws,)."""
    return average_precision(level, 1 - probabilities[:, 0], weights)


def compare(challenger: pd.DataFrame, champion: pd.DataFrame, resamples: int, seed: int) -> Contest:
    """Compare two models' predictions of the same modules, release by release.

    The levels that came true are the challenger's: its log is the newer one.

    Args:
        challenger: predictions.parquet of the new model: project, release, module, entrant, p_negligible to
            p_critical, level (0 to 4).
        champion: the same of the present one.
        resamples: bootstrap draws; modules are drawn within releases.
        seed: of the draws.
    """
    groups = {
        release: (
            rows["level"].to_numpy(np.int64),
            rows[COLUMNS].to_numpy(float),
            rows[[f"{name}{OTHER}" for name in COLUMNS]].to_numpy(float),
        )
        for release, rows in common_releases(challenger, champion).items()
    }
    if not groups:
        return Contest(())
    return Contest(
        tuple(groups),
        Difference(*paired_difference(groups, average_precision_of_failure, resamples, seed)),
        Difference(*paired_difference(groups, log_loss, resamples, seed)),
    )


def common_releases(challenger: pd.DataFrame, champion: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The modules that both have predicted, by `project release`, oldest name first.

    Releases where none or all failed are left out: ranking means something only where some failed and some did not.

    Returns:
        For each release the columns of both predictions, the champion's ending in `OTHER`; `level` is the challenger's.
    """
    pairs = _ours(challenger).merge(_ours(champion), on=KEY, suffixes=("", OTHER))
    return {
        f"{project} {release}": rows
        for (project, release), rows in pairs.groupby(["project", "release"], sort=True)
        if 0 < (rows["level"] > 0).sum() < len(rows)
    }


def _ours(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["entrant"] == ENTRANT]
