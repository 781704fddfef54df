"""The watches as people read them: a table on a terminal, lines elsewhere."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

PAINT = {"healthy": "green", "degraded": "bold red", "no-data": "yellow", "system-event": "yellow"}
HEAD = ("module", "version", "beside", "level", "left", "state", "e-value", "effect", "requests", "reason")
RIGHT = ("left", "e-value", "effect", "requests")


def table(watches: Sequence[Mapping[str, Any]], now: dt.datetime, note: str) -> "RenderableType":
    """Return the table, with a line below it that says when it was made, or why it is old."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False)
    for name in HEAD:
        made.add_column(name, justify="right" if name in RIGHT else "left", overflow="fold")
    for one in watches:
        cells = [Text(cell) for cell in _cells(one, now)]  # no markup: names may hold brackets
        cells[HEAD.index("state")].style = PAINT.get(one["state"], "")
        made.add_row(*cells)
    return Group(made if watches else Text("nothing is watched"), Text(note, style="dim"))


def lines(watches: Sequence[Mapping[str, Any]], now: dt.datetime) -> Iterator[str]:
    """Yield a line a watch."""
    for one in watches:
        left = dict(zip(HEAD, _cells(one, now), strict=True))
        figures = f"e-value {left['e-value']}, effect {left['effect']}, {left['requests']} requests"
        name = f"{left['module']} {left['version']} on {left['level']}"
        yield f"{now:%H:%M:%S}  {left['state']:<12}  {name}, {left['left']} left: {figures}; {left['reason']}"


def _cells(one: Mapping[str, Any], now: dt.datetime) -> tuple[str, ...]:
    counts = one["counts"]
    return (
        f"{one['project']} {one['module']}",
        one["version"] or "-",
        one["stable"] or "-",
        one["level"],
        _left(dt.datetime.fromisoformat(one["until"]) - now),
        one["state"],
        f"{one['e_value']:.3g} of {one['threshold']:.3g}",
        f"{one['effect']:+.2%}",
        f"{counts['judged_requests']:,.0f}",
        one["reason"] + (" (behind)" if one["is_behind"] else ""),
    )


def _left(time: dt.timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
