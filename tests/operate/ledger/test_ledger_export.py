"""What production showed becomes raw tables that ingest reads; nothing that was there is lost."""

import csv
import gzip
import pathlib

import pandas as pd
import pytest

from promotion_gate.errors import InputError
from promotion_gate.learn.ingest import read_raw
from promotion_gate.operate.ledger import deployments, promotions, records, reviews
from promotion_gate.operate.ledger.export import DECISIONS, export
from tests.factories import tiny_tables, write_raw
from tests.operate.ledger.cases import (
    BLOCKED,
    HOUR,
    INSUFFICIENT,
    NOW,
    POLICY,
    do,
    failure,
    overruling,
    request,
    stable,
    telemetry,
)


def tell(ledger, *told):
    for one in told:
        with ledger.write("monitor", NOW) as writer:
            command = records.record_telemetry if hasattr(one, "windows") else records.record_failure
            command(writer, one)


def exported(ledger, folder):
    with ledger.read() as queries:
        return export(queries, folder)


def rows(file):
    with gzip.open(file, "rt", newline="") if file.suffix == ".gz" else file.open(newline="") as text:
        return list(csv.DictReader(text))


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_is_exported_is_read_by_ingest_and_nothing_is_lost(ledger, tmp_path):
    before = read_raw(write_raw(tmp_path / "raw", tiny_tables())).tables
    promotion = stable(ledger)
    tell(ledger, failure(promotion=promotion.id, version="1"), failure("2", resolved_at=NOW + HOUR), telemetry())
    done = exported(ledger, tmp_path / "raw")
    assert [(one.file.name, one.from_ledger) for one in done] == [
        ("failures.csv", 2),
        ("telemetry.csv", 1),
        ("decisions.csv", 1),
    ]
    read = read_raw(tmp_path / "raw")
    assert not len(read.rejects)
    for name in ("failures", "telemetry"):
        kept = read.tables[name].head(len(before[name]))[before[name].columns]
        pd.testing.assert_frame_equal(kept, before[name], check_dtype=False)
    last = read.tables["failures"].tail(2)
    assert last["failure_id"].tolist() == ["pager:1", "pager:2"]
    assert last["occurred_at"].tolist() == [pd.Timestamp(NOW)] * 2
    assert last["resolved_at"].tolist() == [pd.NaT, pd.Timestamp(NOW + HOUR)]
    assert last["source"].tolist() == ["pager", "pager"]
    assert read.tables["telemetry"].iloc[-1]["requests"] == 10.0


def test_a_second_export_writes_the_same_bytes_and_what_changed_replaces_its_row(ledger, tmp_path):
    request(ledger, INSUFFICIENT)
    tell(ledger, failure(), telemetry())
    exported(ledger, tmp_path)
    first = contents(tmp_path)
    assert sorted(first) == ["decisions.csv", "failures.csv", "telemetry.csv"]
    exported(ledger, tmp_path)
    assert contents(tmp_path) == first
    tell(ledger, failure("0"), failure(resolved_at=NOW + HOUR), telemetry("b2", requests=7.0))
    exported(ledger, tmp_path)
    assert [(row["failure_id"], row["resolved_at"]) for row in rows(tmp_path / "failures.csv")] == [
        ("pager:1", "2026-01-31T10:00:00Z"),
        ("pager:0", ""),
    ]
    assert [row["requests"] for row in rows(tmp_path / "telemetry.csv")] == ["7.0"]


def test_evidence_is_words_or_json_in_a_cell(ledger, tmp_path):
    words = 'a "trace",\r\nwith lines'
    tell(ledger, failure(evidence=words), failure("2", evidence={"errors": 3, "window": "10 s"}), failure("3"))
    exported(ledger, write_raw(tmp_path / "raw", tiny_tables()))
    cells = [row["evidence"] for row in rows(tmp_path / "raw" / "failures.csv")[-3:]]
    assert cells == [words, '{"errors":3,"window":"10 s"}', ""]
    read = read_raw(tmp_path / "raw")
    assert not len(read.rejects)
    assert read.tables["failures"]["evidence"].tolist()[-3] == words


def test_versions_side_by_side_make_one_row_of_a_window_for_the_raw_table_s_key_is_the_window(ledger, tmp_path):
    told = {"errors": 1.0, "latency_p95_s": 0.2, "load": 0.5}
    more = {"errors": 2.0, "latency_p95_s": 0.3, "load": 0.25, "cpu_seconds": 4.0}
    tell(
        ledger,
        telemetry("1", version="1", **told),
        telemetry("2", version="2", requests=5.0, latency_buckets={"+Inf": 5}, **more),
        telemetry("3", version="2", start=NOW + HOUR),
        telemetry("4", start=NOW + 2 * HOUR),
    )
    exported(ledger, write_raw(tmp_path / "raw", tiny_tables()))
    names = ("requests", "errors", "latency_p95_s", "cpu_seconds", "load", "version")
    assert [tuple(row[name] for name in names) for row in rows(tmp_path / "raw" / "telemetry.csv")[-3:]] == [
        ("15.0", "3.0", "0.3", "4.0", "0.5", "1, 2"),
        ("10.0", "", "", "", "", "2"),
        ("10.0", "", "", "", "", ""),
    ]
    assert not len(read_raw(tmp_path / "raw").rejects)


