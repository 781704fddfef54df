"""The stable version's past: its rate of bad requests, how sure that is, and how far it scatters beyond chance."""

from dataclasses import dataclass, replace

from scipy.stats import beta

from promotion_gate.operate.monitoring.process import BASELINE_SHARE, METRICS

BLOCK_S = 1800
"""Counts are compared between half hours: bursts show in them, and so does a rate that wanders. With 5 minutes, a rate
that wandered by 40 % over a quarter of an hour gave false alarms in 8 % of the watches of benchmarks/detection.py."""

BLOCKS_LEAST = 12
"""Six hours'; with fewer the scatter is not known and taken for chance's."""


@dataclass(frozen=True)
class Tally:
    """Sums over the windows of a past, in order of time.

    Attributes:
        requests, bad: in all.
        block, block_requests, block_bad: of the block that is being filled; -1 before the first.
        blocks, closed_requests, closed_bad, squares: of full blocks: their number, sums, and the sum of bad squared
            over requests.
    """

    requests: float = 0.0
    bad: float = 0.0
    block: int = -1
    block_requests: float = 0.0
    block_bad: float = 0.0
    blocks: int = 0
    closed_requests: float = 0.0
    closed_bad: float = 0.0
    squares: float = 0.0

    def add(self, block: int, requests: float, bad: float) -> "Tally":
        """Return the sums with one more window in a block, which is the last one or later."""
        tally = self if block == self.block else self._closed(block)
        return replace(
            tally,
            requests=tally.requests + requests,
            bad=tally.bad + bad,
            block_requests=tally.block_requests + requests,
            block_bad=tally.block_bad + bad,
        )

    def _closed(self, block: int) -> "Tally":
        full = self.block_requests
        return replace(
            self,
            block=block,
            block_requests=0.0,
            block_bad=0.0,
            blocks=self.blocks + (full > 0),
            closed_requests=self.closed_requests + full,
            closed_bad=self.closed_bad + self.block_bad,
            squares=self.squares + (self.block_bad**2 / full if full > 0 else 0.0),
        )

    @property
    def dispersion(self) -> float:
        """How much more the blocks' counts vary than binomial ones, at least 1; 1 where it is not known.

        Pearson's chi-squared over its degrees of freedom (McCullagh & Nelder, Generalized Linear Models, 4.5). Log
        e-values are divided by it. That is exact where bad requests come in bursts of this size, and for independent
        ones as well, if slower (Jensen's inequality): a guard, not a proof, where it is neither.
        """
        if self.blocks < BLOCKS_LEAST:
            return 1.0
        rate = self.closed_bad / self.closed_requests
        if not 0 < rate < 1:
            return 1.0
        squared = (self.squares - self.closed_bad * rate) / (rate * (1 - rate))
        return max(1.0, squared / (self.blocks - 1))


def upper_bound(tally: Tally, false_alarm_rate: float) -> float:
    """Return a rate, 0 to 1, that the past's is above with a small chance only.

    Clopper and Pearson's bound (Biometrika 26, 1934) at its part of the false alarm rate, with the counts divided by
    their dispersion. Without requests it is 1, and with no bad one about 7.6 over the requests at a rate of 1 %.
    """
    good = (tally.requests - tally.bad) / tally.dispersion
    if good <= 0:
        return 1.0
    chance = false_alarm_rate * BASELINE_SHARE / METRICS
    return float(beta.isf(chance, tally.bad / tally.dispersion + 1, good))
