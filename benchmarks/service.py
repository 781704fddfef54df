"""How fast the service answers, beside `mlflow models serve` with the same registered model, in one run.

usage: python -m benchmarks.service [--seconds 10] [--postgresql] [--folder DIR]

    --seconds S     how long each row is measured
    --postgresql    promotions on PostgreSQL with two workers, too; it is started for the purpose, fsync on
    --folder DIR    where the SQLite ledger is written: the disk's fsync decides how fast a commit is

MLflow is given a module's finished features and answers probabilities and a score. Ours is asked

    by name         for a module that the data set knows: score, interval, explanation, counterfactuals
    with metrics    for a module with metrics of its own, of which it makes the features, too
    promotion       for a decision, which is in the ledger, on disk, before it is answered

Ratios are MLflow's latency by ours, and our throughput by MLflow's, with as many clients.
"""

import argparse
import json
import pathlib
import tempfile
import time
from typing import Any

import pandas as pd

from benchmarks import serving
from benchmarks.serving import ROOT, Measured, Request
from promotion_gate.operate.ledger.ledger import Ledger
from tests.operate.ledger import postgres

CLIENTS = (1, 16)
LEVELS = ("development", "staging", "production")
WARM_UP_S = 2.0
BATCH = 1000


def modules() -> list[dict[str, Any]]:
    """The modules that the champion knows, as its bundle holds them."""
    found: list[dict[str, Any]] = json.loads((ROOT / "models/champion/scores.json").read_bytes())["modules"]
    return found


def features() -> Request:
    """What MLflow is asked: one row of the newest release's features at a time."""
    frame = pd.read_parquet(ROOT / "data/processed/features.parquet")
    newest = frame[frame.release == modules()[0]["release"]].drop(columns=["project", "release", "module"])
    columns = [str(name) for name in newest.columns]
    rows = [{"dataframe_split": {"columns": columns, "data": [row]}} for row in newest.to_numpy(float).tolist()]
    return Request("/invocations", rows)


def named(entry: dict[str, Any]) -> dict[str, Any]:
    return {"project": entry["project"], "module": entry["module"]}


def with_metrics() -> Request:
    """Known modules that have changed: some lines more, some paths more."""
    metrics = [{"loc": 100.0 + 7 * n, "cyclomatic_complexity": 10.0 + n, "churn": 3.0 * n} for n in range(100)]
    known = modules()
    return Request("/v1/fis", [{**named(known[6 * n]), "metrics": one} for n, one in enumerate(metrics)])


def promotions() -> Request:
    """Requests whose coverage does not do: each takes the place of the one before of its module and level."""
    low = [entry for entry in modules() if entry["severity"] == "negligible"]
    asked = [
        {"module": {**named(entry), "version": "1"}, "level": level, "coverage": 0.3}
        for level in LEVELS
        for entry in low
    ]
    return Request("/v1/promotions", asked)


def measure(what: str, port: int, request: Request, options: argparse.Namespace) -> dict[int, Measured]:
    serving.once(port, request)
    serving.wrk(port, request, 1, WARM_UP_S, options.room)
    rows = {clients: serving.wrk(port, request, clients, options.seconds, options.room) for clients in CLIENTS}
    for clients, row in rows.items():
        said = f"{row.per_second:9,.0f}/s  p50 {row.p50:8.2f} ms  p99 {row.p99:8.2f} ms"
        print(f"{what:34} {clients:3} clients {said}  refused {row.refused}", flush=True)
    return rows


def batch(port: int, entries: list[dict[str, Any]], what: str) -> None:
    """The median of some calls with many modules in one."""
    many = [entries[n % len(entries)] for n in range(BATCH)]
    spent = []
    for _ in range(7):
        began = time.perf_counter()
        answer = serving.once(port, Request("/v1/fis", [{"modules": many}]))
        spent.append(1000 * (time.perf_counter() - began))
        if len(answer["results"]) != BATCH or not all("fis" in one for one in answer["results"]):
            raise SystemExit("a batch was not answered in full")
    spent.sort()
    print(f"batch of {BATCH:,}, {what:22}  p50 {spent[3]:8.1f} ms  worst {spent[-1]:8.1f} ms", flush=True)


def ratios(what: str, ours: dict[int, Measured], peer: dict[int, Measured]) -> None:
    for clients in CLIENTS:
        mine, other = ours[clients], peer[clients]
        rate, latency = mine.per_second / other.per_second, other.p50 / mine.p50
        print(
            f"{what:34} {clients:3} clients  {rate:6.1f} x the throughput, median latency 1/{latency:.1f}", flush=True
        )


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--seconds", type=float, default=10)
    cli.add_argument("--postgresql", action="store_true")
    cli.add_argument("--folder", type=pathlib.Path)
    options = cli.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        options.room = pathlib.Path(folder)
        port = serving.free_port()
        with serving.served(serving.peer(port), port, "/health", options.room / "peer.log"):
            peer = measure("mlflow models serve", port, features(), options)
        found = {}
        port = serving.free_port()
        command = serving.ours(port, f"sqlite:///{options.room}/ledger.db")
        with serving.served(command, port, "/readyz", options.room / "ours.log"):
            found["by name"] = measure("by name", port, Request("/v1/fis", list(map(named, modules()))), options)
            found["with metrics"] = measure("with metrics", port, with_metrics(), options)
            batch(port, list(map(named, modules())), "by name")
            batch(port, list(with_metrics().bodies), "with metrics")
            found["promotion, SQLite"] = measure("promotion, SQLite", port, promotions(), options)
        if options.postgresql:
            with postgres.cluster(postgres.binaries()) as cluster:
                url, port = cluster.url(cluster.database()), serving.free_port()
                with Ledger.to_migrate(url) as ledger:
                    ledger.migrate()
                command = serving.ours(port, url, "--workers", "2")
                with serving.served(command, port, "/readyz", options.room / "postgresql.log"):
                    what = "promotion, PostgreSQL, 2 workers"
                    found[what] = measure(what, port, promotions(), options)
        for what, rows in found.items():
            ratios(what, rows, peer)


if __name__ == "__main__":
    main()
