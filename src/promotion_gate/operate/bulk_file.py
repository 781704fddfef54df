"""Parquet file of requests -> Parquet file of verdicts, a part at a time: memory does not grow with the file."""

import contextlib
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from promotion_gate.decide.bulk import STATUSES, verdicts
from promotion_gate.decide.bulk_input import bad_row
from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Rules

ROWS = 2**17
"""Requests that are held at a time."""

KEYS = ("project", "module")
TEXTS = ("version", "category", "level")
NUMBERS = ("fis", "surcharge", "coverage")
WHOLE = ("lines_covered", "lines_total", "lines_required", "additional_lines")


def decide_file(
    source: pathlib.Path,
    target: pathlib.Path,
    rules: Rules,
    scores: Mapping[tuple[str, str], float],
    level: str = "production",
) -> dict[str, int]:
    """Decide on every request of a Parquet file.

    The source holds a row a request with the columns project and module; optionally version, category, level, fis
    (share), surcharge (share), and coverage (share) or the lines by suite as covered_SUITE and total_SUITE. Other
    columns are not read. The target holds, in the same order, project, module, version where given, level, fis, and
    the columns of `bulk.verdicts`; the policy's version and source are in the file's metadata.

    Args:
        source: Parquet file to read.
        target: Parquet file to write; it is there whole or, after an error, as it was before.
        rules: whose policy decides.
        scores: Failure Impact Score by (project, module), of rows that give none; a module that is not in it is
            unknown, and blocked.
        level: target level of rows that give none.

    Returns:
        How many requests have each status, in the order of `bulk.STATUSES`.

    Raises:
        InputError: the file cannot be read or has no row, a column is missing or of a wrong type, or a value is out of
            range; names column and first row, the first of the file being 1.
    """
    counts: Counter[str] = Counter()
    part = target.with_name(target.name + ".part")
    try:
        with contextlib.ExitStack() as closing:
            writer = None
            for number, batch in _batches(source):
                made = _decided(batch, number, rules, scores, level)
                counts.update({str(one["values"]): one["counts"].as_py() for one in pc.value_counts(made["status"])})
                if writer is None:
                    told = {"policy_version": rules.version, "policy_source": rules.source}
                    schema = made.schema.with_metadata(told)
                    writer = closing.enter_context(pq.ParquetWriter(part, schema, compression="zstd"))
                writer.write_table(made.replace_schema_metadata(writer.schema.metadata))
        if not counts:
            raise InputError(f"{source}: no request")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return {status: counts[status] for status in STATUSES}


def _batches(source: pathlib.Path) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The columns that are looked at, some rows at a time, each with the number of its first row."""
    try:
        file = pq.ParquetFile(source)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{source}: cannot be read as Parquet: {error}") from None
    with file:
        names = file.schema_arrow.names
        for key in KEYS:
            if key not in names:
                raise InputError(f"{source}: column {key} is missing; requests name project and module")
        wanted = [*KEYS, *TEXTS, *NUMBERS]
        read = [name for name in names if name in wanted or name.startswith(("covered_", "total_"))]
        number = 1
        for batch in file.iter_batches(batch_size=ROWS, columns=read):
            if len(batch):
                yield number, batch
            number += len(batch)


def _decided(
    batch: pa.RecordBatch, number: int, rules: Rules, scores: Mapping[tuple[str, str], float], level: str
) -> pa.Table:
    columns = {name: _column(name, batch.column(name)) for name in batch.schema.names}
    for key in KEYS:
        if columns[key].null_count:
            raise bad_row(key, number + columns[key].is_null().index(True).as_py(), "a name is expected, it is empty")
    index = pd.RangeIndex(number, number + len(batch))
    looked_at = {name: column for name, column in columns.items() if name not in (*KEYS, "version")}
    requests = pa.table(looked_at).to_pandas().set_index(index) if looked_at else pd.DataFrame(index=index)
    if "level" in columns:
        requests["level"] = requests.level.fillna(level)
    else:
        requests["level"] = pd.Categorical.from_codes([0] * len(batch), categories=pd.Index([level]))
    requests["fis"] = _scored(requests, columns, scores)
    made = verdicts(requests, rules.policy)
    found = {name: columns[name] for name in (*KEYS, "version") if name in columns}
    found["level"], found["fis"] = pa.array(requests.level.astype("str"), pa.string()), _floats(requests.fis)
    for name in map(str, made.columns):
        if name in WHOLE:
            found[name] = _floats(made[name]).cast(pa.int64())
        elif isinstance(made[name].dtype, pd.CategoricalDtype):
            found[name] = pa.array(made[name]).cast(pa.string())
        else:
            found[name] = _floats(made[name])
    return pa.table(found)


def _column(name: str, column: pa.Array) -> pa.Array:
    """A column as text or floats, however the file holds it. InputError where it holds something else."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    as_text = name in (*KEYS, *TEXTS)
    fits = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if not as_text:
        fits = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (fits or pa.types.is_null(kind)):
        raise InputError(f"{name}: {'text is' if as_text else 'numbers are'} expected, not {kind}")
    return column.cast(pa.string() if as_text else pa.float64(), safe=False)


def _scored(
    requests: pd.DataFrame, columns: Mapping[str, pa.Array], scores: Mapping[tuple[str, str], float]
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The scores of the requests, their own first, NaN where there is none."""
    rows = len(requests)
    given = requests["fis"].to_numpy(np.float64, copy=True) if "fis" in requests else np.full(rows, np.nan)
    lacking = np.flatnonzero(np.isnan(given))
    if len(lacking) and scores:
        names = zip(*(columns[key].take(pa.array(lacking)).to_pylist() for key in KEYS), strict=True)
        given[lacking] = [scores.get(name, np.nan) for name in names]
    return given


def _floats(column: "pd.Series[float]") -> pa.Array:
    return pa.array(column.to_numpy(np.float64), pa.float64(), from_pandas=True)
