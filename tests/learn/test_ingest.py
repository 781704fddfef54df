"""Rules of the ingest, each on the smallest table that shows it."""

import gzip
import hashlib
import pathlib
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promotion_gate.errors import InputError
from promotion_gate.learn.features import KEYS, featurize_all
from promotion_gate.learn.ingest import read_raw, read_table, refuse_mostly_rejected
from promotion_gate.learn.model import THRESHOLD
from promotion_gate.learn.raw_types import DERIVED, metric_name_fault
from promotion_gate.learn.tables import Tables
from promotion_gate.params import Featurize
from promotion_gate.schema import CONTRACTS
from tests.factories import tiny_tables

FAILURES = "failure_id,project,module,severity,occurred_at,resolved_at"


@pytest.fixture
def read(tmp_path: pathlib.Path):
    """Reads text or bytes as a table: (accepted, rejects)."""

    def reader(table: str, content: str | bytes, suffix: str = ".csv"):
        path = tmp_path / f"{table}{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        typed = read_table(path, CONTRACTS[table])
        return typed.accepted, typed.rejects

    return reader


def failure(**changes: str) -> str:
    row = {"failure_id": "F", "project": "p", "module": "m", "severity": "low"}
    row |= {"occurred_at": "2020-01-01", "resolved_at": "2020-01-02", **changes}
    return f"{FAILURES}\nOTHER,p,m,high,2020-01-01,\n{','.join(row.values())}\n"


def test_tiny_tables_come_back_as_they_are(raw_folder: pathlib.Path) -> None:
    ingested = read_raw(raw_folder)
    assert ingested.rejects.empty
    assert list(ingested.tables) == list(CONTRACTS)
    for name, table in tiny_tables().items():
        pd.testing.assert_frame_equal(ingested.tables[name], table)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2020-02-03", "2020-02-03T00:00:00Z"),
        ("2020-02-03T04:05", "2020-02-03T04:05:00Z"),
        ("2020-02-03 04:05:06", "2020-02-03T04:05:06Z"),
        ("2020-02-03T04:05:06+02:00", "2020-02-03T02:05:06Z"),
        ("2020-02-03T04:05:06.123456789z", "2020-02-03T04:05:06.123456Z"),
        (" 2020-02-03T04:05:06-0530 ", "2020-02-03T09:35:06Z"),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(read, written: str, meant: str) -> None:
    accepted, _ = read("failures", failure(occurred_at=written))
    assert accepted["occurred_at"].dtype == "datetime64[us, UTC]"
    assert accepted["occurred_at"][1] == pd.Timestamp(meant)


@pytest.mark.parametrize(
    "changes",
    [
        {"occurred_at": "yesterday"},
        {"occurred_at": "2020-02-30"},
        {"occurred_at": "2020-01-01T25:00"},
        {"occurred_at": "2020"},
        {"occurred_at": "1577836800"},
        {"occurred_at": "9999-12-31"},
        {"occurred_at": ""},
        {"severity": "negligible"},
        {"severity": "Critical"},
        {"severity": ""},
        {"module": "  "},
        {"module": "a\x00b"},
        {"module": "a\x07b"},
        {"module": '"a\nb"'},
        {"module": "m" * 1025},
        {"project": ""},
    ],
)
def test_a_row_that_breaks_the_contract_is_set_aside_alone(read, changes: dict[str, str]) -> None:
    accepted, rejects = read("failures", failure(**changes))
    assert accepted["failure_id"].tolist() == ["OTHER"]
    assert rejects["row"].tolist() == [3]
    assert rejects["column"].tolist() == list(changes)
    assert len(rejects["value"][0]) <= 80
    assert rejects["value"][0].isprintable()


def test_a_failure_may_be_unresolved_and_may_be_known_before_it_occurred(read) -> None:
    accepted, rejects = read("failures", failure(resolved_at="2019-01-01"))
    assert rejects.empty
    assert pd.isna(accepted["resolved_at"][0])


