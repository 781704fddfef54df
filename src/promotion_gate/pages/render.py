"""Templates -> self-contained HTML pages: no script, no font, nothing loaded from elsewhere.

Templates extend `base.html.j2`, which has the styles that all pages share. Names of modules come from outside: whatever
is shown is escaped, and what a template names must be there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jinja2

DASH = "\N{EN DASH}"
PERCENT = "\N{NO-BREAK SPACE}%"


def page(template: str, context: Mapping[str, Any]) -> str:
    """Return the page that a template of this package makes of a context.

    Args:
        template: file name within this package.
        context: what the template names; a name that is missing is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("promotion_gate", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {one.__name__: one for one in (number, listed, percent, fixed, signed, decimals)}
    return environment.get_template(template).render(context)


def number(value: int) -> str:
    """Return a whole number with a comma at the thousands."""
    return f"{value:,}"


def listed(words: Iterable[str]) -> str:
    """Return words as a list to be read: "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def percent(share: float | None, decimals: int = 0) -> str:
    """Return a share as per cent, a dash where it is undefined."""
    return DASH if share is None or share != share else f"{100 * share:.{decimals}f}{PERCENT}"


def fixed(value: float | None, decimals: int = 3) -> str:
    """Return a number with fixed decimals, a dash where it is undefined."""
    return DASH if value is None or value != value else f"{value:.{decimals}f}"


def signed(value: float | None, decimals: int = 3) -> str:
    """Return a difference with its sign, a dash where it is undefined."""
    return DASH if value is None or value != value else f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def decimals(share: float) -> int:
    """Return how many decimals a share needs as per cent, two at most: .96 none, .965 one."""
    return next(places for places in range(3) if places == 2 or round(100 * share, places) == round(100 * share, 6))
