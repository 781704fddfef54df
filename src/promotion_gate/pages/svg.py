"""A drawing by matplotlib -> SVG for a page: text as text, colours by the page's CSS, the same bytes each time.

matplotlib wants colours as numbers, so a drawing uses one number for each of the page's custom properties, and the
numbers are replaced afterwards: light and dark are then the style sheet's business alone.
"""

import contextlib
import html
import io
import re
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

INK, FAINT, LINE, PAPER = (f"#00fe{number:02x}" for number in range(4))
SERIES = tuple(f"#00fd{number:02x}" for number in range(1, 6))
VARIABLES = {INK: "ink", FAINT: "faint", LINE: "line", PAPER: "paper"}
VARIABLES |= {colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)}

WIDTH = 420
"""Units of a drawing's width: on a phone one is .85 pixels, on a desk 1.3; texts of 12.5 can be read on both."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "promotion-gate",
    "font.size": 12.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.titlesize": 12.5,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "figure.facecolor": "none",
    "grid.color": LINE,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


class Drawing:
    """What `drawing` gives: the axes to draw on and, at its end, the SVG."""

    def __init__(self, figure: Figure, axes: list[Axes]) -> None:
        self.figure, self.axes, self.svg = figure, axes, ""


@contextlib.contextmanager
def drawing(name: str, described: str, height: int, panels: int = 1, share: bool = False) -> Iterator[Drawing]:
    """Open a drawing; when the block ends, its `svg` holds the result.

    Args:
        name: begins every id in the SVG, so that a page can hold several.
        described: what the picture shows, in a sentence or two: what a screen reader says in its place.
        height: in units, of which `WIDTH` make the width.
        panels: axes beside one another.
        share: whether these share the vertical axis.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False, sharey=share)
        drawn = Drawing(figure, list(axes[0]))
        yield drawn
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
        drawn.svg = themed(written.getvalue(), name, described)


def percents(axes: Axes, directions: str = "xy") -> None:
    """Write the ticks of axes as per cent."""
    for direction in directions:
        axis = axes.xaxis if direction == "x" else axes.yaxis
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def themed(written: str, name: str, described: str) -> str:
    """Return matplotlib's SVG as an element for a page: own ids, colours and font of the page, one label."""
    body = re.sub(
        r"^.*?<svg[^>]*>|</svg>\s*$|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", written, flags=re.S
    )
    box = re.search(r'viewBox="([^"]*)"', written)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", body))
    body = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", body).replace("xlink:href", "href")
    body = re.sub(r"font-family: [^;\"]*; ?| transform=\"rotate\(-0 [^)]*\)\"", "", body)
    body = re.sub(r"\s+", " ", re.sub(r">\s+<", "><", body))
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    said = html.escape(described, quote=True)
    style = "stroke-linejoin: round; stroke-linecap: butt"
    return f'<svg viewBox="{box[1] if box else ""}" role="img" aria-label="{said}" style="{style}">{body.strip()}</svg>'