@pytest.mark.parametrize(
    ("covered", "total", "reason"),
    [
        ("3", "2", "more than lines_total"),
        ("-1", "2", "negative"),
        ("1.5", "2", "not a whole number"),
        ("", "2", "empty"),
        ("many", "2", "not a finite number"),
        ("1e999", "2", "not a finite number"),
        ("0x1", "2", "not a finite number"),
    ],
)
def test_counts(read, covered: str, total: str, reason: str) -> None:
    header = "project,release,module,suite,lines_covered,lines_total"
    accepted, rejects = read("coverage", f"{header}\np,1,m,unit,1,2.0\np,1,m,system,{covered},{total}\n")
    assert accepted["lines_total"].dtype == "int64"
    assert accepted["lines_total"].tolist() == [2]
    assert rejects[["column", "reason"]].to_numpy().tolist() == [["lines_covered", reason]]


def test_shares_and_amounts(read) -> None:
    accepted, rejects = read("criticality", "project,module,criticality\np,a,0\np,b,1\np,c,1.01\np,d,-.1\np,e,nan\n")
    assert accepted["criticality"].tolist() == [0, 1]
    assert rejects["row"].tolist() == [4, 5, 6]


def test_the_first_of_several_rows_with_one_key_is_kept(read) -> None:
    accepted, rejects = read(
        "failures", f"{FAILURES}\nF,p,m,low,2020-01-01,\nF,p,n,low,2020-01-01,\nF,p,m,high,2020-01-01,\n"
    )
    assert accepted["severity"].tolist() == ["low", "low"]
    assert rejects.to_numpy().tolist() == [
        [4, "project, failure_id, module", "p, F, m", "duplicate of the row in line 2"]
    ]


def test_times_in_a_key_are_compared_as_times(read) -> None:
    header = ",".join(CONTRACTS["telemetry"].columns)
    rows = "p,m,2020-01-01,2020-01-02,,,,,\np,m,2020-01-01T00:00Z,2020-01-02,1,,,,\n"
    accepted, rejects = read("telemetry", f"{header}\n{rows}")
    assert len(accepted) == len(rejects) == 1
    assert np.isnan(accepted["load"][0])


def test_fields_more_and_fewer_and_quotes_gone_wrong(read) -> None:
    rows = (
        'p,1,2020-01-01\np,2\np,3,2020-01-01,x\n"p"x,4,2020-01-01\n\np,5,2020-01-01\np,"6,2020-01-01\np,7,2020-01-01\n'
    )
    accepted, rejects = read("releases", f"project,release,released_at\n{rows}")
    assert accepted["release"].tolist() == ["1", "5"]
    assert rejects["row"].tolist() == [3, 4, 5, 8]
    assert "never closed" in rejects["reason"][3]


def test_lines_are_counted_where_values_span_several(read) -> None:
    accepted, rejects = read(
        "releases", 'project,release,released_at,note\r\np,1,2020-01-01,"two\r\nlines"\r\np,2,never,\r\n'
    )
    assert accepted["note"].tolist() == ["two\r\nlines"]
    assert rejects["row"].tolist() == [4]


def test_metrics_are_numbers_where_most_are(read) -> None:
    header = "project,release,module,loc,team,tokens,empty"
    rows = "p,1,a,1,red,1,\np,1,b,,blue,2,\np,1,c,3,7,x,\np,1,d,-1,red,4,\np,1,e,many,red,5,\n"
    accepted, rejects = read("modules", f"{header}\n{rows}")
    assert accepted["module"].tolist() == ["a", "b"]
    assert accepted["team"].tolist() == ["red", "blue"]
    assert accepted["loc"].dtype == accepted["empty"].dtype == "float64"
    assert rejects[["row", "column", "reason"]].to_numpy().tolist() == [
        [4, "tokens", "not a finite number"],
        [5, "loc", "negative"],
        [6, "loc", "not a finite number"],
    ]


def test_a_metric_without_a_known_meaning_may_be_negative(read) -> None:
    accepted, _ = read("modules", "project,release,module,delta\np,1,a,-2.5e-3\n")
    assert accepted["delta"].tolist() == [-0.0025]


def test_further_columns_elsewhere_are_text_unless_all_are_numbers(read) -> None:
    accepted, rejects = read("releases", "project,release,released_at,a,b\np,1,2020-01-01,1,1\np,2,2020-01-01,,x\n")
    assert rejects.empty
    assert accepted["a"].dtype == "float64"
    assert accepted["b"].tolist() == ["1", "x"]


