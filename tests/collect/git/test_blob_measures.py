import signal

import pytest

from promotion_gate.collect import complexity
from promotion_gate.collect.git import measures
from promotion_gate.collect.git.cache import opened
from promotion_gate.collect.git.languages.registry import LANGUAGES
from promotion_gate.collect.git.measures import BINARY, TIME, UNREADABLE, Measured, measure
from promotion_gate.errors import InputError

BRANCHING = {
    ".py": "def f(a):\n    if a:\n        return 1\n    return 2\n",
    ".java": "class A { int f(int a) { if (a > 0) { return 1; } return 2; } }",
    ".scala": "object A {\n  def f(a: Int): Int = {\n    if (a > 0) { 1 } else { 2 }\n  }\n}\n",
    ".kt": "fun f(a: Int): Int { if (a > 0) { return 1 }\n return 2 }",
    ".js": "function f(a) { if (a) { return 1; } return 2; }",
    ".jsx": "function f(a) { if (a) { return 1; } return 2; }",
    ".mjs": "function f(a) { if (a) { return 1; } return 2; }",
    ".cjs": "function f(a) { if (a) { return 1; } return 2; }",
    ".ts": "function f(a: number): number { if (a) { return 1; } return 2; }",
    ".tsx": "function f(a: number): number { if (a) { return 1; } return 2; }",
    ".go": "package p\nfunc f(a int) int {\n\tif a > 0 {\n\t\treturn 1\n\t}\n\treturn 2\n}\n",
    ".c": "int f(int a) { if (a) { return 1; } return 2; }",
    ".h": "int f(int a) { if (a) { return 1; } return 2; }",
    ".cc": "int f(int a) { if (a) { return 1; } return 2; }",
    ".cpp": "int f(int a) { if (a) { return 1; } return 2; }",
    ".cxx": "int f(int a) { if (a) { return 1; } return 2; }",
    ".hh": "int f(int a) { if (a) { return 1; } return 2; }",
    ".hpp": "int f(int a) { if (a) { return 1; } return 2; }",
    ".cs": "class A { int F(int a) { if (a > 0) { return 1; } return 2; } }",
    ".rb": "def f(a)\n  if a\n    return 1\n  end\n  2\nend\n",
    ".rs": "fn f(a: i32) -> i32 { if a > 0 { return 1; } 2 }",
}


@pytest.mark.parametrize("suffix", LANGUAGES)
def test_every_language_is_measured(suffix):
    measured = measure(suffix, BRANCHING[suffix].encode(), 10)
    assert measured.problem is None
    assert measured.figures is not None
    figures = measured.figures
    assert (figures["functions"], figures["cyclomatic_complexity"], figures["max_complexity"]) == (1, 2, 2)
    assert (measured.parsed is None) is (LANGUAGES[suffix].extract is None)


def test_binary_content_is_no_source():
    assert measure(".py", b"x = 1\0", 10) == Measured(None, None, BINARY)


def test_a_parser_that_fails_is_no_end(monkeypatch):
    def fails(path, text):
        raise IndexError("pop from empty list")

    monkeypatch.setattr(complexity, "measure", fails)
    assert measure(".py", b"x = 1\n", 10).problem == UNREADABLE


def test_a_parser_that_gives_up_on_the_error_stream_has_failed(capfd):
    deep = b"def f():\n    return " + b"(" * 5000 + b"1" + b")" * 5000 + b"\n"
    measured = measure(".js", b"function f() { return " + b"{a: (" * 3000 + b"1" + b")}" * 3000 + b"; }", 30)
    assert measured.problem in (None, UNREADABLE)
    assert measure(".py", deep, 30).problem in (None, UNREADABLE)
    assert capfd.readouterr() == ("", "")


def test_a_parser_that_does_not_end_is_stopped(monkeypatch):
    def never(path, text):
        while True:
            try:
                sum(range(1000))
            except Exception:  # noqa: S112 - what a careless parser does
                continue

    before = signal.getsignal(signal.SIGVTALRM)
    monkeypatch.setattr(complexity, "measure", never)
    assert measure(".py", b"x = 1\n", 1).problem == TIME
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_python_of_another_age_has_figures_and_no_imports():
    measured = measure(".py", b"import os\nprint 'old'\n", 10)
    assert (measured.parsed, measured.problem) == (None, None)
    assert measured.figures is not None
    assert measured.figures["loc"] == 2


def test_a_byte_order_mark_and_foreign_bytes_do_no_harm():
    measured = measure(".py", b"\xef\xbb\xbfimport a\nname = '\xff'\n", 10)
    assert measured.parsed is not None
    assert measured.parsed.imports == (("", "a", ""),)


def test_measures_come_back_from_the_cache_as_they_were(tmp_path):
    measured = measure(".go", b'package p\nimport x "a/b"\nfunc F() { x.G() }\n', 10)
    with opened(tmp_path) as cache:
        cache.put({"key": measured.plain()})
    with opened(tmp_path) as cache:
        found = cache.get(["key", "other", *map(str, range(2000))])
    assert {key: Measured.of(plain) for key, plain in found.items()} == {"key": measured}


def test_what_is_no_cache_is_said_to_be_none(tmp_path):
    (tmp_path / "blobs.sqlite").write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(InputError, match="remove the file, it is made again"), opened(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another folder with --cache"), opened(tmp_path / "file"):
        pass


def test_another_limit_or_parser_is_another_key(monkeypatch):
    made = measures.edition(10)
    assert measures.edition(11) != made
    monkeypatch.setattr(measures, "version", lambda name: "99")
    assert measures.edition(10) != made
