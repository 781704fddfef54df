"""A tiny, valid data set: the raw tables as ingest types them, and as a folder of CSV files."""

import pathlib

import numpy as np
import pandas as pd

PROJECT = "tiny"


def tiny_tables(modules: int = 60, releases: int = 3, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Return the seven tables of one project, typed; larger modules fail more often. Same arguments, same tables.

    Releases 1.0, 2.0, ... come out every 1 January from 2020 on; two modules join with each, none leaves. Telemetry is
    there for one module and a day, coverage for every other module, with suites unit, integration and aggregate.
    """
    random = np.random.default_rng(seed)
    names = [f"src/part{number % 5}/module{number:03d}.py" for number in range(modules + 2 * (releases - 1))]
    size = random.lognormal(4.5, 1, len(names)).round()
    dates = pd.Series([pd.Timestamp(year=2020 + number, month=1, day=1, tz="UTC") for number in range(releases)])
    rows: dict[str, list[dict[str, object]]] = {"modules": [], "failures": [], "dependencies": [], "coverage": []}
    for number, date in enumerate(dates):
        present = range(modules + 2 * number)
        of_release = {"project": PROJECT, "release": f"{number + 1}.0"}
        for index in present:
            row = {**of_release, "module": names[index]}
            loc = size[index] + 10 * number
            churn = random.poisson(loc / 5)
            rows["modules"].append({**row, "loc": loc, "cyclomatic_complexity": 1 + loc // 8, "churn": churn})
            if index:
                rows["dependencies"].append({**row, "depends_on": names[index // 2]})
            if random.random() < min(0.9, loc / 500):
                occurred = date + pd.Timedelta(days=int(random.integers(1, 200)))
                rows["failures"].append(
                    {
                        "failure_id": f"F-{len(rows['failures']) + 1}",
                        "project": PROJECT,
                        "module": names[index],
                        "severity": str(random.choice(["low", "medium", "high", "critical"], p=[0.5, 0.3, 0.15, 0.05])),
                        "occurred_at": occurred,
                        "resolved_at": occurred + pd.Timedelta(days=3),
                    }
                )
            if index % 2:
                unit, integration = int(loc * 0.6), int(loc * 0.5)
                suites = {"unit": unit, "integration": integration, "aggregate": unit + integration // 4}
                rows["coverage"] += [
                    {**row, "suite": suite, "lines_covered": covered, "lines_total": int(loc)}
                    for suite, covered in suites.items()
                ]
    tables = {name: pd.DataFrame(found) for name, found in rows.items()}
    for name in ("loc", "cyclomatic_complexity", "churn"):
        tables["modules"][name] = tables["modules"][name].astype("float64")
    released = {"release": [f"{number + 1}.0" for number in range(releases)], "released_at": dates}
    tables["releases"] = pd.DataFrame({"project": PROJECT, **released})
    tables["criticality"] = pd.DataFrame(
        {"project": PROJECT, "module": [names[0], "src/part1/*"], "criticality": [1.0, 0.5]}
    )
    window = {"window_start": dates[:1], "window_end": dates[:1] + pd.Timedelta(days=1)}
    seen = {"requests": 1000.0, "errors": 2.0, "latency_p95_s": 0.25, "cpu_seconds": 60.0, "load": 0.5}
    tables["telemetry"] = pd.DataFrame({"project": PROJECT, "module": names[:1], **window, **seen})
    order = ("releases", "modules", "failures", "dependencies", "criticality", "telemetry", "coverage")
    return {name: _typed(tables[name]) for name in order}


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(
        {column: "datetime64[us, UTC]" for column in table.columns if column.endswith(("_at", "_start", "_end"))}
    )


def write_raw(folder: pathlib.Path, tables: dict[str, pd.DataFrame]) -> pathlib.Path:
    """Write each table as `<table>.csv`, times in ISO 8601; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\n")
    return folder
