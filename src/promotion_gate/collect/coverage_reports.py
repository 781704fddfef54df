"""Coverage reports of a user's own run -> covered lines by file, or by module where the report is a table.

Read are coverage.py's JSON and data file, Cobertura XML (which most languages' tools write), JaCoCo XML, LCOV, and
coverage tables of the raw contract as CSV, CSV.gz or Parquet; the content tells which, not the name. Reports come from
outside: XML with entities is refused, sizes are bounded. Nothing here imports pandas, which costs a pipeline 0.7 s at
start.
"""

import csv
import gzip
import io
import json
import pathlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException
from pydantic import ValidationError

from promotion_gate.collect import coverage_data, coverage_jacoco, coverage_lcov
from promotion_gate.collect.coverage_lines import add, by_hits, lines_of
from promotion_gate.errors import InputError
from promotion_gate.schema import SuiteCoverage

TABLE_COLUMNS = ("project", "release", "module", "suite", "lines_covered", "lines_total")

MAX_BYTES = 1 << 29
"""A report's size, unpacked: twenty times that of a million lines of code, and far less than a gzip bomb."""

FileCoverage = Mapping[str, SuiteCoverage]
"""What a report says of each file, by the report's own path, with forward slashes."""

ModuleCoverage = Mapping[str, Mapping[str, SuiteCoverage]]
"""Module -> suite -> lines."""


@dataclass(frozen=True)
class Table:
    """A coverage table: (project, release) -> module -> suite -> lines, in order of appearance."""

    path: str
    groups: Mapping[tuple[str, str], ModuleCoverage]

    def of(self, project: str, release: str | None, preferred: Iterable[str | None] = ()) -> ModuleCoverage:
        """Return the modules of a release; its name becomes the version of the reports.

        Args:
            project: whose rows.
            release: which; None: the first of `preferred` that the table has, else the only one that it has.
            preferred: releases to try, for instance that of the module and that of the model.

        Raises:
            InputError: the table lacks the project or release, or has several and none was chosen.
        """
        releases = [found for owner, found in self.groups if owner == project]
        if not releases:
            owners = ", ".join(sorted({owner for owner, _ in self.groups})) or "no rows"
            raise InputError(f"{self.path}: no coverage of project {project!r}; the table has {owners}")
        if release is None:
            release = next((name for name in preferred if name in releases), None)
        if release is None and len(releases) == 1:
            release = releases[0]
        if release is None:
            raise InputError(f"{self.path}: choose a release with --release: {', '.join(releases)}")
        if release not in releases:
            raise InputError(f"{self.path}: no coverage of release {release!r}; the table has {', '.join(releases)}")
        return self.groups[project, release]


