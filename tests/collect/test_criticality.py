import csv

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from promotion_gate.collect import criticality
from promotion_gate.collect.criticality import Decree
from promotion_gate.errors import InputError
from tests.collect.git.built import Built, lines


def run(*arguments):
    return CliRunner().invoke(main, ["collect", *map(str, arguments)])


def test_a_line_is_a_pattern_a_share_and_perhaps_a_reason(tmp_path):
    (tmp_path / "decrees").write_text(
        "\ufeff# all\n\nsrc/pay/*\t0.9 # money\nsrc/my file.py   1\r\nb .05\n", encoding="utf-8"
    )
    assert criticality.read(tmp_path / "decrees") == [
        Decree("src/pay/*", "0.9", "money"), Decree("src/my file.py", "1", ""), Decree("b", ".05", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no line; PATTERN SHARE is expected"),
        (b"src/pay/*\n", "line 1: PATTERN SHARE is expected, as src/pay/\\* 0.9, not 'src/pay/\\*'"),
        (b"a 0.9\n\nb 1.1\n", "line 3: PATTERN SHARE"),
        (b"a nan\n", "line 1: PATTERN SHARE"),
        (b"a 1\na 0.5\n", "line 2: a is decreed a second time"),
        (b"\xff 1\n", "cannot be read"),
    ],
)
def test_what_is_no_decree_is_said(tmp_path, content, said):
    (tmp_path / "decrees").write_bytes(content)
    with pytest.raises(InputError, match=said):
        criticality.read(tmp_path / "decrees")


def test_decrees_become_the_table_and_idle_ones_are_warned_of(tmp_path):
    built = Built(tmp_path / "shop")
    built.commit_files({"pay.py": lines(3)})
    built.commit_files({})
    raw = "--out", tmp_path / "raw"
    assert run("git", built.path, "--releases", "every:1d", "--cache", tmp_path / "cache", *raw).exit_code == 0
    (tmp_path / "raw" / "criticality.csv").write_text("project,module,criticality,reason\nother,a,0.5,\nshop,b,1,\n")
    (tmp_path / "decrees").write_text("p* 0.9 # money\nq* 0.1\n")
    done = run("criticality", tmp_path / "decrees", "--project", "shop", *raw)
    assert (done.exit_code, done.stderr) == (0, "warning: q* fits no module of shop\n")
    with (tmp_path / "raw" / "criticality.csv").open(newline="") as stream:
        found = [tuple(row.values()) for row in csv.DictReader(stream)]
    assert found == [("other", "a", "0.5", ""), ("shop", "p*", "0.9", "money"), ("shop", "q*", "0.1", "")]
    wrong = run("criticality", tmp_path / "decrees", "--project", "shop2", *raw)
    assert (wrong.exit_code, "has no module of it, but of shop" in wrong.stderr) == (2, True)


def test_a_table_in_another_form_or_with_other_columns_is_left_alone(tmp_path):
    (tmp_path / "decrees").write_text("p* 0.9\n")
    (tmp_path / "criticality.csv").write_text("project,module,criticality\nshop,b,1\n")
    done = run("criticality", tmp_path / "decrees", "--project", "shop", "--out", tmp_path)
    assert "the columns project, module, criticality, reason are expected, and no others" in done.stderr
    (tmp_path / "criticality.csv").rename(tmp_path / "criticality.parquet")
    done = run("criticality", tmp_path / "decrees", "--project", "shop", "--out", tmp_path)
    assert "criticality.parquet: criticality.csv is written, and a table may be there once" in done.stderr
