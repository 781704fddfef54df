"""The report's figures. Series differ by their marks and line styles, and are named where they are drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from promotion_gate.pages.labels import LETTER, Labels
from promotion_gate.pages.svg import FAINT, INK, LINE, PAPER, SERIES, drawing, percents

Row = Mapping[str, Any]
Interval = Sequence[float]
"""A value with the ends of its 95 % interval."""

BINS = 20
STYLES = ("-", "--", "-.", ":", (0, (8, 2, 1, 2, 1, 2)))
MARKERS = ("D", "s", "^", "o", "v", "P", "X")
WIDTH_OF_AXES = 365.0
"""About, in units."""


def advantage(differences: Mapping[str, Sequence[tuple[str, Interval]]]) -> str:
    """Ours less each baseline with its interval, a panel a figure of merit; right of zero is better.

    Args:
        differences: by the name of the figure of merit, baselines with differences, in the same order.
    """
    baselines = [name for name, _ in next(iter(differences.values()))]
    clear = [
        f"{figure}, {name}: {value:+.3f}, {low:+.3f} to {high:+.3f}"
        for figure, rows in differences.items()
        for name, (value, low, high) in rows
    ]
    described = f"Ours less each baseline, with 95 % intervals. {'; '.join(clear)}."
    with drawing("advantage", described, 60 + 52 * len(baselines), panels=len(differences), share=True) as drawn:
        for axes, (figure, rows) in zip(drawn.axes, differences.items(), strict=True):
            axes.axvline(0, color=INK, linewidth=1)
            for place, (_, (value, low, high)) in enumerate(rows):
                axes.plot([low, high], [place, place], color=SERIES[0], linewidth=2, solid_capstyle="butt")
                sure = low > 0 or high < 0
                axes.plot(value, place, "o", color=SERIES[0], markersize=8, mfc=SERIES[0] if sure else PAPER, mew=2)
                axes.annotate(f"{value:+.3f}", (value, place), (0, 9), textcoords="offset points", ha="center")
            axes.set_title(figure)
            axes.margins(x=0.16)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.spines["left"].set_visible(False)
            axes.tick_params(axis="y", length=0)
        drawn.axes[0].set_yticks(range(len(baselines)), [name.replace(" ", "\n", 1) for name in baselines])
        drawn.axes[0].set_ylim(len(baselines) - 0.5, -0.7)
        drawn.figure.supxlabel("ours less the baseline; right of 0 is better", fontsize=12.5)
    return drawn.svg


def calibration(rows: Sequence[Row]) -> str:
    """Forecast against observed share of failed modules, on scales of square roots: the small shares stay apart.

    Args:
        rows: forecast, observed, low and high of the observed, modules.
    """
    top = max(max(row["forecast"], row["high"]) for row in rows) * 1.05
    first, last = rows[0], rows[-1]
    described = (
        f"Forecast against observed share of failed modules in {len(rows)} groups, with 95 % intervals. In the group "
        f"of the least risk {first['forecast']:.1%} were forecast and {first['observed']:.1%} failed, in that of the "
        f"most {last['forecast']:.1%} and {last['observed']:.1%}."
    )
    with drawing("calibration", described, 360) as drawn:
        axes = drawn.axes[0]
        axes.set_xscale("function", functions=(_root, _square))
        axes.set_yscale("function", functions=(_root, _square))
        axes.plot([0, top], [0, top], color=FAINT, linestyle="--", linewidth=1.2)
        where = 0.55 * top
        axes.annotate("as forecast", (where, where), (6, -14), textcoords="offset points", color=FAINT)
        for row in rows:
            axes.plot([row["forecast"]] * 2, [row["low"], row["high"]], color=SERIES[0], linewidth=2)
        forecast, observed = ([row[name] for row in rows] for name in ("forecast", "observed"))
        axes.plot(forecast, observed, "o", color=SERIES[0], markersize=7)
        axes.set(
            xlim=(0, top), ylim=(0, top), xlabel="forecast: share that fails", ylabel="observed: share that failed"
        )
        ticks = [tick for tick in (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1) if tick <= top]
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(FixedLocator(ticks))
        _grid(axes)
    return drawn.svg


def distribution(scores: Sequence[float], bands: Sequence[Row]) -> str:
    """How many modules have which score, with the bounds of the bands.

    Args:
        scores: 0 to 1, one a module.
        bands: name, start (0 to 1), modules; lowest first.
    """
    counts = ", ".join(f"{band['name']} {band['modules']}" for band in bands)
    described = f"Histogram of the Failure Impact Score of {len(scores)} modules. Modules by band: {counts}."
    with drawing("distribution", described, 300) as drawn:
        axes = drawn.axes[0]
        heights, *_ = axes.hist(scores, bins=BINS, range=(0, 1), color=SERIES[0], edgecolor=PAPER, linewidth=1.5)
        top = float(np.max(heights)) * 1.22 or 1.0
        ends = [*(float(band["start"]) for band in bands[1:]), 1.0]
        for band, end in zip(bands, ends, strict=True):
            start = float(band["start"])
            if start:
                axes.axvline(start, color=INK, linestyle=(0, (4, 3)), linewidth=1)
            if (end - start) * WIDTH_OF_AXES >= LETTER * len(band["name"]):
                for line, said in enumerate((band["name"], str(band["modules"]))):
                    axes.text((start + end) / 2, top * (0.95 - 0.055 * line), said, ha="center", va="baseline")
        axes.set(xlim=(0, 1), ylim=(0, top), xlabel="Failure Impact Score", ylabel="modules")
        axes.xaxis.set_major_locator(FixedLocator([0, *(float(band["start"]) for band in bands[1:]), 1]))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    return drawn.svg


def yield_safety(curves: Mapping[str, Sequence[Row]], gates: Sequence[Row]) -> str:
    """What share of the failed severity is held back for what share of modules delayed: curves of gates, their points.

    Args:
        curves: by gate, rows of delayed, held_back, low and high (of held_back), by rising delay.
        gates: gate, delayed and held_back, each an interval, where the policies stand as they are.
    """
    stands = [f"{one['gate']} {one['held_back'][0]:.0%} at {one['delayed'][0]:.0%} delayed" for one in gates]
    described = f"Failed severity held back against modules delayed. Held back: {', '.join(stands)}."
    with drawing("yield", described, 380) as drawn:
        axes = drawn.axes[0]
        for number, rows in enumerate(curves.values()):
            colour = SERIES[number % len(SERIES)]
            across, held = ([row[name] for row in rows] for name in ("delayed", "held_back"))
            if number == 0:
                low, high = ([row[name] for row in rows] for name in ("low", "high"))
                axes.fill_between(across, low, high, color=colour, alpha=0.16, linewidth=0)
            axes.plot(across, held, color=colour, linestyle=STYLES[number % len(STYLES)], linewidth=2)
        standing = [one for one in gates if one["delayed"][0] > 0]
        for number, one in enumerate(standing):
            mark = MARKERS[number % len(MARKERS)]
            axes.plot(one["delayed"][0], one["held_back"][0], mark, color=INK, mec=PAPER, ms=9)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="modules delayed", ylabel="failed severity held back")
        _grid(axes)
        _named(axes, curves, standing)
    return drawn.svg


def pareto(points: Sequence[Row], delay_at_most: float | None) -> str:
    """What escapes against what is delayed: every trial, the best of them, the policy as it is and the suggested one.

    Args:
        points: kind (trial, front, default, suggestion), delayed, escaped.
        delay_at_most: the bound that the suggestion keeps; None: there was none.
    """
    kinds = {
        kind: [row for row in points if row["kind"] == kind] for kind in ("trial", "front", "default", "suggestion")
    }
    named = [(kind, row) for kind in ("default", "suggestion") for row in kinds[kind]]
    stands = [f"{kind}: {row['escaped']:.1%} escaped, {row['delayed']:.1%} delayed" for kind, row in named]
    described = (
        f"Failed severity that escapes against modules delayed: {len(kinds['trial'])} trials, {len(kinds['front'])} on "
        f"the Pareto front. {'; '.join(stands)}."
    )
    with drawing("pareto", described, 360) as drawn:
        axes = drawn.axes[0]
        seen = sorted({(round(row["delayed"], 3), round(row["escaped"], 3)) for row in kinds["trial"]})
        axes.plot([x for x, _ in seen], [y for _, y in seen], ".", color=FAINT, markersize=3, alpha=0.55, label="tried")
        axes.plot(*_xy(kinds["front"]), "o", color=SERIES[0], mfc=PAPER, mew=1.6, markersize=6, label="on the front")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderpad=0, handletextpad=0.2)
        for (_, row), marker in zip(named, MARKERS, strict=False):
            axes.plot(*_xy([row]), marker, color=INK, mec=PAPER, markersize=10)
        if delay_at_most is not None:
            axes.axvline(delay_at_most, color=INK, linestyle=(0, (4, 3)), linewidth=1)
        axes.set(xlabel="modules delayed", ylabel="failed severity that escapes")
        _grid(axes)
        labels = Labels(axes)
        labels.keep_clear(*_xy(kinds["front"]), 8.0)
        if delay_at_most is not None:
            heights = np.linspace(*axes.get_ylim(), 20)
            labels.keep_clear_of_line("", [delay_at_most] * len(heights), heights.tolist())
        labels.keep_clear(*_xy([row for _, row in named]))
        for kind, row in named:
            labels.name_mark(kind, row["delayed"], row["escaped"])
    return drawn.svg


def _root(values: Any) -> Any:
    return np.sqrt(np.clip(values, 0, None))


def _square(values: Any) -> Any:
    return np.square(values)


def _xy(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    return [row["delayed"] for row in rows], [row["escaped"] for row in rows]


def _grid(axes: Axes) -> None:
    percents(axes)
    axes.grid(color=LINE)
    axes.set_axisbelow(True)


def _named(axes: Axes, curves: Mapping[str, Sequence[Row]], gates: Sequence[Row]) -> None:
    """Name the curves along their middles and the gates beside their marks."""
    labels = Labels(axes)
    lines = {
        gate: ([row["delayed"] for row in rows], [row["held_back"] for row in rows]) for gate, rows in curves.items()
    }
    for gate, (across, held) in lines.items():
        labels.keep_clear_of_line(gate, across, held)
    labels.keep_clear([one["delayed"][0] for one in gates], [one["held_back"][0] for one in gates])
    for number, (gate, (across, held)) in enumerate(lines.items()):
        labels.name_line(gate, across, held, color=SERIES[number % len(SERIES)])
    for one in gates:
        said = f"{one['gate']}, as set" if one["gate"] in curves else one["gate"]
        labels.name_mark(said, one["delayed"][0], one["held_back"][0])
