"""Requests from Parquet to Parquet: columns, scores, errors, and that the parts add up to the whole."""

import pathlib
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promotion_gate import params
from promotion_gate.decide.bulk import verdicts
from promotion_gate.decide.policy import policy_version
from promotion_gate.errors import InputError
from promotion_gate.operate import bulk_file
from promotion_gate.operate.bulk_file import decide_file
from promotion_gate.operate.gate import Rules

READ = params.load(pathlib.Path(__file__).resolve().parents[2] / "params.yaml")
RULES = Rules(READ.impact, READ.policy, policy_version(READ.impact, READ.policy), "params.yaml")


def written(folder, **columns):
    rows = max((len(column) for column in columns.values()), default=1)
    table = {"project": ["shop"] * rows, "module": [f"m{number}" for number in range(rows)], **columns}
    path = folder / "requests.parquet"
    pq.write_table(pa.table(table), path)
    return path


def decided(source, scores=None, level="production"):
    target = source.with_name("decisions.parquet")
    counts = decide_file(source, target, RULES, scores or {}, level)
    return pd.read_parquet(target), counts


def test_rows_without_score_take_the_stored_one_and_others_keep_theirs(tmp_path):
    source = written(tmp_path, fis=[0.9, None, None], coverage=[0.85, 0.85, 0.85])
    found, counts = decided(source, {("shop", "m0"): 0.0, ("shop", "m1"): 0.1})
    assert found.fis.tolist()[:2] == [0.9, 0.1]
    assert found.band.tolist() == ["blocked", "negligible", "unknown"]
    assert list(counts.values()) == [1, 0, 2]


def test_without_level_the_default_counts_and_keys_are_carried_along(tmp_path):
    source = written(tmp_path, level=["staging", None], version=["1", None], coverage=[0.7, 0.7], fis=[0.0, 0.0])
    found, _ = decided(source)
    assert found.columns.tolist()[:5] == ["project", "module", "version", "level", "fis"]
    assert found.level.tolist() == ["staging", "production"]
    assert found.status.tolist() == ["Promote", "Insufficient Coverage"]
    assert decided(written(tmp_path, coverage=[0.7], fis=[0.0]), level="staging")[0].base_coverage.tolist() == [0.7]


def test_the_policy_s_version_is_in_the_metadata(tmp_path):
    decided(source := written(tmp_path, coverage=[0.7]))
    told = pq.read_schema(source.with_name("decisions.parquet")).metadata
    assert told[b"policy_version"].decode() == RULES.version


def test_counts_and_shares_may_be_of_any_number_type_and_text_a_dictionary(tmp_path):
    source = written(
        tmp_path,
        category=pa.array(["shared", None]).dictionary_encode(),
        fis=pa.array([Decimal("0.30"), None], pa.decimal128(5, 2)),
        covered_unit=pa.array([88, None], pa.int16()),
        total_unit=pa.array([100, None], pa.uint32()),
    )
    found, _ = decided(source)
    assert found.status.tolist()[0] == "Promote"
    assert found.lines_required.tolist()[0] == 88
    assert found.reasons.tolist() == ["coverage-met", "unknown-module no-coverage"]


def test_parts_add_up_to_the_whole(tmp_path, monkeypatch):
    random = np.random.default_rng(3)
    columns = {"fis": random.random(50).round(2), "coverage": random.random(50).round(2)}
    source = written(tmp_path, **columns)
    whole, counts = decided(source)
    monkeypatch.setattr(bulk_file, "ROWS", 7)
    parts, again = decided(source)
    pd.testing.assert_frame_equal(whole, parts)
    assert counts == again
    direct = verdicts(pd.DataFrame({**columns, "level": "production"}), READ.policy)
    assert whole.status.tolist() == direct.status.tolist()
    assert whole.required_coverage.tolist() == pytest.approx(direct.required_coverage.tolist(), nan_ok=True, abs=0)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"coverage": [0.5] * 8 + [2.0]}, "coverage: row 9: a share between 0 and 1 is expected, not 2.0"),
        ({"coverage": ["much"]}, "coverage: numbers are expected, not string"),
        ({"coverage": [True]}, "coverage: numbers are expected, not bool"),
        ({"level": [3]}, "level: text is expected, not int64"),
        ({"project": ["shop", None]}, "project: row 2: a name is expected, it is empty"),
        ({"level": ["production", "moon"]}, "level: row 2: level 'moon' is not in the policy"),
        ({"module": pa.array([], pa.string()), "project": pa.array([], pa.string())}, "{source}: no request"),
    ],
)
def test_what_is_wrong_is_one_line_with_column_and_row_and_leaves_no_file(tmp_path, monkeypatch, columns, said):
    monkeypatch.setattr(bulk_file, "ROWS", 4)
    source = written(tmp_path, **columns)
    with pytest.raises(InputError) as raised:
        decided(source)
    assert str(raised.value).startswith(said.format(source=source))
    assert [path.name for path in tmp_path.iterdir()] == ["requests.parquet"]


def test_a_file_without_keys_or_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"project": ["shop"]}), path)
    with pytest.raises(InputError, match="column module is missing"):
        decided(path)
    path.write_text("project,module\n")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        decided(path)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        decided(tmp_path / "none.parquet")
