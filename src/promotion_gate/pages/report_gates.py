"""What the back-test and the search for a policy found -> what report_gates.html.j2 shows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from promotion_gate.pages import figures
from promotion_gate.pages.render import percent

Row = Mapping[str, Any]

EQUAL_DELAY = " at equal delay"
KINDS = ("default", "suggestion", "front")
LATER = ("best found", "default", "default at equal delay")


def gates(backtest: Row, yield_safety: Sequence[Row]) -> dict[str, Any] | None:
    """Return what the page says of the back-tested gates, None where none was.

    Args:
        backtest: reports/backtest.json.
        yield_safety: reports/plots/yield_safety.csv.
    """
    gates = backtest.get("gates")
    if not gates:
        return None
    curves: dict[str, list[Row]] = {}
    for row in yield_safety:
        curves.setdefault(row["gate"], []).append(row)
    ordered = dict(sorted(curves.items(), key=lambda item: item[0] != gates[0]["gate"]))
    standing = [one for one in gates if not one["gate"].endswith(EQUAL_DELAY) and one["held_back"][0] is not None]
    return {
        "figure": Markup(figures.yield_safety(ordered, standing)) if curves else None,  # noqa: S704
        "rows": gates,
        "ours": gates[0],
        "more": [
            f"{one['gate'].removesuffix(EQUAL_DELAY)} ({percent(one['held_back'][0])})"
            for one in gates
            if one["gate"].endswith(EQUAL_DELAY) and one["less"][2] < 0
        ],
        "averted": backtest["averted"],
        "curves": ordered,
        "grid": _grid(ordered),
    }


def _grid(curves: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """The curves as a table: at each share of modules delayed a row of every curve, every tenth from 0 on."""
    marks = sorted({row["delayed"] for rows in curves.values() for row in rows})
    shown = [mark for mark in marks if abs(mark * 10 - round(mark * 10)) < 1e-6] or marks
    at = {name: {row["delayed"]: row for row in rows} for name, rows in curves.items()}
    return [{"delayed": mark, "rows": [at[name].get(mark) for name in curves]} for mark in shown]


def tuning(told: Row, pareto: Sequence[Row]) -> dict[str, Any] | None:
    """Return what the page says of the search for a better policy, None where there was none.

    Args:
        told: reports/policy_tuning.json.
        pareto: reports/plots/pareto.csv.
    """
    if not told or not pareto:
        return None
    return {
        "figure": Markup(figures.pareto(pareto, told["delay_at_most"])),  # noqa: S704 - escaped there
        "points": sorted(
            (row for row in pareto if row["kind"] in KINDS), key=lambda row: (KINDS.index(row["kind"]), row["delayed"])
        ),
        "told": told,
        "later": [
            (told["releases"][when], row)
            for when, rows in (("confirmed", told["confirm"]), ("reported", told["report"]))
            for row in rows
            if row["gate"] in LATER
        ],
        "changes": list(_changes(told["default"], told["best"])),
    }


def _changes(default: Row, best: Row) -> Iterator[tuple[str, str, str]]:
    """What differs between two policies: rule, now, then."""
    now, then = (dict(_rules(one)) for one in (default, best))
    yield from ((name, value, then[name]) for name, value in now.items() if then.get(name, value) != value)


def _rules(policy: Row) -> Iterator[tuple[str, str]]:
    yield "tail", f"{policy['impact']['tail']:g}"
    yield "severity weights", " ".join(f"{weight:g}" for weight in policy["impact"]["weights"])
    for band in policy["policy"]["bands"]:
        multiplier = band["multiplier"]
        yield f"band {band['name']}: FIS from", f"{band['from']:g}"
        yield f"band {band['name']}: coverage", "review" if multiplier is None else f"base x {multiplier:g}"