def read(path: str | pathlib.Path) -> FileCoverage | Table:
    """Read a coverage report or table.

    Raises:
        InputError: the file is missing, of no known kind, or breaks the form of its kind.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if content[:2] == b"\x1f\x8b":
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:  # gzip's BadGzipFile is an OSError
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: a report is at most {MAX_BYTES >> 20} MiB long")
    if content[:4] == b"PAR1":
        return _table(str(path), _parquet_rows(str(path), content))
    if content.startswith(coverage_data.START):
        return coverage_data.read(str(path))
    content = content.removeprefix(b"\xef\xbb\xbf")
    start = content.lstrip()[:4]
    if start.startswith(b"<"):
        return _xml(str(path), content)
    if start.startswith((b"{", b"[")):
        return _coverage_py(str(path), content)
    if start.startswith(coverage_lcov.STARTS):
        return coverage_lcov.read(str(path), content)
    return _table(str(path), _csv_rows(str(path), content))


def _coverage_py(path: str, content: bytes) -> FileCoverage:
    try:
        report = json.loads(content)
        entries = report["files"].items()
        return {
            (file := name.replace("\\", "/")): _lines(file, entry["executed_lines"], entry["missing_lines"])
            for name, entry in entries
        }
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: no JSON: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError):  # pydantic's ValidationError is a ValueError
        raise InputError(
            f"{path}: no report of coverage.py: 'files' with 'executed_lines' and 'missing_lines' of each is expected"
        ) from None


def _lines(file: str, covered: list[int], missing: list[int]) -> SuiteCoverage:
    if not (isinstance(covered, list) and isinstance(missing, list)):
        raise TypeError("lists of line numbers are expected")
    return lines_of(file, covered, missing)


def _xml(path: str, content: bytes) -> FileCoverage:
    try:
        root = defusedxml.ElementTree.fromstring(content)
    except DefusedXmlException:
        raise InputError(f"{path}: XML with entities or external references is refused") from None
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: no XML: {error}") from None
    if root.tag == "report":
        return coverage_jacoco.read(path, root)
    if root.tag != "coverage":
        raise InputError(
            f"{path}: no coverage report: its root is {root.tag!r:.80}, 'coverage' (Cobertura) or 'report' (JaCoCo) "
            "is expected"
        )
    return _cobertura(path, root)


def _cobertura(path: str, root: Element) -> FileCoverage:
    sources = [(source.text or "").strip() for source in root.iterfind("sources/source")]
    # With several sources a file may lie below any of them: its relative name alone is certain.
    source = sources[0].rstrip("/\\") if len(sources) == 1 else ""
    hits: dict[str, dict[int, int]] = {}
    try:
        # A file may hold several classes, and a line may belong to several: counted once.
        for part in root.iterfind("packages/package/classes/class"):
            name = part.attrib["filename"]
            absolute = name.startswith(("/", "\\")) or name[1:2] == ":"
            name = (name if absolute or not source else f"{source}/{name}").replace("\\", "/")
            hits.setdefault(name, {})
            for line in part.iterfind("lines/line"):
                add(hits, name, int(line.attrib["number"]), int(line.attrib["hits"]))
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: no Cobertura report: a class lacks its filename or a line its number or hits"
        ) from None
    if not hits:
        raise InputError(f"{path}: a Cobertura report without classes")
    try:
        return by_hits(hits)
    except ValidationError:
        raise InputError(f"{path}: no Cobertura report: a line number is negative") from None


def _csv_rows(path: str, content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{path}:{reader.line_num}: {len(reader.fieldnames or ())} cells are expected")
            yield reader.line_num, row
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: neither coverage.py JSON, Cobertura or JaCoCo XML, LCOV nor a coverage table"
        ) from None
    except csv.Error as error:
        raise InputError(f"{path}: no CSV: {error}") from None


def _parquet_rows(path: str, content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow as pa  # half a second that only Parquet needs to pay
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        _check_columns(path, table.schema_arrow.names)
        rows = table.read(columns=list(TABLE_COLUMNS)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: no Parquet: {' '.join(str(error).split())}") from None
    yield from enumerate(rows, start=1)


def _check_columns(path: str, columns: Iterable[str]) -> None:
    missing = [column for column in TABLE_COLUMNS if column not in set(columns)]
    if missing:
        raise InputError(f"{path}: no coverage table: the column {missing[0]!r} is missing")


def _table(path: str, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Table:
    groups: dict[tuple[str, str], dict[str, dict[str, SuiteCoverage]]] = {}
    for number, row in rows:
        where = f"{path}:{number}"
        project, release, module, suite = (_text(where, column, row[column]) for column in TABLE_COLUMNS[:4])
        covered, total = (_count(where, column, row[column]) for column in TABLE_COLUMNS[4:])
        if covered > total:
            raise InputError(f"{where}: lines_covered {covered} is more than lines_total {total}")
        suites = groups.setdefault((project, release), {}).setdefault(module, {})
        if suite in suites:
            raise InputError(f"{where}: {project} {release} {module} has the suite {suite} twice")
        suites[suite] = SuiteCoverage(lines_covered=covered, lines_total=total, version=release)
    return Table(path, groups)


def _text(where: str, column: str, value: Any) -> str:
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= 1024
        or any(ord(char) < 32 or ord(char) == 127 for char in value)
    ):
        raise InputError(f"{where}: {column}: a name is expected, not {value!r:.80}")
    return value


def _count(where: str, column: str, value: Any) -> int:
    # isdecimal accepts other scripts' digits, as int does; neither signs nor points nor empty cells pass.
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InputError(f"{where}: {column}: a whole number of 0 or more is expected, not {value!r:.80}")
