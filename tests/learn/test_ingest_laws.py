"""What holds for any file: nothing is lost, nothing changes on the way through, nothing but a result or one line."""

import csv
import gzip
import io
import pathlib
import tempfile

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion_gate.errors import InputError
from promotion_gate.learn.ingest import read_raw, read_table
from promotion_gate.schema import CONTRACTS
from tests.factories import tiny_tables

MODULES = ("project", "release", "module", "loc", "note")
value = st.one_of(
    st.sampled_from(
        ["", "p", "q", "1", "-1", "1e5", "nan", "x,y", '"', "a\nb", "\x00", "\r", "2020-01-01", "m" * 1500]
    ),
    st.text(st.characters(codec="utf-8"), max_size=6),
)


@given(st.lists(st.lists(value, min_size=1, max_size=7), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_accepted_and_rejected_are_the_rows_of_the_file(rows: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerow(MODULES)
    writer.writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "modules.csv")
        path.write_bytes(stream.getvalue().encode())
        typed = read_table(path, CONTRACTS["modules"])
    assert len(typed.accepted) + len(typed.rejects) == len(rows)
    assert typed.rejects["row"].is_unique
    assert not typed.accepted.duplicated(["project", "release", "module"]).any()
    assert all(text.isprintable() and len(text) <= 80 for text in typed.rejects["value"])


@given(st.lists(st.lists(value, min_size=5, max_size=5), max_size=8))
@settings(max_examples=40, deadline=None)
def test_its_own_output_passes_unchanged(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "modules.csv")
        table = pd.DataFrame([["p", "1", "m", "0", "x"], *rows], columns=list(MODULES))
        table.to_csv(path, index=False, quoting=csv.QUOTE_ALL)
        once = read_table(path, CONTRACTS["modules"]).accepted
        once.to_parquet(path.with_suffix(".parquet"), index=False)
        again = read_table(path.with_suffix(".parquet"), CONTRACTS["modules"])
    assert again.rejects.empty
    pd.testing.assert_frame_equal(once, again.accepted)


def test_all_tables_pass_unchanged_as_parquet(tmp_path: pathlib.Path) -> None:
    for name, table in tiny_tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet", index=False)
    again = read_raw(tmp_path)
    assert again.rejects.empty
    for name, table in tiny_tables().items():
        pd.testing.assert_frame_equal(again.tables[name], table)


def _files() -> st.SearchStrategy[tuple[str, bytes]]:
    line = st.lists(value, max_size=6).map(",".join)
    text = st.lists(line, max_size=8).map(lambda lines: "\n".join([",".join(MODULES), *lines]).encode())
    plain = st.one_of(st.binary(max_size=200), text, st.tuples(text, st.binary(max_size=20)).map(b"".join))
    packed = st.one_of(plain.map(gzip.compress), plain.map(lambda data: gzip.compress(data)[:-5]), plain)
    valid = io.BytesIO()
    pd.DataFrame([["p", "1", "m", 1.0, "x"]] * 3, columns=list(MODULES)).to_parquet(valid, index=False)
    written = valid.getvalue()
    place = st.integers(4, len(written) - 9)
    parquet = st.tuples(place, st.binary(min_size=1, max_size=4)).map(
        lambda change: written[: change[0]] + change[1] + written[change[0] + len(change[1]) :]
    )
    return st.one_of(
        st.tuples(st.just(".csv"), plain),
        st.tuples(st.just(".csv.gz"), packed),
        st.tuples(st.just(".parquet"), st.one_of(parquet, plain)),
    )


@given(_files())
@settings(max_examples=120, deadline=None)
def test_any_bytes_give_a_result_or_one_line(file: tuple[str, bytes]) -> None:
    suffix, content = file
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, f"modules{suffix}")
        path.write_bytes(content)
        try:
            said = ""
            read_table(path, CONTRACTS["modules"])
        except InputError as error:
            said = str(error)
    assert len(said.splitlines()) <= 1
