"""Pictures of a back-test and of a tuned policy as files, PNG and SVG; the report page draws its own."""

import pathlib
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

STYLES = ("-", "--", "-.", ":", (0, (8, 2, 1, 2, 1, 2)))
MARKERS = ("D", "s", "^", "o", "v", "P", "X", "*")


def yield_safety(curves: "pd.DataFrame", gates: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Draw what each gate holds back for what it delays, the first one's interval, and where the gates stand.

    Args:
        curves: gate, delayed, held_back, low, high (shares).
        gates: rows of a report; those that only follow another gate's delay are not marked.
        path: without suffix; PNG and SVG are written beside one another.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    for number, (name, rows) in enumerate(curves.groupby("gate", sort=False)):
        (line,) = axes.plot(rows.delayed, rows.held_back, linestyle=STYLES[number % len(STYLES)], label=str(name))
        if number == 0:
            axes.fill_between(rows.delayed, rows.low, rows.high, color=line.get_color(), alpha=0.15, linewidth=0)
    standing = [gate for gate in gates if not gate["gate"].endswith("at equal delay")]
    for number, gate in enumerate(standing):
        at = gate["delayed"][0], gate["held_back"][0]
        axes.plot(
            *at, MARKERS[number % len(MARKERS)], color="black", markersize=7, label=f"{gate['gate']}, as it stands"
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of modules delayed", ylabel="share of failed severity held back")
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def pareto(points: "pd.DataFrame", limit: float, path: pathlib.Path) -> None:
    """Draw what escapes against what is delayed: trials, their front, the default and the suggestion.

    Args:
        points: kind (trial, front, default, suggestion), escaped, delayed (shares), lines_asked.
        limit: largest share delayed that the suggestion may have.
        path: as in `yield_safety`.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    for kind, marker, size in (("trial", ".", 3), ("front", "o", 5), ("default", "D", 9), ("suggestion", "*", 13)):
        rows = points[points.kind == kind]
        axes.plot(rows.delayed, rows.escaped, marker, markersize=size, label=kind)
    axes.axvline(limit, color="grey", linestyle="--", linewidth=1, label=f"limit of {limit:g}")
    axes.set(xlabel="share of modules delayed", ylabel="share of failed severity that escapes")
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Figure, path: pathlib.Path) -> None:
    with matplotlib.rc_context({"svg.hashsalt": "promotion-gate"}):
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=120, metadata={"Software": None})
