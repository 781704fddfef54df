"""Broken inputs through the stages ingest and validate: what each says, and which of the two says it."""

import json
import pathlib
from collections.abc import Callable

import pandas as pd
import pytest

from pipelines import ingest, stage, validate

PARAMS = pathlib.Path("params.yaml").resolve()
Break = Callable[[pathlib.Path], object]


def replace(name: str, old: str, new: str) -> Break:
    def change(folder: pathlib.Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def append(name: str, line: str) -> Break:
    return lambda folder: (folder / name).write_text((folder / name).read_text() + line + "\n")


def write(name: str, content: bytes) -> Break:
    return lambda folder: (folder / name).write_bytes(content)


@pytest.fixture
def run(raw_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Breaks the raw folder and runs stages, up to the first that fails: (exit code, stderr) of each."""
    top = raw_folder.parent.parent
    monkeypatch.chdir(top)
    (top / "params.yaml").write_text(PARAMS.read_text())

    def runner(change: Break, *stages: Callable[[], None]) -> list[tuple[int, str]]:
        change(raw_folder)
        ends = []
        for main in stages:
            with pytest.raises(SystemExit) as ended:
                stage.run(main)
            ends.append((int(ended.value.code or 0), capsys.readouterr().err))
            if ended.value.code:
                break
        return ends

    return runner


def nothing(_: pathlib.Path) -> None:
    pass


def test_valid_data_pass_both_stages_and_give_the_same_bytes_again(run) -> None:
    assert run(nothing, ingest.main, validate.main) == [(0, ""), (0, "")]
    interim = pathlib.Path("data/interim")
    counts = json.loads((interim / "ingest.json").read_text())
    assert counts["rows"]["modules"] == len(pd.read_parquet(interim / "modules.parquet")) == 186
    assert sum(counts["rejects"].values()) == 0
    assert json.loads(pathlib.Path("reports/validation.json").read_text())["data_hash"] == counts["data_hash"]
    written = {path.name: path.read_bytes() for path in interim.iterdir()}
    run(nothing, ingest.main)
    assert written == {path.name: path.read_bytes() for path in interim.iterdir()}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(
            replace("modules.csv", "module,loc", "file,loc"),
            "error: data/raw/modules.csv: column module is missing, expected project, release, module; the header has "
            "project, release, file, loc, cyclomatic_complexity, churn",
            id="missing-column",
        ),
        pytest.param(
            write("failures.csv", b""),
            "error: data/raw/failures.csv: file is empty, expected a header and rows; export the table again",
            id="empty-file",
        ),
        pytest.param(
            replace("modules.csv", "churn", "fan_in"),
            "error: data/raw/modules.csv: column fan_in: the pipeline derives the feature of this name itself, "
            "expected another name for a metric; rename the column",
            id="derived-name",
        ),
        pytest.param(
            write("modules.csv", b"\x7fELF\x02\x01\x01\x00\xfe\xff" * 20),
            "error: data/raw/modules.csv: not UTF-8 text (byte 0xfe), expected CSV in UTF-8; save it as UTF-8",
            id="binary-file",
        ),
    ],
)
def test_a_broken_file_stops_ingest(run, change: Break, line: str) -> None:
    assert run(change, ingest.main) == [(2, line + "\n")]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(
            append("failures.csv", "F-X,tiny,src/part0/module000.py,fatal,2020-02-03,"),
            "rejected: failures line {last} column severity: unknown severity, expected low, medium, high, critical: "
            "fatal",
            id="unknown-severity",
        ),
        pytest.param(
            append("modules.csv", "tiny,1.0,src/new.py,-7,1,0"),
            "rejected: modules line 188 column loc: negative: -7",
            id="negative-lines",
        ),
        pytest.param(
            append("modules.csv", "tiny,1.0,src/part0/module000.py,7,1,0"),
            "rejected: modules line 188 column project, release, module: duplicate of the row in line 2: tiny, 1.0, "
            "src/part0/module000.py",
            id="duplicate-module",
        ),
        pytest.param(
            append("modules.csv", "tiny,1.0,src/n\x00w.py,7,1,0"),
            "rejected: modules line 188 column module: control character in a name: src/n\\x00w.py",
            id="nul-in-a-name",
        ),
        pytest.param(
            append("modules.csv", "tiny,1.0," + "x" * 10_000_000 + ",7,1,0"),
            "rejected: modules line 188: line longer than 1,048,576 characters: ",
            id="10-mb-line",
        ),
    ],
)
def test_a_broken_row_is_set_aside_and_said(run, raw_folder: pathlib.Path, change: Break, line: str) -> None:
    last = len((raw_folder / "failures.csv").read_text().splitlines()) + 1
    [(code, said)] = run(change, ingest.main)
    assert code == 0
    assert said.splitlines() == [line.format(last=last), "1 rows rejected in all: data/interim/rejects.csv"]
    assert len(pd.read_csv("data/interim/rejects.csv")) == 1


def test_severities_in_another_spelling_stop_ingest_after_the_rejects_are_written(
    run, raw_folder: pathlib.Path
) -> None:
    path = raw_folder / "failures.csv"
    high = path.read_text().count(",high,")
    rows = len(path.read_text().splitlines()) - 1
    assert 1 < high < rows / 2
    [(code, said)] = run(lambda _: path.write_text(path.read_text().replace(",high,", ",High,")), ingest.main)
    assert code == 2
    assert said.splitlines()[-1].startswith(
        f"error: failures.csv: {high} of {rows} rows of table failures cannot be read ({high / rows:.2%}), expected 1% "
        "at most (ingest.max_rejected); mostly severity: unknown severity"
    )
    rejects = pd.read_csv("data/interim/rejects.csv")
    assert rejects["value"].tolist() == ["High"] * high
    assert not pathlib.Path("data/interim/failures.parquet").exists()


def test_a_future_release_stops_validate_after_its_reports_are_written(run) -> None:
    (code, said), (validated, stopped) = run(
        replace("releases.csv", "3.0,2022", "3.0,2122"), ingest.main, validate.main
    )
    assert (code, said) == (0, "")
    assert validated == 2
    assert stopped == (
        "error: releases: row tiny, 3.0: column released_at: 2122-01-01T00:00:00+00:00, expected a time that is not "
        "in the future\n"
    )
    assert not json.loads(pathlib.Path("reports/validation.json").read_text())["success"]
    assert "Stopped." in pathlib.Path("reports/validation.html").read_text()
