"""What the raw tables must hold together: the rules as data, and the facts of each row that they ask for.

An `error` stops the run, a `warning` is reported. Some things are asked twice: real logs name a few files that no
release holds any more, which is worth a warning; where a fifth of the log does, it belongs to another code base.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from promotion_gate.learn.raw_types import NOT_NEGATIVE
from promotion_gate.schema import AGGREGATE, CONTRACTS, LEVELS

Severity = Literal["error", "warning"]
Tables = Mapping[str, pd.DataFrame]

STRAYS = 0.2
"""Share of rows that may name an unknown module before the table is taken for another project's."""
FACT = "? "
"""Columns that start with it are ours, added for a rule and not shown."""

SEPARATOR = "\x1f"
"""Of joined names: a control character, which no name holds."""


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        table, column: what it is about, as the reader knows it; column "" means the table as a whole.
        expected: completes "expected ...".
        expectation: name of a class in great_expectations.expectations, built with `arguments`.
    """

    table: str
    column: str
    expected: str
    severity: Severity
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def rules(tables: Tables, now: pd.Timestamp, modules_per_release: tuple[int, int]) -> Iterator[Rule]:
    """Yield the rules for tables with facts.

    Args:
        tables: as `with_facts` returns them.
        now: with time zone; nothing may be later.
        modules_per_release: least and most rows of `modules` for one release, inclusive.
    """
    for name, contract in CONTRACTS.items():
        if not contract.optional:
            yield Rule(name, "", "at least one row", "error", "ExpectTableRowCountToBeBetween", {"min_value": 1})
        yield Rule(
            name, ", ".join(contract.key), "a key that no other row has", "error",
            "ExpectCompoundColumnsToBeUnique", {"column_list": list(contract.key)},
        )  # fmt: skip
        for column, kind in contract.columns.items():
            if kind == "time":
                yield _between(name, column, "a time that is not in the future", maximum=now)
            elif kind == "severity":
                known = LEVELS[1:]
                yield Rule(
                    name, column, f"one of {', '.join(known)}", "error",
                    "ExpectColumnValuesToBeInSet", {"column": column, "value_set": list(known)},
                )  # fmt: skip
            elif kind == "share":
                yield _between(name, column, "a share from 0 to 1", 0, 1)
            elif kind in ("count", "amount"):
                yield _between(name, column, "0 or more", 0)
    yield from _release_rules(modules_per_release)
    yield from _module_rules(tables["modules"])
    for name, column, where in (
        ("failures", "module", "some release of its project"),
        ("dependencies", "module", "that release"),
        ("dependencies", "depends_on", "that release"),
        ("coverage", "module", "that release"),
        ("telemetry", "module", "some release of its project"),
    ):
        fact, expected = f"{column} known", f"a module of {where}"
        yield _true(name, column, fact, expected, "warning")
        yield _true(name, column, fact, f"{expected}, in 80 % of the rows", "error", mostly=1 - STRAYS)
    yield _not_below("failures", "resolved_at", "occurred_at", "not before occurred_at", "warning")
    yield _not_below("telemetry", "window_end", "window_start", "after window_start", "error", equal=False)
    yield _not_below("telemetry", "requests", "errors", "no fewer than errors", "warning")
    yield _not_below("coverage", "lines_total", "lines_covered", "no fewer than lines_covered", "error")
    largest, together = "no less than the largest single suite's", "no more than all single suites' together"
    yield _not_below("coverage", "lines_covered", FACT + "largest suite", largest, "error")
    yield _not_below("coverage", FACT + "all suites", "lines_covered", together, "warning", shown="lines_covered")
    yield _true("criticality", "module", "matches", "a name or glob that some module of its project has", "warning")


def _release_rules(modules_per_release: tuple[int, int]) -> Iterator[Rule]:
    least, most = modules_per_release
    yield Rule(
        "releases", "released_at", "a time that no other release of the project has", "error",
        "ExpectCompoundColumnsToBeUnique", {"column_list": ["project", "released_at"]},
    )  # fmt: skip
    order = "a version no lower than those released before it"
    yield _true("releases", "release", "in order", order, "warning")
    yield _true("releases", "release", "has modules", "a release with rows in table modules", "error")
    yield _between("releases", FACT + "modules", f"{least:,} to {most:,} modules", least, most)
    yield _between("releases", FACT + "growth", "at least half the modules of the release before", 0.5, None, "warning")


def _module_rules(modules: pd.DataFrame) -> Iterator[Rule]:
    yield _true("modules", "release", "release known", "a release of table releases", "error")
    yield Rule(
        "modules", "loc", "a column loc: lines of code are the baseline to beat", "warning",
        "ExpectColumnToExist", {"column": "loc"},
    )  # fmt: skip
    numeric = [str(name) for name in modules.columns if pd.api.types.is_float_dtype(modules[name])]
    for name in numeric:
        if name in NOT_NEGATIVE:
            yield _between("modules", name, "0 or more", 0)
        yield Rule(
            "modules", name, "a value in at least half of the rows", "warning",
            "ExpectColumnValuesToNotBeNull", {"column": name, "mostly": 0.5},
        )  # fmt: skip
    metrics = {"column_set": numeric or ["loc"], "exact_match": False}
    yield Rule("modules", "", "at least one numeric metric", "error", "ExpectTableColumnsToMatchSet", metrics)


def _true(table: str, column: str, fact: str, expected: str, severity: Severity, mostly: float = 1) -> Rule:
    arguments = {"column": FACT + fact, "value_set": [True], "mostly": mostly}
    return Rule(table, column, expected, severity, "ExpectColumnValuesToBeInSet", arguments)


def _between(
    table: str, column: str, expected: str, minimum: Any = None, maximum: Any = None, severity: Severity = "error"
) -> Rule:
    arguments = {"column": column, "min_value": minimum, "max_value": maximum}
    return Rule(table, column, expected, severity, "ExpectColumnValuesToBeBetween", arguments)


def _not_below(
    table: str, column: str, other: str, expected: str, severity: Severity, equal: bool = True, shown: str = ""
) -> Rule:
    # Great Expectations' own default compares where one of the two is missing, and calls that a failure.
    skip = {"ignore_row_if": "either_value_is_missing"}
    arguments = {"column_A": column, "column_B": other, "or_equal": equal, **skip}
    expectation = "ExpectColumnPairValuesAToBeGreaterThanB"
    return Rule(table, shown or column, expected, severity, expectation, arguments)


def with_facts(tables: Tables) -> dict[str, pd.DataFrame]:
    """Return the tables with one column more for each fact about a row that needs other rows or tables to know."""
    found = {name: table.reset_index(drop=True) for name, table in tables.items()}
    releases, modules = found["releases"], found["modules"]
    in_release = set(_joined(modules, "project", "release", "module"))
    in_project = set(_joined(modules, "project", "module"))
    for name, columns, known in (
        ("failures", ("project", "module"), in_project),
        ("telemetry", ("project", "module"), in_project),
        ("dependencies", ("project", "release", "module"), in_release),
        ("dependencies", ("project", "release", "depends_on"), in_release),
        ("coverage", ("project", "release", "module"), in_release),
    ):
        found[name][f"{FACT}{columns[-1]} known"] = _joined(found[name], *columns).isin(known)
    names = _joined(releases, "project", "release")
    of_release = _joined(modules, "project", "release")
    modules[FACT + "release known"] = of_release.isin(set(names))
    counts = names.map(of_release.value_counts()).fillna(0).astype("float64")
    releases[FACT + "modules"] = counts
    releases[FACT + "has modules"] = counts > 0
    previous = counts[releases["released_at"].sort_values().index].groupby(releases["project"]).shift()
    releases[FACT + "growth"] = counts / previous.where(previous > 0)
    releases[FACT + "in order"] = _in_order(releases)
    found["criticality"][FACT + "matches"] = _matches(found["criticality"], in_project)
    _add_suites(found["coverage"])
    return found


def _joined(table: pd.DataFrame, *columns: str) -> "pd.Series[str]":
    """Several columns as one text."""
    joined = table[columns[0]]
    for column in columns[1:]:
        joined = joined + SEPARATOR + table[column]
    return joined


def _in_order(releases: pd.DataFrame) -> "pd.Series[bool]":
    """True unless a lower version came out later; names without digits have no order."""
    highest: dict[str, tuple[int, ...]] = {}
    rising = []
    by_date = releases.sort_values("released_at")
    for project, name in zip(by_date["project"], by_date["release"], strict=True):
        version = tuple(int(digits) for digits in re.findall(r"[0-9]+", name))
        before = highest.get(project, ())
        rising.append(not version or version >= before)
        highest[project] = max(before, version)
    return pd.Series(rising, index=by_date.index, dtype="bool")


def _matches(criticality: pd.DataFrame, in_project: set[str]) -> "pd.Series[bool]":
    """Whether a name or glob, case-sensitive, matches a module of its project."""
    modules: dict[str, list[str]] = {}
    for name in in_project:
        project, module = name.split(SEPARATOR, 1)
        modules.setdefault(project, []).append(module)
    found = []
    for project, glob in zip(criticality["project"], criticality["module"], strict=True):  # few rows, written by hand
        pattern = re.compile(fnmatch.translate(glob))
        found.append(f"{project}{SEPARATOR}{glob}" in in_project or any(map(pattern.match, modules.get(project, []))))
    return pd.Series(found, index=criticality.index, dtype="bool")


def _add_suites(coverage: pd.DataFrame) -> None:
    """For rows of suite `aggregate`: the lines of the largest single suite of the module, and of all; else missing."""
    single = coverage["suite"] != AGGREGATE
    key = ["project", "release", "module"]
    of_suites = coverage[single].groupby(key)["lines_covered"].agg(["max", "sum"]).reset_index()
    joined = coverage[key].merge(of_suites, on=key, how="left", validate="many_to_one")
    for fact, column in (("largest suite", "max"), ("all suites", "sum")):
        coverage[FACT + fact] = joined[column].astype("float64").mask(single, np.nan)
