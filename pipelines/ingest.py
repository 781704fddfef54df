"""ingest: raw tables -> typed Parquet in data/interim, rejects set aside and counted."""

import pathlib
import sys

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.learn.ingest import Ingested, read_raw, refuse_mostly_rejected
from promotion_gate.reporting import json_text

OUT = pathlib.Path("data/interim")
SHOWN = 5


def main() -> None:
    read = params.load().ingest
    ingested = read_raw(read.raw)
    OUT.mkdir(parents=True, exist_ok=True)
    ingested.rejects.to_csv(OUT / "rejects.csv", index=False, lineterminator="\n")
    report(ingested)
    refuse_mostly_rejected(ingested, read.max_rejected)
    for name, table in ingested.tables.items():
        table.to_parquet(OUT / f"{name}.parquet", index=False)
    files = {name: {"file": file, "sha256": digest} for name, (file, digest) in ingested.files.items()}
    rows = {name: len(table) for name, table in ingested.tables.items()}
    json_text.write(
        OUT / "ingest.json",
        {"data_hash": ingested.data_hash, "rows": rows, "rejects": ingested.rejected, "files": files},
    )


def report(ingested: Ingested) -> None:
    for name, table in ingested.tables.items():
        file = ingested.files[name][0] if name in ingested.files else "no file"
        print(f"{name:<13}{len(table):>9,} rows{ingested.rejected[name]:>7,} rejected  {file}")
    print(f"data hash    {ingested.data_hash}")
    for table, line, column, value, reason in ingested.rejects.head(SHOWN).to_numpy().tolist():
        where = f"{table} line {line}" + (f" column {column}" if column else "")
        print(f"rejected: {where}: {reason}: {value}", file=sys.stderr)
    if len(ingested.rejects):
        print(f"{len(ingested.rejects):,} rows rejected in all: {OUT / 'rejects.csv'}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
