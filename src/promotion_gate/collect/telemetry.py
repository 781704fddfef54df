"""What a Prometheus server saw of each module, window by window -> rows of the table `telemetry`."""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Protocol

from promotion_gate.collect import merging, tables
from promotion_gate.collect.prometheus import Series
from promotion_gate.collect.telemetry_settings import PrometheusSettings
from promotion_gate.errors import InputError

TABLE = "telemetry.csv.gz"
FIGURES = ("requests", "errors", "latency_p95_s", "cpu_seconds", "load")
COLUMNS = ("project", "module", "window_start", "window_end", *FIGURES)
WINDOW = "$window"
MOST_WINDOWS = 1_000_000

Row = dict[str, object]


class Ranges(Protocol):
    """What answers range queries: a `prometheus.Server`."""

    def ranges(self, query: str, label: str, first: int, last: int, step: int) -> Series:
        """As `prometheus.Server.ranges`."""


def rows(server: Ranges, settings: PrometheusSettings, project: str, begin: int, end: int, window: int) -> list[Row]:
    """Return a row for each module and window of which anything is known.

    A query is asked at the end of each window, with its length in the place of `$window`. Where errors are known of
    some module, one that has none failed at no request; where they are known of none, nothing is said of them.

    Args:
        server: that is asked.
        settings: the queries, and the label that names the module.
        project: of the modules.
        begin: of the first window, seconds since 1970.
        end: of the last window; windows that are not over by then are left out.
        window: seconds.

    Raises:
        InputError: there is no window, or too many; the server has no requests of any module; as `prometheus`.
    """
    count = (end - begin) // window
    if not 0 < count <= MOST_WINDOWS:
        raise InputError(f"{count:,} windows of {window} s: 1 to {MOST_WINDOWS:,} are expected from --from to --until")
    first, last = begin + window, begin + count * window
    found: dict[str, Series] = {
        name: server.ranges(query.replace(WINDOW, f"{window}s"), settings.label, first, last, window)
        for name, query in _queries(settings)
    }
    if not found["requests"]:
        raise InputError(f"the server has no requests of any module in that time; see prometheus.requests in --config: "
                         f"{settings.requests}")  # fmt: skip
    modules = sorted({module for series in found.values() for module in series})
    return [row for module in modules for row in _rows(found, project, module, range(first, last + 1, window), window)]


def _queries(settings: PrometheusSettings) -> Iterator[tuple[str, str]]:
    for name in FIGURES:
        if query := getattr(settings, name):
            yield name, query


def _rows(found: dict[str, Series], project: str, module: str, ends: range, window: int) -> Iterator[Row]:
    for end in ends:
        told = {name: series.get(module, {}).get(end) for name, series in found.items()}
        if all(value is None for value in told.values()):
            continue
        if found.get("errors") and told["errors"] is None and told["requests"] is not None:
            told["errors"] = 0.0
        key = {"project": project, "module": module, "window_start": tables.utc(end - window)}
        yield {**key, "window_end": tables.utc(end), **{name: told.get(name) for name in FIGURES}}


def put(raw: pathlib.Path, new: list[Row], project: str, begin: int, end: int) -> int:
    """Put rows in the table, in the place of the project's windows in that time; return the rows of the table.

    Raises:
        InputError: the table is there in another form, or is none.
    """
    since, until = tables.utc(begin), tables.utc(end)

    def gives_way(row: Mapping[str, str]) -> bool:
        return row["project"] == project and row["window_end"] > since and row["window_start"] < until

    return merging.put(raw / TABLE, COLUMNS, new, gives_way)
