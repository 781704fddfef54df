"""LCOV, JaCoCo and coverage.py's own data, as their tools write them, and what is out to harm."""

import subprocess
import sys

import pytest

from promotion_gate.collect.coverage_mapping import map_to_modules
from promotion_gate.collect.coverage_reports import read
from promotion_gate.errors import InputError

LCOV = """TN:
SF:src/cart.js
FN:1,total
DA:1,3
DA:2,0
DA:3,0,abc
LF:3
LH:1
end_of_record
SF:src\\till.js
DA:7,1
end_of_record
SF:src/cart.js
DA:2,5
end_of_record
"""
JACOCO = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><sessioninfo id="x" start="1" dump="2"/>
<group name="core"><package name="org/shop"><class name="org/shop/Cart" sourcefilename="Cart.java"/>
<sourcefile name="Cart.java"><line nr="3" mi="0" ci="4" mb="0" cb="0"/><line nr="4" mi="2" ci="1" mb="1" cb="1"/>
<line nr="5" mi="2" ci="0" mb="0" cb="0"/><counter type="LINE" missed="1" covered="2"/></sourcefile>
<sourcefile name="Same.java"><line nr="1" mi="0" ci="1" mb="0" cb="0"/></sourcefile></package></group>
<group name="web"><package name="org/shop"><sourcefile name="Same.java"><line nr="1" mi="1" ci="0" mb="0" cb="0"/>
</sourcefile></package></group></report>
"""


def written(tmp_path, content):
    path = tmp_path / "report"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(found):
    """{file: (covered lines, missing lines)}."""
    return {
        name: (list(told.executed_lines), list(told.missing_lines))
        for name, suite in found.items()
        for told in (suite.files or {}).values()
    }


@pytest.mark.parametrize("content", [LCOV, LCOV.replace("\n", "\r\n"), "\ufeff" + LCOV, LCOV.removeprefix("TN:\n")])
def test_lcov_unites_the_records_of_a_file(tmp_path, content):
    found = lines(read(written(tmp_path, content)))
    assert found == {"src/cart.js": ([1, 2], [3]), "src/till.js": ([7], [])}


def test_jacoco_counts_a_line_of_which_any_instruction_ran_and_guesses_no_group(tmp_path):
    report = read(written(tmp_path, JACOCO))
    assert lines(report) == {
        "org/shop/Cart.java": ([3, 4], [5]), "core:org/shop/Same.java": ([1], []), "web:org/shop/Same.java": ([], [1]),
    }  # fmt: skip
    modules = [f"{part}/src/main/java/org/shop/{name}.java" for part in ("core", "web") for name in ("Cart", "Same")]
    mapped = map_to_modules(report, modules[:1] + modules[1::2])
    assert set(mapped.modules) == {modules[0]}
    assert len(mapped.unknown) == 2


def measure(tmp_path):
    """A data file of coverage.py, of a run of a module of five lines."""
    (tmp_path / "cart.py").write_text("import sys\nif len(sys.argv) > 5:\n    print(1)\nelse:\n    x = 2\n")
    command = [sys.executable, "-m", "coverage", "run", "--data-file=.coverage", "cart.py"]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path / ".coverage"


def test_coverage_py_s_own_data_with_the_source_at_hand(tmp_path):
    assert lines(read(measure(tmp_path))) == {str(tmp_path / "cart.py"): ([1, 2, 5], [3])}


def test_without_the_source_it_says_what_to_do(tmp_path):
    data = measure(tmp_path)
    (tmp_path / "cart.py").unlink()
    with pytest.raises(InputError, match=r"cart\.py.*run `coverage json` where the tests ran"):
        read(data)


BOMB = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'<?xml version="1.0"?>{BOMB}<report name="&c;"/>', "XML with entities or external references is refused"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><report>&b;</report>', "XML with entities"),
        ("<report/>", "a JaCoCo report without lines"),
        (JACOCO.replace('nr="3"', 'nr="x"'), "a source file lacks its name, or a line its nr or ci"),
        (JACOCO.replace(' ci="4"', ""), "a source file lacks its name, or a line its nr or ci"),
        (JACOCO.replace('file name="Cart.java"', "file"), "a source file lacks its name"),
        (JACOCO[:400], "no XML"),
        ("TN:\n", "no LCOV: no SF: no file"),
        ("SF:a.js\nDA:1\n", ":2: no LCOV"),
        ("SF:a.js\nDA:one,1\n", ":2: no LCOV"),
        ("SF:a.js\nDA:-1,1\n", "no LCOV"),
        ("TN:\nDA:1,1\n", ":2: no LCOV: a DA without SF before it"),
        (b"SF:\xff\n", "no LCOV: not UTF-8"),
        (b"SQLite format 3\0 and then nothing", "run `coverage json` where the tests ran"),
    ],
)
def test_what_is_broken_or_out_to_harm_is_refused_in_a_line(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
