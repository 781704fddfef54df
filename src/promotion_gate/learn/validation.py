"""Great Expectations over the raw tables. The only module that imports it: that takes 5 to 10 s."""

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.raw_types import shorten
from promotion_gate.learn.validation_rules import FACT, Rule, Severity, rules, with_facts
from promotion_gate.schema import CONTRACTS

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when a context is made: nothing is sent home
with warnings.catch_warnings():
    # It imports sre_constants, which Python 3.11 deprecates and 3.13 has no more.
    warnings.filterwarnings("ignore", message=r"module 'sre_\w+' is deprecated", category=DeprecationWarning)
    import great_expectations as gx
    import great_expectations.expectations as gxe

MAX_KEY = 250
"""Characters of a key's part that are shown: paths are long, and half a path names no row."""

# SUMMARY names the first offending row's index; COMPLETE would list all of them, in text.
RESULT = {"result_format": "SUMMARY", "partial_unexpected_count": 1}


@dataclass(frozen=True)
class Example:
    """The first row that breaks an expectation: its key (column -> value) and what stands in the column, as text."""

    key: Mapping[str, str]
    value: str


@dataclass(frozen=True)
class Check:
    """The result of one expectation.

    Attributes:
        table, column: what was looked at; column "" is the table as a whole.
        expectation: completes "expected ...".
        type: the name that Great Expectations gives it.
        severity: `error` stops a run, `warning` does not. An expectation that could not be computed is an error.
        success: whether it holds.
        rows: rows looked at.
        unexpected: rows that break it; an expectation with a tolerance may succeed with some.
        example: the first of these, None if there is none.
        exception: what went wrong inside Great Expectations, else None.
    """

    table: str
    column: str
    expectation: str
    type: str
    severity: Severity
    success: bool
    rows: int
    unexpected: int
    example: Example | None
    exception: str | None

    def line(self) -> str:
        """Return one line: where, what was found, what was expected."""
        column = f": column {self.column}" if self.column else ""
        if self.exception:
            return f"{self.table}{column}: could not be checked ({self.exception}), expected {self.expectation}"
        if self.example is None:
            return f"{self.table}{column}: {self.rows:,} rows, expected {self.expectation}"
        key = ", ".join(self.example.key.values())
        more = f" ({self.unexpected:,} of {self.rows:,} rows)" if self.unexpected > 1 else ""
        return f"{self.table}: row {key}{column}: {self.example.value}, expected {self.expectation}{more}"


@dataclass(frozen=True)
class Report:
    """All results, in the order of the tables; rows of each table."""

    rows: Mapping[str, int]
    checks: tuple[Check, ...]

    def failed(self, severity: Severity) -> list[Check]:
        """Return the checks of that severity that do not hold."""
        return [check for check in self.checks if not check.success and check.severity == severity]

    @property
    def success(self) -> bool:
        """Whether the run may go on."""
        return not self.failed("error")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"success": self.success, "rows": dict(self.rows), "checks": [asdict(check) for check in self.checks]}


def validate(tables: Mapping[str, pd.DataFrame], *, now: pd.Timestamp, modules_per_release: tuple[int, int]) -> Report:
    """Check the typed tables of `ingest`, each and across.

    Args:
        tables: one frame for each of `schema.CONTRACTS`; a table without rows is not looked into if it is optional.
        now: with time zone; nothing may be later.
        modules_per_release: least and most modules of a release, inclusive.

    Raises:
        InputError: a table or a column of its contract is missing.
    """
    for name, contract in CONTRACTS.items():
        lacking = [column for column in contract.columns if name not in tables or column not in tables[name].columns]
        if lacking:
            raise InputError(f"{name}: column {lacking[0]} is missing, expected {', '.join(contract.columns)}")
    facts = with_facts({name: tables[name] for name in CONTRACTS})
    by_table: dict[str, list[Rule]] = {}
    for rule in rules(facts, now, modules_per_release):
        by_table.setdefault(rule.table, []).append(rule)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    source = context.data_sources.add_pandas("raw")
    checks: list[Check] = []
    for name, contract in CONTRACTS.items():
        if len(facts[name]) or not contract.optional:
            whole = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
            batch = whole.get_batch(batch_parameters={"dataframe": facts[name]})
            checks += _check(batch, facts[name], by_table[name])
    return Report({name: len(tables[name]) for name in CONTRACTS}, tuple(checks))


def _check(batch: Any, table: pd.DataFrame, table_rules: list[Rule]) -> Iterator[Check]:
    # The results come in an order of their own: each carries the number of its rule.
    suite = gx.ExpectationSuite(
        name=table_rules[0].table,
        expectations=[
            getattr(gxe, rule.expectation)(**rule.arguments, meta={"rule": number})
            for number, rule in enumerate(table_rules)
        ],
    )
    with warnings.catch_warnings():
        # It takes `.values` of time columns, which pandas deprecates: the comparison stays right either way.
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray that drops timezone")
        validated = batch.validate(suite, result_format=RESULT)
    results = {found.expectation_config.meta["rule"]: found for found in validated.results}
    for number, rule in enumerate(table_rules):
        yield _to_check(rule, results[number], table)


def _to_check(rule: Rule, found: Any, table: pd.DataFrame) -> Check:
    exception = _exception(found.exception_info or {})
    result = found.result or {}
    indices = result.get("partial_unexpected_index_list") or []
    return Check(
        table=rule.table,
        column="" if rule.column.startswith(FACT) else rule.column,
        expectation=rule.expected,
        type=found.expectation_config.type,
        severity="error" if exception else rule.severity,
        success=bool(found.success),
        rows=len(table),
        unexpected=int(result.get("unexpected_count", 0)),
        example=_example(rule, table.loc[indices[0]]) if indices else None,
        exception=exception,
    )


def _exception(info: Mapping[str, Any]) -> str | None:
    """The message of an internal exception: Great Expectations nests one for each metric, or has one for all."""
    for part in (info, *(value for value in info.values() if isinstance(value, Mapping))):
        if part.get("raised_exception"):
            return " ".join(str(part.get("exception_message")).split())[:200]
    return None


def _example(rule: Rule, row: "pd.Series[Any]") -> Example:
    key = {column: shorten(_text(row[column]), MAX_KEY) for column in CONTRACTS[rule.table].key}
    shown = rule.column.split(", ")
    return Example(key, shorten(", ".join(_text(row[column]) for column in shown)))


def _text(value: Any) -> str:
    if pd.isna(value):
        return "nothing"
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)
