"""Coverage reports: each kind read, hostile and broken ones refused in one line, paths mapped without guessing."""

import gzip
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.collect.coverage_mapping import map_to_modules, source_of
from promotion_gate.collect.coverage_reports import Table, read
from promotion_gate.errors import InputError
from promotion_gate.schema import FileLines, SuiteCoverage

CSV = (
    "project,release,module,suite,lines_covered,lines_total,environment\n"
    "shop,1.0,shop/cart.py,unit,4,10,sqlite\n"
    "shop,2.0,shop/cart.py,unit,5,10,sqlite\n"
    "shop,2.0,shop/cart.py,aggregate,8,10,sqlite\n"
    "bank,7,ledger.py,unit,1,1,sqlite\n"
)
XML = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.5" version="7">
  <sources><source>/ci/work</source></sources>
  <packages><package name="shop"><classes>
    <class name="Cart" filename="shop/cart.py"><lines>
      <line number="1" hits="1"/><line number="2" hits="0"/><line number="3" hits="2"/></lines></class>
    <class name="Cart.Inner" filename="shop/cart.py"><lines>
      <line number="3" hits="0"/><line number="4" hits="0"/></lines></class>
    <class name="Main" filename="/abs/main.py"><lines/></class>
  </classes></package></packages>
</coverage>"""
BOMB = """<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><coverage>&b;</coverage>"""
EXTERNAL = """<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]><coverage>&a;</coverage>"""


def lines(covered, total, version=None):
    return SuiteCoverage(lines_covered=covered, lines_total=total, version=version)


def named(file, executed, missing):
    """Lines with their numbers."""
    told = FileLines(executed_lines=tuple(executed), missing_lines=tuple(missing))
    total = len(executed) + len(missing)
    return SuiteCoverage(lines_covered=len(executed), lines_total=total, files={file: told})


def written(folder, content, name="report"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_coverage_py_json(tmp_path):
    entry = {"executed_lines": [1, 2, 2], "missing_lines": [5], "excluded_lines": [9], "summary": {}}
    report = {
        "meta": {"format": 3},
        "files": {"shop\\cart.py": entry, "e.py": {"executed_lines": [], "missing_lines": []}},
    }
    assert read(written(tmp_path, json.dumps(report))) == {
        "shop/cart.py": named("shop/cart.py", [1, 2], [5]),
        "e.py": named("e.py", [], []),
    }


def test_a_report_that_coverage_py_really_wrote(tmp_path):
    pytest.importorskip("coverage")
    written(tmp_path, "def f(x):\n    if x:\n        return 1\n    return 2\n\n\nf(0)\n", "cart.py")
    for command in (["run", "cart.py"], ["json", "-o", "c.json"], ["xml", "-o", "c.xml"]):
        subprocess.run([sys.executable, "-m", "coverage", *command], cwd=tmp_path, check=True, capture_output=True)
    assert read(tmp_path / "c.json") == {"cart.py": named("cart.py", [1, 2, 4, 7], [3])}
    mapped = map_to_modules(read(tmp_path / "c.xml"), ["cart.py"], source_of(tmp_path / "c.xml"))
    assert mapped.modules == {"cart.py": named("cart.py", [1, 2, 4, 7], [3])}


def test_cobertura_counts_a_line_of_several_classes_once(tmp_path):
    assert read(written(tmp_path, XML)) == {
        "/ci/work/shop/cart.py": named("/ci/work/shop/cart.py", [1, 3], [2, 4]),
        "/abs/main.py": named("/abs/main.py", [], []),
    }


def test_with_several_sources_the_relative_name_is_what_is_known(tmp_path):
    several = XML.replace("</source>", "</source><source>/other</source>")
    assert "shop/cart.py" in read(written(tmp_path, several))


@pytest.mark.parametrize(
    "pack", [str.encode, lambda text: gzip.compress(text.encode()), lambda t: b"\xef\xbb\xbf" + t.encode()]
)
def test_tables(tmp_path, pack):
    table = read(written(tmp_path, pack(CSV)))
    assert isinstance(table, Table)
    assert table.of("shop", "2.0") == {"shop/cart.py": {"unit": lines(5, 10, "2.0"), "aggregate": lines(8, 10, "2.0")}}


def test_parquet_says_the_same_as_csv(tmp_path):
    import pyarrow.csv
    import pyarrow.parquet

    path = written(tmp_path, CSV)
    text = pyarrow.csv.ConvertOptions(column_types={"release": "string"})
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path, convert_options=text), tmp_path / "c.parquet")
    assert read(tmp_path / "c.parquet").groups == read(path).groups


def test_the_release_is_the_given_the_preferred_or_the_only_one(tmp_path):
    table = read(written(tmp_path, CSV))
    assert table.of("shop", None, (None, "3.0", "1.0"))["shop/cart.py"]["unit"].version == "1.0"
    assert table.of("bank", None) == {"ledger.py": {"unit": lines(1, 1, "7")}}
    for project, release, line in (
        ("shop", None, "choose a release with --release: 1.0, 2.0"),
        ("shop", "9", "no coverage of release '9'; the table has 1.0, 2.0"),
        ("mill", None, "no coverage of project 'mill'; the table has bank, shop"),
    ):
        with pytest.raises(InputError) as caught:
            table.of(project, release)
        assert str(caught.value) == f"{table.path}: {line}"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (BOMB, ": XML with entities or external references is refused"),
        (EXTERNAL, ": XML with entities or external references is refused"),
        ("<coverage><oops></coverage>", ": no XML: mismatched tag"),
        ("<" * 100_000, ": no XML: "),
        (
            "<html/>",
            ": no coverage report: its root is 'html', 'coverage' (Cobertura) or 'report' (JaCoCo) is expected",
        ),
        ("<coverage/>", ": a Cobertura report without classes"),
        (
            XML.replace('hits="2"', 'hits="many"'),
            ": no Cobertura report: a class lacks its filename or a line its number",
        ),
        (XML.replace('filename="/abs/main.py"', ""), ": no Cobertura report: a class lacks its filename"),
        (XML.replace('version="1.0" ?', 'version="1.0" encoding="klingon" ?'), ": no XML: "),
        ("{", ": no JSON: "),
        ("[" * 100_000, ": no JSON: "),
        ("[]", ": no report of coverage.py: "),
        ('{"totals": {}}', ": no report of coverage.py: "),
        ('{"files": []}', ": no report of coverage.py: "),
        ('{"files": {"a.py": {"executed_lines": "12", "missing_lines": []}}}', ": no report of coverage.py: "),
        ('{"files": {"a.py": {"executed_lines": [[1]], "missing_lines": []}}}', ": no report of coverage.py: "),
        ("", ": no coverage table: the column 'project' is missing"),
        ("hello\n", ": no coverage table: the column 'project' is missing"),
        (b"\x7fELF\xff\x00", ": neither coverage.py JSON, Cobertura or JaCoCo XML, LCOV nor a coverage table"),
        (b"\x1f\x8b\x08", ": cannot be read: "),
        (gzip.compress(b"x" * 99, mtime=0)[:-12], ": cannot be read: "),
        (b"PAR1 and no more", ": no Parquet: "),
        (
            CSV + "shop,2.0,a.py,unit,many,10,x\n",
            ":6: lines_covered: a whole number of 0 or more is expected, not 'many'",
        ),
        (CSV + "shop,2.0,a.py,unit,-1,10,x\n", ":6: lines_covered: a whole number of 0 or more is expected, not '-1'"),
        (CSV + "shop,2.0,a.py,unit,,10,x\n", ":6: lines_covered: a whole number of 0 or more is expected, not ''"),
        (CSV + "shop,2.0,a.py,unit,11,10,x\n", ":6: lines_covered 11 is more than lines_total 10"),
        (CSV + "shop,2.0,a.py,unit,1\n", ":6: 7 cells are expected"),
        (CSV + "shop,2.0,a.py,unit,1,2,x,y\n", ":6: 7 cells are expected"),
        (CSV + "shop,2.0,,unit,1,2,x\n", ":6: module: a name is expected, not ''"),
        (CSV + "shop,2\x00,a.py,unit,1,2,x\n", ":6: release: a name is expected, not '2\\x00'"),
        (CSV + "shop,2.0,shop/cart.py,unit,1,2,x\n", ":6: shop 2.0 shop/cart.py has the suite unit twice"),
        (CSV + '"shop,2.0\n', ": no CSV: unexpected end of data"),
    ],
)
def test_refused_in_one_line(tmp_path, content, line):
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}{line}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_no_file_and_too_large_a_file(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "none")
    monkeypatch.setattr("promotion_gate.collect.coverage_reports.MAX_BYTES", 1 << 20)
    with pytest.raises(InputError, match="at most 1 MiB"):
        read(written(tmp_path, gzip.compress(b"x" * (3 << 20))))


MODULES = ["shop/cart.py", "shop/dates.py", "shop/api/__init__.py", "shop/db/__init__.py", "api/dates.py"]


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("shop/cart.py", "shop/cart.py"),
        ("./shop/cart.py", "shop/cart.py"),
        ("/ci/work/shop/cart.py", "shop/cart.py"),
        ("C:/work/shop/cart.py", "shop/cart.py"),
        ("db/__init__.py", "shop/db/__init__.py"),
        ("workshop/cart.py", None),  # whole parts only
        ("cart.py", None),  # one part ends many names by chance
        ("shop/cart.pyc", None),
    ],
)
def test_a_path_maps_by_whole_parts(path, module):
    mapped = map_to_modules({path: lines(1, 2)}, MODULES)
    assert mapped.modules == ({module: lines(1, 2)} if module else {})
    assert mapped.unknown == (() if module else (path,))


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("setup.py", "", True),
        ("./setup.py", "", True),
        ("/ci/work/setup.py", "/ci/work", True),
        ("/ci/work/setup.py", "", False),
        ("/ci/work/tests/fixtures/setup.py", "/ci/work", False),
        ("tests/fixtures/setup.py", "", False),
        ("/setup.py", "", False),
    ],
)
def test_a_name_of_one_part_maps_from_the_equal_path_alone(path, source, found):
    mapped = map_to_modules({path: lines(1, 2)}, ["setup.py", "shop/cart.py"], source)
    assert mapped.modules == ({"setup.py": lines(1, 2)} if found else {})


@pytest.mark.parametrize(
    ("content", "source"),
    [
        (XML, "/ci/work"),
        (gzip.compress(XML.encode(), mtime=0), "/ci/work"),
        (XML.replace("</source>", "</source><source>/other</source>"), ""),
        (XML.replace("<sources><source>/ci/work</source></sources>", ""), ""),
        ('{"files": {}}', ""),
        (CSV, ""),
        (BOMB, ""),
        ("", ""),
        (gzip.compress(XML.encode(), mtime=0)[:40], ""),
    ],
)
def test_the_source_of_a_cobertura_report(tmp_path, content, source):
    assert source_of(written(tmp_path, content)) == source
    assert source_of(tmp_path / "none") == ""


def test_the_longest_name_wins_and_twins_are_reported():
    names = ["dates.py", "api/dates.py", "a/x/y.py", "b/x/y.py"]
    mapped = map_to_modules({"/w/api/dates.py": lines(1, 2), "x/y.py": lines(1, 1)}, names)
    assert mapped.modules == {"api/dates.py": lines(1, 2)}
    assert mapped.ambiguous == ("x/y.py",)


def test_several_files_of_a_module():
    twins = {"build/lib/shop/cart.py": lines(1, 9), "src/shop/cart.py": lines(9, 9)}
    assert map_to_modules(twins, MODULES).ambiguous == tuple(twins)
    mapped = map_to_modules({**twins, "shop/cart.py": lines(5, 9)}, MODULES)
    assert mapped.modules == {"shop/cart.py": lines(5, 9)}
    assert mapped.unknown == tuple(twins)


def test_what_could_not_be_mapped_is_said_in_one_line():
    mapped = map_to_modules(
        {f"x{number}.py": lines(0, 1) for number in range(7)} | {"shop/cart.py": lines(1, 1)}, MODULES
    )
    assert mapped.complaint() == "could not map 7 of 8 files: x0.py, x1.py, x2.py, x3.py, x4.py and 2 more"
    assert map_to_modules({"shop/cart.py": lines(1, 1)}, MODULES).complaint() is None


parts = st.lists(st.sampled_from(["a", "b", "c.py", ".", ""]), min_size=1, max_size=4).map("/".join)


@given(st.sets(parts), st.sets(parts.filter(bool)))
def test_no_file_is_lost(paths, modules):
    mapped = map_to_modules(dict.fromkeys(paths, lines(1, 2)), modules)
    assert len(mapped.modules) + len(mapped.unknown) + len(mapped.ambiguous) == len(paths)
    assert {*mapped.unknown, *mapped.ambiguous} <= paths
