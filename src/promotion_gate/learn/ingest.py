"""Raw folder -> typed tables, the rows that could not be read, and a hash that names the data.

Nothing is dropped in silence: of each file, rows accepted + rows rejected = rows of the file. What breaks the contract
as a whole (missing table or column, binary file) raises instead. What must hold between rows is left to `validation`.
"""

import hashlib
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.raw_file import Cells, read_cells
from promotion_gate.learn.raw_types import REJECT_COLUMNS, Typed, metric_name_fault, shorten, to_types
from promotion_gate.schema import CONTRACTS, TableContract

SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Ingested:
    """What was read.

    Attributes:
        tables: one frame for each of `schema.CONTRACTS`, in its order, contract's columns first. text and severity:
            str; time: datetime64[us, UTC]; count: int64; amount and share: float64; further columns: float64 if all
            their filled values are numbers, else str. An optional table without a file has no rows.
        rejects: columns table, row (line in the file, header is 1), column ("" where the whole row is meant), value (80
            characters at most, control characters escaped), reason. One line for each row that was set aside.
        data_hash: sha256, hexadecimal, of one line `<table> <sha256 of the file's bytes>` for each table with a file,
            in the order of `schema.CONTRACTS`. By hand: `for t in releases modules failures dependencies criticality
            telemetry coverage; do echo "$t $(sha256sum < $t.csv | cut -d' ' -f1)"; done | sha256sum`.
        files: table -> (file name, sha256 of its bytes).
    """

    tables: dict[str, pd.DataFrame]
    rejects: pd.DataFrame
    data_hash: str
    files: Mapping[str, tuple[str, str]]

    @property
    def rejected(self) -> dict[str, int]:
        """Number of rejected rows of each table."""
        counts = self.rejects["table"].value_counts()
        return {name: int(counts.get(name, 0)) for name in self.tables}


def read_raw(folder: str | pathlib.Path) -> Ingested:
    """Read the tables of `schema.CONTRACTS` from `<table>.csv`, `.csv.gz` or `.parquet` in a folder.

    Raises:
        InputError: a required table or column is missing, a table has two files, or a file cannot be read as a table.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, expected the raw tables; set ingest.raw in params.yaml")
    found = {name: find_table(folder, contract) for name, contract in CONTRACTS.items()}
    files: dict[str, tuple[str, str]] = {}
    tables: dict[str, pd.DataFrame] = {}
    rejects = []
    for name, path in found.items():
        if path is None:
            tables[name] = empty_table(CONTRACTS[name])
            continue
        typed = read_table(path, CONTRACTS[name])
        with path.open("rb") as file:
            files[name] = (path.name, hashlib.file_digest(file, "sha256").hexdigest())
        tables[name] = typed.accepted
        rejects.append(typed.rejects.assign(table=name)[list(REJECT_COLUMNS)])
    hashed = "".join(f"{name} {digest}\n" for name, (_, digest) in files.items())
    return Ingested(tables, pd.concat(rejects, ignore_index=True), hashlib.sha256(hashed.encode()).hexdigest(), files)


def find_table(folder: pathlib.Path, contract: TableContract) -> pathlib.Path | None:
    """Return the file of a table, None for an optional one that has none.

    Raises:
        InputError: two files for the table, or none and it is required.
    """
    paths = [path for suffix in SUFFIXES if (path := folder / f"{contract.name}{suffix}").is_file()]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise InputError(f"{folder}: {names} are both table {contract.name}, expected one file; remove one")
    if not paths and not contract.optional:
        raise InputError(
            f"{folder}: no table {contract.name}, expected {contract.name}.csv, .csv.gz or .parquet; add the file"
        )
    return paths[0] if paths else None


def read_table(path: pathlib.Path, contract: TableContract) -> Typed:
    """Read one file by its contract; `rejects` has the columns of `Ingested.rejects` but `table`.

    Raises:
        InputError: the file cannot be read, lacks a column, has no rows and the table is required, or a metric has a
            name that later stages need for themselves or cannot take.
    """
    cells = read_cells(path)
    missing = [name for name in contract.columns if name not in cells.columns]
    if missing:
        has = ", ".join(cells.columns)
        raise InputError(
            f"{path}: column {missing[0]} is missing, expected {', '.join(contract.columns)}; the header has {has:.200}"
        )
    if not len(cells.lines) and not cells.malformed and not contract.optional:
        raise InputError(f"{path}: header without rows, expected at least one; export the table again")
    typed = to_types(cells, contract)
    if contract.numeric_rest:
        _refuse_metric_names(path, typed.accepted.drop(columns=list(contract.columns)))
    return typed


def _refuse_metric_names(path: pathlib.Path, further: pd.DataFrame) -> None:
    for name in further.select_dtypes("number").columns:  # text is carried along, but is no feature
        fault = metric_name_fault(name)
        if fault is not None:
            raise InputError(f"{path}: column {shorten(name)}: {fault} for a metric; rename the column")


def empty_table(contract: TableContract) -> pd.DataFrame:
    """Return a table without rows, its columns and types as the contract wants them."""
    return to_types(Cells.without_rows(contract.columns), contract).accepted


def refuse_mostly_rejected(ingested: Ingested, max_rejected: Decimal) -> None:
    """Stop where so much of a table was set aside that the rest may mislead about the whole.

    Args:
        ingested: what was read.
        max_rejected: share of a table's rows that may be rejected, 0 to 1; one row always may.

    Raises:
        InputError: more of a table's rows were rejected; names the commonest reason and its first row.
    """
    for name, rejected in ingested.rejected.items():
        rows = rejected + len(ingested.tables[name])
        if rejected <= 1 or rejected <= max_rejected * rows:
            continue
        rejects = ingested.rejects[ingested.rejects["table"] == name]
        reasons = (rejects["column"] + ": " + rejects["reason"]).str.removeprefix(": ")
        commonest = reasons.value_counts()
        first = rejects["row"][reasons == commonest.index[0]].min()
        raise InputError(
            f"{ingested.files[name][0]}: {rejected:,} of {rows:,} rows of table {name} cannot be read "
            f"({rejected / rows:.2%}), expected {max_rejected:%} at most (ingest.max_rejected); mostly "
            f"{commonest.index[0]} ({commonest.iloc[0]:,} rows, the first in line {first}); correct the file, or raise "
            "ingest.max_rejected in params.yaml"
        )
