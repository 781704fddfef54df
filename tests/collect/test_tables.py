import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect import tables

ROWS = [{"a": 2, "b": 0.1 + 0.2}, {"a": 10, "b": None}]


def test_equal_tables_have_equal_bytes(tmp_path):
    one, other = tmp_path / "one.csv.gz", tmp_path / "other.csv.gz"
    assert tables.write(one, ("a", "b"), ROWS) == tables.write(other, ("a", "b"), reversed(ROWS)) == 2
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == b"a,b\n10,\n2,0.3\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv.gz", "other.csv.gz"]


def test_plain_and_empty(tmp_path):
    assert tables.write(tmp_path / "t.csv", ("a", "b"), []) == 0
    assert (tmp_path / "t.csv").read_text() == "a,b\n"


def test_a_row_without_a_column_is_an_error():
    with pytest.raises(KeyError):
        tables.encode(("a", "c"), ROWS)


def test_utc():
    assert tables.utc(0.9) == "1970-01-01T00:00:00Z"


@given(st.lists(st.tuples(st.text(alphabet="ab\n,\"'"), st.integers())), st.randoms())
def test_order_of_rows_does_not_matter(pairs, random):
    rows = [{"a": text, "b": count} for text, count in pairs]
    shuffled = random.sample(rows, len(rows))
    assert tables.encode(("a", "b"), rows) == tables.encode(("a", "b"), shuffled)
