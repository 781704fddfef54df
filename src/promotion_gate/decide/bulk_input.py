"""Columns of requests, checked: what is wrong is one line that names the column and the first row."""

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from promotion_gate.errors import InputError

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Reports = dict[str, tuple[Flags, Ints, Ints]]
"""By suite: where it reported, and its lines covered and in all (0 where it did not)."""

COUNT_LIMIT = 2**53
"""Lines from which on floats, which Parquet files may hold counts in, could not tell one line from the next."""


def bad_row(column: str, row: Hashable, message: str) -> InputError:
    """The error about a value in a column of a row."""
    return InputError(f"{column}: row {row}: {message}")


def texts(requests: pd.DataFrame, column: str, *, optional: bool = False) -> pd.Series:
    """Return a column of names as a category; all empty where it is optional and not there.

    Raises:
        InputError: the column is missing or holds something else than text, or a value is missing that must be there.
    """
    if column not in requests:
        if optional:
            return pd.Series(pd.Categorical([None] * len(requests), categories=[]), index=requests.index)
        raise InputError(f"column {column} is missing")
    found = requests[column]
    if found.isna().all():
        found = found.astype(object)
    elif not (types.is_string_dtype(found.dtype) or _holds_text(found)):
        raise InputError(f"{column}: text is expected, not {found.dtype}")
    made = found.astype("category").cat.remove_unused_categories()
    if not optional and made.isna().any():
        raise bad_row(column, requests.index[made.isna().to_numpy()][0], "a name is expected, it is empty")
    return made


def _holds_text(found: pd.Series) -> bool:
    return isinstance(found.dtype, pd.CategoricalDtype) and types.is_string_dtype(found.cat.categories.dtype)


def numbers(requests: pd.DataFrame, column: str, *, high: float | None, optional: bool = True) -> Floats:
    """Return a column of numbers from 0 to `high`, NaN where empty; all NaN where it is optional and not there.

    Raises:
        InputError: the column is missing or holds something else than numbers, or one is out of range.
    """
    if column not in requests:
        if optional:
            return np.full(len(requests), np.nan)
        raise InputError(f"column {column} is missing")
    found = requests[column]
    if found.isna().all():
        return np.full(len(requests), np.nan)
    if types.is_bool_dtype(found.dtype) or not types.is_numeric_dtype(found.dtype):
        raise InputError(f"{column}: numbers are expected, not {found.dtype}")
    values = found.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = (values < 0) | np.isinf(values) | (values > (np.inf if high is None else high))
    if wrong.any():
        first = int(np.argmax(wrong))
        expected = "a number of 0 or more" if high is None else f"a share between 0 and {high:g}"
        raise bad_row(column, requests.index[first], f"{expected} is expected, not {values[first]}")
    return values + 0.0  # -0.0 is 0


def reports_of(requests: pd.DataFrame) -> Reports:
    """Return the lines by suite from the columns covered_SUITE and total_SUITE.

    Raises:
        InputError: one column of a pair is missing, a value is no count, half of a pair is empty, more lines are
            covered than there are, or a row has a bare share as well.
    """
    found: Reports = {}
    suites = sorted({_suite(name) for name in requests.columns} - {""})
    for suite in suites:
        names = f"covered_{suite}", f"total_{suite}"
        covered, total = (_counts(requests, name) for name in names)
        reported = ~np.isnan(covered)
        _refuse(requests, names[0], reported != ~np.isnan(total), f"it and {names[1]} must both be given or empty")
        _refuse(requests, names[0], covered > total, f"more lines are covered than {names[1]} has")
        found[suite] = (reported, np.nan_to_num(covered).astype(np.int64), np.nan_to_num(total).astype(np.int64))
    if found and "coverage" in requests:
        any_report = np.any([reported for reported, _, _ in found.values()], axis=0)
        _refuse(
            requests, "coverage", any_report & requests.coverage.notna().to_numpy(), "lines by suite are given, too"
        )
    return found


def _suite(column: str) -> str:
    """The suite that a column tells of, empty where it tells of none."""
    kind, _, suite = str(column).partition("_")
    return suite if kind in ("covered", "total") else ""


def _counts(requests: pd.DataFrame, column: str) -> Floats:
    values = numbers(requests, column, high=None, optional=False)
    _refuse(requests, column, (values % 1 > 0) | (values >= COUNT_LIMIT), "a whole number of lines is expected")
    return values


def _refuse(requests: pd.DataFrame, column: str, wrong: Flags, message: str) -> None:
    if wrong.any():
        raise bad_row(column, requests.index[int(np.argmax(wrong))], message)
