import gzip

import pytest

from promotion_gate.collect.django import coverage, data_set, suites


def rows(module, *covered, release="4.2"):
    return [
        f"django,{release},{module},{suite},{lines},10,sqlite"
        for suite, lines in zip((*suites.SUITES, "aggregate"), covered, strict=True)
    ]


def test_table_leaves_out_what_is_never_loaded_and_what_is_no_module(tmp_path):
    lines = [
        ",".join(suites.COLUMNS),
        *rows("a.py", 0, 3, 0, 3),
        *rows("oracle.py", 0, 0, 0, 0),
        *rows("x.py", 1, 1, 1, 1),
    ]
    (tmp_path / "coverage_4.2.csv").write_text("\n".join(lines) + "\n")
    table, dropped = coverage.table(coverage.gather(tmp_path), {("4.2", "a.py"), ("4.2", "oracle.py")})
    assert [(row["module"], row["suite"], row["lines_covered"]) for row in table] == [
        ("a.py", "unit", "0"), ("a.py", "integration", "3"), ("a.py", "system", "0"), ("a.py", "aggregate", "3"),
    ]  # fmt: skip
    assert dropped == {"never loaded": 4, "not a module": 4}


def test_without_measurements_the_table_stays(tmp_path):
    kept = tmp_path / "coverage.csv.gz"
    kept.write_bytes(gzip.compress(b"as it was"))
    assert "kept as it is" in next(data_set.write_coverage(tmp_path, tmp_path / "none", set()))
    assert gzip.decompress(kept.read_bytes()) == b"as it was"


def test_other_columns_are_refused(tmp_path):
    (tmp_path / "coverage_4.2.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"coverage_4\.2\.csv: expected the columns project,"):
        coverage.gather(tmp_path)


def test_series_that_were_not_measured_again_stay(tmp_path):
    work, raw = tmp_path / "work", tmp_path / "raw"
    work.mkdir()
    known = {("4.2", "a.py"), ("5.0", "a.py")}
    head = ",".join(suites.COLUMNS)
    (work / "coverage_4.2.csv").write_text("\n".join([head, *rows("a.py", 1, 1, 1, 1)]) + "\n")
    (work / "coverage_5.0.csv").write_text("\n".join([head, *rows("a.py", 2, 2, 2, 2, release="5.0")]) + "\n")
    assert list(data_set.write_coverage(raw, work, known)) == [
        "coverage.csv.gz: 8 rows; left out: {'never loaded': 0, 'not a module': 0}"
    ]
    (work / "coverage_5.0.csv").unlink()
    (work / "coverage_4.2.csv").write_text("\n".join([head, *rows("a.py", 3, 3, 3, 3)]) + "\n")
    list(data_set.write_coverage(raw, work, known))
    assert {(row["release"], row["lines_covered"]) for row in coverage.present(raw / "coverage.csv.gz")} == {
        ("4.2", "3"),
        ("5.0", "2"),
    }
