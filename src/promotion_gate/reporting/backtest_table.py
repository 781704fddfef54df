"""A back-test's report as lines of text, for a terminal."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def lines(report: Row) -> Iterator[str]:
    """Yield the tables of a report (`decide.backtest.report`), with what it cannot know."""
    gates = report["gates"]
    yield from table(
        ("gate", "held back", "averted", "critical escapes", "delayed", "blocked", "lines asked", "ours less it"),
        [_gate(row, first=row is gates[0]) for row in gates],
    )
    first = gates[0]
    yield ""
    yield f"{first['modules']:,} modules, {first['failed']} failed. Held back: share of the failures' severity that is"
    yield "in held modules, with 95 % intervals (modules resampled within releases). Averted, what no back-test knows:"
    yield f"from {report['averted']:.0%} of it, as many faults as tests find, to all, if no held module ever failed."
    if first["lines_blocked"]:
        yield f"A review of the blocked modules would see {first['lines_blocked']:,.0f} lines that no suite covers."
    if first["lines_asked"] is None:
        yield "No release has coverage: what the other bands would have delayed cannot be said; the bands alone:"
    yield ""
    yield from table(
        ("band", "modules", "failed", "critical", "share of weight", "mean weight"),
        [_band(row) for row in report["bands"]],
    )
    yield ""
    shown = report["curves"][0]["held_back_at"]
    heads = ("curve", "area", *(f"at {float(share):.0%} delayed" for share in shown))
    yield from table(heads, [_curve(row) for row in report["curves"]])
    yield ""
    yield f"modules that no suite measured, held by every gate on coverage and not counted: {report['unmeasured']}"
    yield f"releases without coverage: {', '.join(report['without_coverage']) or 'none'}"


def by_release(report: Row) -> Iterator[str]:
    """Yield one table of all gates at each release."""
    rows = [[f"{row['project']} {row['release']}", *_gate(row)[:6]] for row in report["releases"]]
    yield from table(("release", "gate", "held back", "averted", "critical escapes", "delayed", "blocked"), rows)


def share(value: float, sign: str = "") -> str:
    """A share in per cent, a dash where it is undefined."""
    return "-" if math.isnan(value) else f"{100 * value:{sign}.1f}"


def spread(values: Sequence[float], sign: str = "") -> str:
    """A share or, with `sign`, a difference of shares with its interval, in per cent."""
    return f"{share(values[0], sign)} [{share(values[1], sign)}, {share(values[2], sign)}]"


def _gate(row: Row, *, first: bool = False) -> list[str]:
    return [
        row["gate"],
        spread(row["held_back"]),
        f"{share(row['averted'][0])} to {share(row['averted'][1])}",
        f"{row['critical_escapes']:g} of {row['critical']}",
        spread(row["delayed"]),
        share(row["blocked"]),
        "-" if row["lines_asked"] is None else f"{row['lines_asked']:,.0f}",
        "" if first else spread(row["less"], "+"),
    ]


def _band(row: Row) -> list[str]:
    weight = spread([row["weight_share"], *row["weight_share_interval"]])
    mean = f"{row['mean_weight']:.3f} [{row['mean_weight_interval'][0]:.3f}, {row['mean_weight_interval'][1]:.3f}]"
    modules = f"{row['modules']:,} ({share(row['modules_share'])})"
    return [row["band"], modules, str(row["failed"]), str(row["critical"]), weight, mean if row["modules"] else "-"]


def _curve(row: Row) -> list[str]:
    value, low, high = row["area"]
    return [row["gate"], f"{value:.3f} [{low:.3f}, {high:.3f}]", *map(spread, row["held_back_at"].values())]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table with columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
