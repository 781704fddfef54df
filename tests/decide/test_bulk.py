"""The vectorised verdicts on small examples, and what they refuse."""

import pathlib

import numpy as np
import pandas as pd
import pytest

from promotion_gate import params
from promotion_gate.decide.bulk import verdicts
from promotion_gate.errors import InputError

POLICY = params.load(pathlib.Path(__file__).resolve().parents[2] / "params.yaml").policy


def requests(**columns):
    rows = max(len(column) for column in columns.values())
    return pd.DataFrame({"level": ["production"] * rows, "fis": [0.1] * rows, **columns}, index=range(1, rows + 1))


def test_floats_are_read_as_the_decimals_that_people_write():
    found = verdicts(requests(fis=[0.2, 0.199999, 0.2], coverage=[0.88, 0.8, 0.8799999]), POLICY)
    assert found.required_coverage.tolist() == [0.88, 0.8, 0.88]
    assert found.status.tolist() == ["Promote", "Promote", "Insufficient Coverage"]
    assert found.reasons.tolist() == ["coverage-met", "coverage-met", "coverage-short"]


def test_whole_lines_are_rounded_in_the_module_s_favour():
    found = verdicts(requests(fis=[0.3, 0.3], covered_unit=[7.0, 6.0], total_unit=[8.0, 8.0]), POLICY)
    assert found.lines_required.tolist() == [7, 7]
    assert found.additional_lines.tolist() == [0, 1]
    assert found.status.tolist() == ["Promote", "Insufficient Coverage"]


def test_without_score_or_data_nothing_passes():
    found = verdicts(requests(fis=[np.nan, 0.1, 0.9], coverage=[1.0, np.nan, 1.0]), POLICY)
    assert [status.split()[0] for status in found.status] == ["Promotion", "Insufficient", "Promotion"]
    assert found.band.tolist() == ["unknown", "negligible", "blocked"]
    assert found.reasons.tolist() == ["unknown-module", "no-coverage", "blocked-band"]
    assert found.required_coverage.isna().tolist() == [True, False, True]


def test_a_suite_in_any_environment_is_the_suite():
    strict = POLICY.model_copy(update={"required_suites": {"production": ("unit",)}})
    lines = {"covered_unit@py311": [9, np.nan], "total_unit@py311": [10, np.nan]}
    found = verdicts(requests(**lines, covered_aggregate=[10, 10], total_aggregate=[10, 10]), strict)
    assert found.status.tolist() == ["Promote", "Insufficient Coverage"]
    assert found.lines_covered.tolist()[0] == 10
    assert found.reasons.tolist() == ["coverage-met", "suite-missing"]


def test_no_request_is_no_verdict():
    none = requests(coverage=[0.5]).head(0)
    assert len(verdicts(none, POLICY)) == 0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"coverage": [0.5, 1.5]}, "coverage: row 2: a share between 0 and 1 is expected, not 1.5"),
        ({"coverage": ["0.5", "0.6"]}, "coverage: numbers are expected, not str"),
        ({"coverage": [True, False]}, "coverage: numbers are expected, not bool"),
        ({"fis": [0.1, -0.1]}, "fis: row 2: a share between 0 and 1 is expected, not -0.1"),
        ({"surcharge": [0.1, np.inf]}, "surcharge: row 2: a number of 0 or more is expected, not inf"),
        ({"level": ["production", "moon"]}, "level: row 2: level 'moon' is not in the policy"),
        ({"level": ["production", None]}, "level: row 2: a name is expected, it is empty"),
        ({"level": [1, 2]}, "level: text is expected, not int64"),
        ({"covered_unit": [1, 3], "total_unit": [2, 2]}, "covered_unit: row 2: more lines are covered than total_unit"),
        ({"covered_unit": [1, 1.5], "total_unit": [2, 2]}, "covered_unit: row 2: a whole number of lines"),
        ({"covered_unit": [1, 1], "total_unit": [2, np.nan]}, "covered_unit: row 2: it and total_unit must both"),
        ({"covered_unit": [1, 1]}, "column total_unit is missing"),
        (
            {"coverage": [np.nan, 0.5], "covered_unit": [1, 1], "total_unit": [2, 2]},
            "coverage: row 2: lines by suite are given, too",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_column_and_first_row(columns, said):
    with pytest.raises(InputError) as raised:
        verdicts(requests(**columns), POLICY)
    assert str(raised.value).startswith(said)


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="column fis is missing"):
        verdicts(requests(coverage=[0.5]).drop(columns="fis"), POLICY)
