"""validate: expectations over the ingested tables; reports are written before an error stops the run."""

import json
import pathlib

import pandas as pd

from pipelines.stage import run
from promotion_gate import params
from promotion_gate.errors import InputError
from promotion_gate.learn import tables
from promotion_gate.learn.validation import validate
from promotion_gate.learn.validation_page import render
from promotion_gate.reporting import json_text

INTERIM, REPORTS = pathlib.Path("data/interim"), pathlib.Path("reports")


def main() -> None:
    bounds = params.load().validation
    found = vars(tables.read(INTERIM))
    ingested = json.loads((INTERIM / "ingest.json").read_text(encoding="utf-8"))
    report = validate(found, now=pd.Timestamp.now("UTC"), modules_per_release=bounds.modules_per_release)
    json_text.write(REPORTS / "validation.json", {"data_hash": ingested["data_hash"], **report.to_dict()})
    page = render(report, ingested["data_hash"], ingested["rejects"])
    (REPORTS / "validation.html").write_text(page, encoding="utf-8")
    for check in report.failed("warning"):
        print(f"warning: {check.line()}")
    errors = report.failed("error")
    passed = sum(check.success for check in report.checks)
    print(f"{passed} of {len(report.checks)} expectations hold: {REPORTS / 'validation.html'}")
    if errors:
        raise InputError(errors[0].line())


if __name__ == "__main__":
    run(main)