def test_decisions_say_who_decided_and_with_which_probability_the_policy_did(ledger, tmp_path):
    stable(ledger, "a.py")
    request(ledger, INSUFFICIENT, "b.py")
    overridden = request(ledger, INSUFFICIENT, "c.py").id
    do(ledger, promotions.override, overridden, overruling(module="c.py"), POLICY)
    reviewed = request(ledger, BLOCKED, "d.py").id
    do(ledger, reviews.open_review, reviewed, reviewers_needed=1)
    do(ledger, reviews.review, reviewed, "refuse", "no", actor="ann")
    request(ledger, INSUFFICIENT, "e.py", overruling=overruling("hotfix", "e.py"))
    rolled = stable(ledger, "f.py").id
    do(ledger, deployments.roll_back, rolled, "500s")
    exported(ledger, tmp_path)
    found = rows(tmp_path / "decisions.csv")
    assert tuple(found[0]) == DECISIONS
    assert [(row["module"], row["kind"], row["propensity"], row["state"]) for row in found] == [
        ("a.py", "verdict", "1.0", "stable"),
        ("b.py", "verdict", "0.0", "insufficient"),
        ("c.py", "override", "", "overridden"),
        ("d.py", "review", "", "refused"),
        ("e.py", "hotfix", "", "overridden"),
        ("f.py", "verdict", "1.0", "rolling-back"),
    ]
    assert found[1]["status"] == "Insufficient Coverage"
    assert (found[1]["fis"], found[1]["required_coverage"], found[1]["decided_at"]) == (
        "0.1",
        "0.8",
        "2026-01-31T09:00:00Z",
    )


def test_tables_that_are_there_keep_rows_columns_and_packing(ledger, tmp_path):
    row = 'x,shop,"a,b.py",low,2020-01-01,,"say ""no"""'
    kept = f"failure_id,project,module,severity,occurred_at,resolved_at,note\n{row}\n"
    with gzip.open(tmp_path / "failures.csv.gz", "wt") as packed:
        packed.write(kept)
    window = "2026-01-31T09:00:00Z,2026-01-31T10:00:00+00:00"
    header = "load,project,module,window_start,window_end,requests,errors,latency_p95_s,cpu_seconds"
    (tmp_path / "telemetry.csv").write_text(
        f"{header}\n0.5,shop,cart.py,{window},1,2,3,4\n0.1,shop,b.py,{window},,,,\n"
    )
    tell(ledger, failure(), telemetry())
    exported(ledger, tmp_path)
    first, second = rows(tmp_path / "failures.csv.gz")
    assert (first["module"], first["note"], first["source"]) == ("a,b.py", 'say "no"', "")
    assert (second["failure_id"], second["note"]) == ("pager:1", "")
    one, other = rows(tmp_path / "telemetry.csv")
    assert (one["requests"], one["module"], other["load"]) == ("10.0", "cart.py", "0.1")
    again = contents(tmp_path)
    exported(ledger, tmp_path)
    assert contents(tmp_path) == again


def test_an_empty_ledger_writes_nothing(ledger, tmp_path):
    assert exported(ledger, tmp_path / "raw") == []
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "failures.csv",
            b"failure_id,project,module\n1,shop\n",
            "line 2: 2 fields, the header has 3; an export would lose",
        ),
        (
            "failures.csv",
            b"failure_id,module\n1,a.py\n",
            "column project is missing, expected project, failure_id, module",
        ),
        ("failures.parquet", b"PAR1", "an export is merged into CSV alone; write the table as failures.csv"),
        ("failures.csv", b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_table_that_cannot_be_merged_is_left_as_it_is(ledger, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    tell(ledger, failure())
    with pytest.raises(InputError, match=said):
        exported(ledger, tmp_path)
    assert contents(tmp_path) == {name: content}


def test_two_files_of_one_table_are_refused(ledger, tmp_path):
    for name in ("failures.csv", "failures.csv.gz"):
        pathlib.Path(tmp_path / name).write_bytes(b"")
    tell(ledger, failure())
    with pytest.raises(InputError, match=r"failures.csv and failures.csv.gz are both table failures"):
        exported(ledger, tmp_path)
