"""What was mined -> the raw tables of the default data set, and a report of what was left out."""

import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator

from promotion_gate.collect import tables
from promotion_gate.collect.django import coverage, failures, matching, metrics, suites
from promotion_gate.collect.django.series import Series

DAY = 86_400
PROJECT = "django"
TELEMETRY = (
    "project", "module", "window_start", "window_end", "requests", "errors", "latency_p95_s", "cpu_seconds", "load",
)  # fmt: skip
Row = dict[str, object]


def releases(series: Iterable[Series]) -> Iterator[Row]:
    """Rows of the table `releases`: the x.y.0 of each series."""
    for one in series:
        yield {"project": PROJECT, "release": one.name, "released_at": tables.utc(one.released[one.name][0])}


def modules(series: Iterable[Series], births: dict[str, float]) -> Iterator[Row]:
    """Rows of the table `modules`; age in whole days since the first x.y.0 that held the path."""
    for one in series:
        released = one.released[one.name][0]
        for module, figures in one.metrics.items():
            age = round((released - births[module]) / DAY)
            yield {"project": PROJECT, "release": one.name, "module": module, **figures, "age_days": age}


def dependencies(series: Iterable[Series]) -> Iterator[Row]:
    """Rows of the table `dependencies`: import edges of each x.y.0."""
    for one in series:
        for module, target in one.edges:
            yield {"project": PROJECT, "release": one.name, "module": module, "depends_on": target}


def matches(series: Iterable[Series]) -> list[matching.Match]:
    """Match all changes with all items, over the series, for a fix may be in several."""
    series = list(series)
    changes = [change for one in series for change in one.changes]
    return matching.match(changes, [item for one in series for item in one.items])


def failure_log(found: Iterable[matching.Match], series: Iterable[Series]) -> list[Row]:
    """Rows of the table `failures`, from the matches that are strong enough."""
    released = {version: times for one in series for version, times in one.released.items()}
    return failures.log((match for match in found if match.accepted), released)


def left_out(found: list[matching.Match], series: list[Series]) -> Iterator[str]:
    """Yield the lines that say what of the mined was not used, so that nothing is dropped in silence."""
    changes = sum(len(one.changes) for one in series)
    items = [(version, item) for one in series for version, item in one.items]
    kept = [match for match in found if match.accepted]
    used = {(match.change.version, match.item.id) for match in kept}
    scored, mended = (len({(one.change.version, one.change.module) for one in some}) for some in (found, kept))
    yield f"{changes} changes of modules in substance by patch releases, {len(items)} items in their notes"
    yield f"{mended} changes matched, with {len(kept)} items; {scored - mended} left out: no item matches well enough"
    yield f"{changes - scored} changes left out: their release's notes hold no item"
    yield f"{len(items) - len(used)} items without a module (templates, scripts, styles, documentation, or not matched)"


def write(folder: pathlib.Path, work: pathlib.Path, series: list[Series], births: dict[str, float]) -> Iterator[str]:
    """Write the raw tables to `folder` and yield lines of report; `work` holds measured coverage, if any.

    criticality.csv is a source of ours, not made of the archives, and is never touched.
    """
    found = matches(series)
    yield from left_out(found, series)
    log = failure_log(found, series)
    rows = list(modules(series, births))
    written = {
        "releases.csv": (("project", "release", "released_at"), releases(series)),
        "modules.csv.gz": (("project", "release", "module", *metrics.COLUMNS), rows),
        "dependencies.csv.gz": (("project", "release", "module", "depends_on"), dependencies(series)),
        "failures.csv": (failures.COLUMNS, log),
        "telemetry.csv": (TELEMETRY, []),
    }
    for name, (columns, table) in written.items():
        yield f"{name}: {tables.write(folder / name, columns, table)} rows"
    yield f"failures by severity: {dict(Counter(row['severity'] for row in log))}"
    yield from write_coverage(folder, work, {(str(row["release"]), str(row["module"])) for row in rows})


def write_coverage(folder: pathlib.Path, work: pathlib.Path, known: set[tuple[str, str]]) -> Iterator[str]:
    """Put the measured series in `work` into the table `coverage`; series that were not measured stay as they are."""
    measured = coverage.gather(work)
    path = folder / "coverage.csv.gz"
    if not measured:
        yield f"{path.name}: kept as it is, no measured series in {work}"
        return
    table, dropped = coverage.table(coverage.replaced(coverage.present(path), measured), known)
    count = tables.write(path, suites.COLUMNS, table)
    yield f"{path.name}: {count} rows; left out: {dict(dropped)}"
