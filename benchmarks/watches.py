"""How long a look at the watches takes: `python benchmarks/watches.py`.

A ledger with an hour (`--hours`) of telemetry of 200 modules, a batch of windows with histograms every 10 s; 20 of them
are promoted. Printed: how long the looks take that begin their watches, a look at each batch as it arrives, and the
looks after a restart; beside them how long a batch takes to be kept, with which the looks share the processor.
"""

import datetime as dt
import pathlib
import statistics
import tempfile
import time

import click

from promotion_gate.operate.gate import Gate
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.module_events import Telemetry, Window
from promotion_gate.operate.ledger.records import record_telemetry
from promotion_gate.operate.management.management import PromotionManagement
from promotion_gate.operate.watches.watches import Watches
from promotion_gate.schema import FISResult, ModuleData, PromotionRequest

ROOT = pathlib.Path(__file__).resolve().parents[1]
STEP = dt.timedelta(seconds=10)
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")


class Clock:
    """The telemetry's time for the ledger, the machine's for how long a look takes."""

    def __init__(self, at: dt.datetime) -> None:
        self.at = at

    def now(self) -> dt.datetime:
        """Return the present of the telemetry."""
        return self.at

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let no time pass."""


class Installation:
    """A ledger, its management, and agents that tell of its modules."""

    def __init__(self, ledger: Ledger, modules: int) -> None:
        self.ledger, self.names = ledger, [f"m{number:03}" for number in range(modules)]
        self.clock = Clock(dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC))
        self.gate = Gate(ROOT / "params.yaml", pathlib.Path("/nonexistent"))
        self.management = PromotionManagement(ledger, lambda: self.gate, {}, self.clock)
        self.versions = dict.fromkeys(self.names, "1")
        self.batch = 0

    def promote(self, module: str, version: str) -> str:
        """Promote without a model; return the promotion."""
        chances = {"negligible": 1.0, "low": 0.0, "medium": 0.0, "high": 0.0, "critical": 0.0}
        score = FISResult(
            project="shop",
            module=module,
            fis=0.1,
            severity="low",
            probabilities=chances,
            model_version="m",
            data_hash="d",
        )
        data = ModuleData(project="shop", module=module, version=version, dependencies=())
        standing, _ = self.management.request(PromotionRequest(module=data, coverage=1, fis=score), "ci")
        self.management.deploy(standing.id, "ci")
        self.management.deployed(standing.id, "ci")
        self.versions[module] = version
        return standing.id

    def tell(self) -> float:
        """Tell what all modules did in 10 s; return how long it took to be kept."""
        begin, self.clock.at = self.clock.at, self.clock.at + STEP
        windows = tuple(self._window(name, begin, number) for number, name in enumerate(self.names))
        self.batch += 1
        told = Telemetry(source="agent", batch_id=str(self.batch), windows=windows)
        started = time.perf_counter()
        with self.ledger.write("agent", self.clock.at) as writer:
            record_telemetry(writer, told)
        return time.perf_counter() - started

    def _window(self, name: str, begin: dt.datetime, number: int) -> Window:
        shares = (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 1, 1, 1, 1)
        return Window(
            project="shop",
            module=name,
            version=self.versions[name],
            window_start=begin,
            window_end=begin + STEP,
            requests=500,
            errors=(self.batch + number) % 3 == 0,
            latency_buckets={bound: 500 * share for bound, share in zip(BOUNDS, shares, strict=True)},
        )


def look(watches: Watches) -> list[float]:
    """Look until all is in; return how long each look took."""
    taken, is_done = [], False
    while not is_done:
        started = time.perf_counter()
        is_done = watches.look()
        taken.append(time.perf_counter() - started)
    return taken


def shown(what: str, taken: list[float]) -> None:
    """Print a row."""
    many = f"{len(taken):5}  {statistics.median(taken) * 1e3:9.1f}  {max(taken) * 1e3:9.1f}  {sum(taken):8.2f}"
    click.echo(f"{what:<34}{many}")


@click.command()
@click.option("--modules", default=200, show_default=True)
@click.option("--watched", default=20, show_default=True)
@click.option("--hours", default=1.0, show_default=True, help="Of telemetry before the promotions.")
@click.option("--minutes", default=10, show_default=True, help="Of telemetry after them.")
def main(modules: int, watched: int, hours: float, minutes: int) -> None:
    """Measure the looks at the watches."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
        made = Installation(ledger, modules)
        for name in made.names[:watched]:
            made.management.confirm(made.promote(name, "1"), "ann")
        for _ in range(int(hours * 360)):
            made.tell()
        for name in made.names[:watched]:
            made.promote(name, "2")
        watches = Watches(ledger, lambda: made.gate, made.clock)
        click.echo(f"{modules} modules, {watched} watched, {hours:g} h before, {minutes} min after\n")
        click.echo(f"{'':<34}{'times':>5}  {'median ms':>9}  {'most ms':>9}  {'in all s':>8}")
        shown("looks until all are begun", look(watches))
        kept, looks = [], []
        for _ in range(minutes * 6):
            kept.append(made.tell())
            looks += look(watches)
        shown("a batch is kept", kept)
        shown("a look at it", looks)
        again = Watches(ledger, lambda: made.gate, made.clock)
        shown("looks after a restart", look(again))
        said = {one.verdict.state for one in again.standing()}
        same = again.standing() == watches.standing()
        click.echo(f"\nthey say {', '.join(sorted(said))}; {'the same' if same else 'NOT the same'} after the restart")


if __name__ == "__main__":
    main()
