"""A review as a page of its own: reports/review.html, and the artifact beside the stored review."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from promotion_gate.pages.render import page
from promotion_gate.pages.svg import FAINT, SERIES, drawing, percents
from promotion_gate.review import checklist, decisions, differences, drift

Bins = Mapping[str, Sequence[Mapping[str, float]]]
"""By side: forecast and observed, lowest risk first."""

PLAIN = ("#0a58ca", "#a3480f")
"""Colours of the picture for MLflow's pages, which have none of our style sheet."""

TOLD = 30
"""So many requirements that change alone are shown; the JSON holds all."""


def render(document: Mapping[str, Any], sha256: str) -> str:
    """Return the page of a review.

    Args:
        document: as `document.build` makes it.
        sha256: of the stored document.
    """
    found = document["calibration"]
    context = {
        "review": document,
        "sha256": sha256,
        "kinds": decisions.KINDS,
        "counts": checklist.counts(list(document["checklist"])),
        "sides": ["champion", "challenger"] if document["champion"] else ["challenger"],
        "figure": _calibration(found["bins"]) if found else None,
        "requirements": (document["decisions"] or {}).get("requirements", [])[:TOLD],
        "moderate": drift.MODERATE,
        "large": drift.LARGE,
        "told": differences.as_text,
    }
    return page("review.html.j2", context)


def calibration_png(document: Mapping[str, Any]) -> bytes | None:
    """The calibration plot as a picture for MLflow's pages; None where nothing was measured."""
    if document["calibration"] is None:
        return None
    figure = Figure(figsize=(6, 4.5), dpi=100, layout="constrained")
    _plot(figure.subplots(), document["calibration"]["bins"], PLAIN, "grey")
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _calibration(bins: Bins) -> str:
    """Both sides' forecast against observed share of failed modules; they differ by mark and line, not colour alone."""
    told = [
        f"{side}: in the riskiest tenth {rows[-1]['forecast']:.1%} forecast, {rows[-1]['observed']:.1%} observed"
        for side, rows in bins.items()
    ]
    described = f"Forecast against observed share of failed modules in ten groups by risk. {'; '.join(told)}."
    with drawing("review-calibration", described, 340) as drawn:
        _plot(drawn.axes[0], bins, SERIES, FAINT)
    return drawn.svg


def _plot(axes: Axes, bins: Bins, colours: Sequence[str], faint: str) -> None:
    top = 1.08 * max(max(row["forecast"], row["observed"]) for rows in bins.values() for row in rows)
    axes.plot([0, top], [0, top], color=faint, linestyle="--", linewidth=1.2)
    for (side, rows), mark, line, colour in zip(bins.items(), "os", ("-", ":"), colours, strict=False):
        x, y = ([row[name] for row in rows] for name in ("forecast", "observed"))
        axes.plot(x, y, marker=mark, linestyle=line, color=colour, markersize=6, label=side)
    axes.set(xlim=(0, top), ylim=(0, top))
    axes.set(xlabel="forecast: share that fails", ylabel="observed: share that failed")
    axes.legend(loc="upper left", frameon=False)
    percents(axes)
