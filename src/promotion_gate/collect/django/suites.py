"""Django's own test suites, run under coverage.py: archive -> lines covered by suite and by their union.

Only used by `make data`. A series' archive is unpacked into a scratch folder, gets a virtual environment of its own
with the requirements that its tests name, and runs its three suites one after the other with `sys.monitoring`, which
sees statements and not branches but is several times faster. Requirements without a wheel are left out with a line.
"""

import csv
import json
import os
import pathlib
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator

RUN_SUITE = pathlib.Path(__file__).with_name("run_suite.py")
SUITES = ("unit", "integration", "system")
COLUMNS = ("project", "release", "module", "suite", "lines_covered", "lines_total", "environment")


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Unpack an archive below `folder` and return its top folder; the tar's own safety filter refuses odd members."""
    with tarfile.open(archive) as tar:
        top = tar.getnames()[0].split("/", 1)[0]
        if not (folder / top).exists():
            tar.extractall(folder, filter="data")
    return folder / top


def prepare(source: pathlib.Path, python: str) -> pathlib.Path:
    """Make the series' virtual environment beside its source and return its interpreter."""
    environment = source.with_name(source.name + "-venv")
    interpreter = environment / "bin" / "python"
    if (environment / "ready").exists():
        return interpreter
    subprocess.run([python, "-m", "venv", str(environment)], check=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    subprocess.run([*pip, "coverage", "asgiref", "sqlparse", "tzdata", "pytz"], check=True)
    listed = (source / "tests" / "requirements" / "py3.txt").read_text(encoding="utf-8").splitlines()
    for requirement in filter(None, (line.split("#")[0].strip() for line in listed)):
        if subprocess.run([*pip, requirement], stderr=subprocess.DEVNULL).returncode:
            print(f"{source.name}: {requirement}: no wheel for this Python; its tests are skipped", file=sys.stderr)
    (environment / "ready").touch()
    return interpreter


def run_suites(
    source: pathlib.Path, interpreter: pathlib.Path, settings: str = "test_sqlite"
) -> Iterator[tuple[str, pathlib.Path]]:
    """Run the suites and yield (suite, coverage data file), the union last under the name `aggregate`.

    Django's runtests.py names tests/.coveragerc to the processes that tests start, so our configuration takes that
    file's place: without it those would measure branches, warn on stderr, and fail the tests that read it. A failing
    test does not stop the run: its lines were covered all the same. A run that wrote no data does.
    """
    tests = source / "tests"
    config = tests / ".coveragerc"
    config.write_text("[run]\nsource = django\nparallel = true\ndata_file = ${SUITE_DATA}\n", encoding="utf-8")
    coverage = [str(interpreter), "-m", "coverage"]

    def combine(target: pathlib.Path, parts: Iterable[pathlib.Path]) -> None:
        command = [*coverage, "combine", "--quiet", "--keep", f"--rcfile={config}", f"--data-file={target}.part"]
        environment = {**os.environ, "SUITE_DATA": str(target)}
        subprocess.run([*command, *map(str, parts)], cwd=source, env=environment, check=True)
        pathlib.Path(f"{target}.part").rename(target)

    files = []
    for suite in SUITES:
        data = source / f"coverage.{settings}.{suite}"
        if not data.exists():
            pieces = source / f"pieces.{settings}.{suite}"
            pieces.mkdir(exist_ok=True)
            environment = {
                **os.environ,
                "SUITE": suite,
                "SUITE_DATA": str(pieces / "data"),
                "COVERAGE_CORE": "sysmon",
                "PYTHONPATH": str(source),
            }
            command = [*coverage, "run", f"--rcfile={config}", str(RUN_SUITE), "--parallel=1", f"--settings={settings}"]
            with (source / f"{settings}.{suite}.log").open("w") as log:
                subprocess.run(command, cwd=tests, env=environment, stdout=log, stderr=subprocess.STDOUT)
            combine(data, sorted(pieces.iterdir()))
        files.append(data)
        yield suite, data
    union = source / f"coverage.{settings}.aggregate"
    combine(union, files)
    yield "aggregate", union


def lines(source: pathlib.Path, interpreter: pathlib.Path, data: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Statements covered and statements in all of every file below django/, from coverage.py's own JSON report."""
    report = data.with_suffix(data.suffix + ".json")
    config = source / "tests" / ".coveragerc"
    command = [str(interpreter), "-m", "coverage", "json", "--quiet", f"--rcfile={config}"]
    environment = {**os.environ, "SUITE_DATA": str(data)}
    subprocess.run([*command, f"--data-file={data}", "-o", str(report)], cwd=source, env=environment, check=True)
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    counts = {}
    for name, entry in files.items():
        path = pathlib.PurePosixPath(os.path.relpath(source / name, source)).as_posix()
        counts[path] = (entry["summary"]["covered_lines"], entry["summary"]["num_statements"])
    return counts


def measure(archive: pathlib.Path, release: str, python: str, work: pathlib.Path) -> Iterator[dict[str, object]]:
    """Coverage rows of one series, `COLUMNS` each; files without a statement have nothing to cover and no row."""
    source = unpack(archive, work)
    interpreter = prepare(source, python)
    for suite, data in run_suites(source, interpreter):
        for module, (covered, total) in sorted(lines(source, interpreter, data).items()):
            if total:
                yield dict(zip(COLUMNS, ("django", release, module, suite, covered, total, "sqlite"), strict=True))


def write(rows: Iterable[dict[str, object]], path: pathlib.Path) -> None:
    """Write coverage rows as CSV; the file appears whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    part.replace(path)


if __name__ == "__main__":
    archive, release, python, work, out = sys.argv[1:]
    write(measure(pathlib.Path(archive), release, python, pathlib.Path(work)), pathlib.Path(out))