def test_a_line_without_end_is_one_reject_and_the_rest_is_read(read) -> None:
    content = f"project,release,released_at\np,1,2020-01-01\np,{'x' * 10_000_000},2020-01-01\np,3,2020-01-01\n"
    accepted, rejects = read("releases", content)
    assert accepted["release"].tolist() == ["1", "3"]
    assert rejects[["row", "reason"]].to_numpy().tolist() == [[3, "line longer than 1,048,576 characters"]]


@pytest.mark.parametrize(
    ("content", "suffix", "says"),
    [
        (b"", ".csv", "file is empty"),
        (b"\n", ".csv", "no header"),
        (b"project,release\np,1\n", ".csv", "column released_at is missing"),
        (b"project,release,released_at\n", ".csv", "header without rows"),
        (b"project,release,release,released_at\n", ".csv", "column release stands 2 times"),
        (b"project,release,released_at,\n", ".csv", "column 4 has no name"),
        (b"\x7fELF\x02\x01\x01\x00\x00\n", ".csv", "binary"),
        (b"\x89PNG\r\n\x1a\n", ".csv", "not UTF-8"),
        ("project,release\n".encode("utf-16"), ".csv", "not UTF-8"),
        ("project,release,released_at\np,Ü,2020-01-01".encode("latin-1"), ".csv", "not UTF-8"),
        (b"x" * 2_000_000, ".csv", "line 1 is longer"),
        (b'"project', ".csv", "header cannot be read"),
        (b"project,release,released_at\n", ".csv.gz", "not a gzip file"),
        (gzip.compress(b"project", mtime=0), ".csv", "not plain text"),
        (gzip.compress(b"project,release,released_at\n" * 99, mtime=0)[:-20], ".csv.gz", "broken gzip"),
        (b"\x1f\x8b\x08\x00 and no more", ".csv.gz", "broken gzip"),
        (b"project,release,released_at\n", ".parquet", "not a Parquet file"),
        (b"PAR1 and no more", ".parquet", "broken Parquet"),
    ],
)
def test_a_file_that_is_no_table_stops_with_one_line(read, content: bytes, suffix: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as stopped:
        read("releases", content, suffix)
    assert f"releases{suffix}" in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_a_byte_order_mark_is_no_part_of_the_header(read) -> None:
    accepted, _ = read("releases", b"\xef\xbb\xbfproject,release,released_at\np,1,2020-01-01\n")
    assert accepted.columns[0] == "project"


def test_parquet_with_types_of_its_own(tmp_path: pathlib.Path) -> None:
    day = 86_400_000_000
    times = pa.array([day, 2 * day], pa.timestamp("us", tz="Asia/Tokyo"))
    table = pa.table(
        {"project": ["p", None], "release": pa.array([1, 2]), "released_at": times, "big": [0.1 + 0.2, 1e300]}
    )
    pq.write_table(table, tmp_path / "releases.parquet")
    typed = read_table(tmp_path / "releases.parquet", CONTRACTS["releases"])
    assert typed.accepted.to_numpy().tolist() == [["p", "1", pd.Timestamp("1970-01-02T00:00Z"), 0.1 + 0.2]]
    assert typed.rejects[["row", "column"]].to_numpy().tolist() == [[3, "project"]]
    pq.write_table(table.append_column("nested", pa.array([[1], [2]])), tmp_path / "releases.parquet")
    with pytest.raises(InputError, match="column nested: type list"):
        read_table(tmp_path / "releases.parquet", CONTRACTS["releases"])


def test_a_table_has_one_file_and_optional_ones_may_have_none(raw_folder: pathlib.Path) -> None:
    (raw_folder / "telemetry.csv").unlink()
    empty = read_raw(raw_folder).tables["telemetry"]
    assert empty.empty
    assert (empty.dtypes == tiny_tables()["telemetry"].dtypes).all()
    (raw_folder / "modules.parquet").touch()
    with pytest.raises(InputError, match=r"modules\.csv and modules\.parquet are both table modules"):
        read_raw(raw_folder)
    (raw_folder / "modules.parquet").unlink()
    (raw_folder / "failures.csv").unlink()
    with pytest.raises(InputError, match="no table failures"):
        read_raw(raw_folder)
    with pytest.raises(InputError, match="no such folder"):
        read_raw(raw_folder / "elsewhere")


def test_data_hash_can_be_checked_by_hand(raw_folder: pathlib.Path) -> None:
    (raw_folder / "telemetry.csv").unlink()
    lines = [
        f"{name} {hashlib.sha256((raw_folder / f'{name}.csv').read_bytes()).hexdigest()}\n"
        for name in ("releases", "modules", "failures", "dependencies", "criticality", "coverage")
    ]
    ingested = read_raw(raw_folder)
    assert ingested.data_hash == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert ingested.files["modules"] == ("modules.csv", lines[1].split()[1])


def written_high(path: pathlib.Path, rows: int) -> None:
    """Write so many severities of the failures, from the last row up, as no level is written."""
    lines = path.read_text().splitlines()
    for number in range(len(lines) - rows, len(lines)):
        fields = lines[number].split(",")
        fields[3] = "High"
        lines[number] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")


def test_a_table_with_more_rejects_than_its_share_stops(raw_folder: pathlib.Path) -> None:
    path = raw_folder / "failures.csv"
    rows = len(path.read_text().splitlines()) - 1
    written_high(path, 2)
    with pytest.raises(InputError) as stopped:
        refuse_mostly_rejected(read_raw(raw_folder), Decimal("0.01"))
    assert str(stopped.value) == (
        f"failures.csv: 2 of {rows} rows of table failures cannot be read ({2 / rows:.2%}), expected 1% at most "
        "(ingest.max_rejected); mostly severity: unknown severity, expected low, medium, high, critical (2 rows, the "
        f"first in line {rows}); correct the file, or raise ingest.max_rejected in params.yaml"
    )
    refuse_mostly_rejected(read_raw(raw_folder), Decimal(2) / rows)


@pytest.mark.parametrize("share", ["0", "0.01"])
def test_one_row_may_always_be_rejected(raw_folder: pathlib.Path, share: str) -> None:
    written_high(raw_folder / "failures.csv", 1)
    ingested = read_raw(raw_folder)
    assert ingested.rejected["failures"] == 1
    refuse_mostly_rejected(ingested, Decimal(share))


def test_names_of_derived_features_are_those_that_are_made() -> None:
    tables = tiny_tables()
    made = set(featurize_all(Tables(**tables), Featurize(half_lives_days=(60, 180, 720))).columns)
    derived = {*made, THRESHOLD} - set(KEYS) - set(tables["modules"].columns)
    assert [name for name in sorted(derived) if metric_name_fault(name) is None] == []
    assert derived >= DERIVED


@pytest.mark.parametrize("name", [*sorted(DERIVED), "failures", "failures_90d", "loc_growth", "new_growth"])
def test_a_metric_with_the_name_of_a_derived_feature_is_refused(read, name: str) -> None:
    with pytest.raises(InputError) as stopped:
        read("modules", f"project,release,module,loc,{name}\np,1,a,1,2\n")
    assert str(stopped.value).endswith(
        f"modules.csv: column {name}: the pipeline derives the feature of this name itself, expected another name for "
        "a metric; rename the column"
    )


@pytest.mark.parametrize("name", ["a[1]", "b]", "<c"])
def test_a_metric_with_a_name_that_xgboost_refuses_is_refused(read, name: str) -> None:
    with pytest.raises(InputError) as stopped:
        read("modules", f"project,release,module,{name}\np,1,a,\n")
    assert str(stopped.value).endswith(
        f"modules.csv: column {name}: XGBoost refuses the name, expected one without [, ], < for a metric; rename the "
        "column"
    )


def test_names_of_derived_features_are_free_for_text_and_in_other_tables(read) -> None:
    accepted, _ = read("modules", "project,release,module,load,a[1],test_failures\np,1,a,heavy,x,3\n")
    assert accepted.iloc[0].tolist() == ["p", "1", "a", "heavy", "x", 3.0]
    accepted, _ = read("releases", "project,release,released_at,fan_in,a[1]\np,1,2020-01-01,2,3\n")
    assert accepted["fan_in"].tolist() == [2.0]
