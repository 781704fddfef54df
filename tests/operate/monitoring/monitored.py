"""Windows of a module `pay` of version 1, then 2, promoted at `PROMOTED`, and the project's own rules."""

import datetime as dt
import pathlib
from collections.abc import Callable, Iterator

from promotion_gate import params
from promotion_gate.operate.monitoring.window import Watch, Window

RULES = params.load_rules(pathlib.Path(__file__).resolve().parents[3] / "params.yaml").policy.monitor
PROMOTED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WATCH = Watch("shop", "pay", "2", "1", PROMOTED, PROMOTED + dt.timedelta(hours=24), criticality=0.9)


def at(second: float) -> dt.datetime:
    """A time after the promotion."""
    return PROMOTED + dt.timedelta(seconds=second)


def window(second, requests, errors, version="2", module="pay", buckets=None, length=10, load=None) -> Window:
    """What was seen of a module from a second after the promotion on."""
    return Window("shop", module, version, at(second), at(second + length), requests, errors, buckets, load)


def latencies(requests: int, slow: int) -> dict[str, int]:
    """A histogram in which so many took longer than .5 s."""
    return {"0.1": requests // 2, "0.5": requests - slow, "2.5": requests, "+Inf": requests}


def past(hours: float = 2.0, requests: int = 500, errors: Callable[[int], int] = lambda n: n % 2) -> Iterator[Window]:
    """Windows of version 1 until the promotion: one error in every other window of 500 unless told otherwise."""
    for number in range(int(hours * 360), 0, -1):
        yield window(-10 * number, requests, errors(number), "1", buckets=latencies(requests, requests // 25))


def others(begin: int, end: int, errors: Callable[[int, int], int] | None = None, count: int = 6) -> Iterator[Window]:
    """Windows of other modules: one error in every other window of 500 unless told otherwise by second and module."""
    for second in range(begin, end, 10):
        for module in range(count):
            bad = (second // 10 + module) % 2 if errors is None else errors(second, module)
            yield window(second, 500, bad, "7", f"m{module}")


def merged(*streams) -> Iterator[Window]:
    """Windows of several streams as they arrive: by their ends."""
    return iter(sorted((one for stream in streams for one in stream), key=lambda one: one.end))
