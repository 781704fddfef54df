import io
import subprocess
import tarfile

import pytest

from promotion_gate.collect.django import archives, mining, series


def archive(folder, version, files, time):
    path = folder / f"django-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for place, (name, text) in enumerate(files.items()):
            member = tarfile.TarInfo(f"django-{version}/{name}")
            member.size, member.mtime = len(text.encode()), time - place
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_wanted():
    versions = ["4.2.10", "4.2", "2.2", "5.0a1", "2.1", "2.1.3", "1.8", "1.7", "4.2.9", "nonsense"]
    assert archives.wanted(versions) == ["1.8", "2.1", "2.2", "4.2", "4.2.9", "4.2.10"]
    with pytest.raises(ValueError, match="no final release"):
        archives.number("5.0a1")


def test_read_and_truncated(tmp_path):
    path = archive(tmp_path, "4.2", {"django/a.py": "x = 1\n", "README": "no"}, 1000)
    assert archives.read(path, lambda name: name.endswith(".py")) == (1000, {"django/a.py": "x = 1\n"})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(archives.ArchiveError, match="not a whole release archive"):
        archives.read(path, bool)
    path.write_bytes(b"")
    with pytest.raises(archives.ArchiveError):
        archives.read(path, bool)


def test_download_tries_again_then_says_so_in_one_line(tmp_path, monkeypatch):
    calls = []

    def pip(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            archive(tmp_path, "4.2", {"a": ""}, 5)
        return subprocess.CompletedProcess(arguments, int(len(calls) != 2), "", "first\nERROR: gone\n")

    monkeypatch.setattr(archives, "pip", pip)
    assert archives.download("4.2", tmp_path, pause=0).name == "django-4.2.tar.gz"
    with pytest.raises(archives.ArchiveError, match=r"Django 4\.2\.1: no archive after 3 tries; pip said: ERROR: gone"):
        archives.download("4.2.1", tmp_path, pause=0)
    assert calls[0][-1] == "django==4.2"


def test_complete_downloads_what_is_missing(tmp_path, monkeypatch):
    archive(tmp_path, "4.2", {"a": ""}, 5)
    answer = "django (4.2.1)\nAvailable versions: 4.2.1, 4.2, 1.7\n"
    monkeypatch.setattr(archives, "pip", lambda *_: subprocess.CompletedProcess([], 0, answer, ""))
    fetched = []
    monkeypatch.setattr(archives, "download", lambda version, folder: fetched.append(version))
    archives.complete(tmp_path)
    assert fetched == ["4.2.1"]
    monkeypatch.setattr(archives, "pip", lambda *_: subprocess.CompletedProcess([], 1, "", "no network"))
    with pytest.raises(archives.ArchiveError, match="no network"):
        archives.available()


OLD = "def f(a):\n    return a\n"
MENDED = "def f(a):\n    return a or 0\n"
NOTE = "Django 4.2.{0}\n============\n\nBugfixes\n========\n\n* Fixed {0}.\n"


@pytest.fixture
def found(tmp_path):
    archive(tmp_path, "4.1", {"django/a.py": OLD, "django/__init__.py": ""}, 1000)
    base = {"django/a.py": OLD + "\n\ndef g(): pass\n", "django/b.py": "from django.a import f\n"}
    archive(tmp_path, "4.2", {**base, "tests/t.py": "from django import b", "docs/b.txt": "See django.b.c"}, 9e4)
    archive(tmp_path, "4.2.2", {**base, "django/b.py": "import x\n", "django/a.py": MENDED}
            | {f"docs/releases/4.2.{n}.txt": NOTE.format(n) for n in (1, 2, 3)}, 2e5)  # fmt: skip
    return archives.by_version(tmp_path)


def test_a_series(found):
    (job,) = mining.jobs(found)
    one = series.read(job)
    assert one.released == {"4.2": (9e4, None), "4.2.2": (2e5, 9e4)}
    assert one.edges == [("django/b.py", "django/a.py")]
    # 4.2.1 has no archive: its notes belong to 4.2.2; those of 4.2.3 are yet to come
    assert [(version, item.id) for version, item in one.items] == [("4.2.2", "4.2.1#1"), ("4.2.2", "4.2.2#1")]
    assert [(change.module, change.symbols) for change in one.changes] == [("django/a.py", ("f", "g"))]
    assert one.metrics["django/a.py"]["lines_added"] == 3
    assert (
        one.metrics["django/b.py"] | {"churn": 1, "test_files": 1, "documentation_pages": 1}
        == one.metrics["django/b.py"]
    )


def test_a_series_without_its_first_release(found):
    del found["4.2"]
    with pytest.raises(archives.ArchiveError, match=r"Django 4\.2: patch releases are there"):
        mining.jobs(found)


def test_nothing_to_mine():
    with pytest.raises(archives.ArchiveError, match="no archives"):
        mining.jobs({})


def test_births(found):
    born = mining.births(found, workers=1)
    assert born == {"django/a.py": 1000, "django/__init__.py": 1000, "django/b.py": 9e4}


SWITCHES = "class Features:\n    {0} = 1\n    @property\n    def {0}(self):\n        return {1}\n"


def test_switches_of_tests_and_names_of_releases_are_no_substance():
    skips = SWITCHES.format("django_test_skips", "{}")
    assert series.substance(skips.format(1), skips.format(2)) == []
    assert series.substance(skips.replace("= 1", "= 2").format(1), skips.format(1)) == []
    limits = SWITCHES.format("limits", "{}")
    assert series.substance(limits.format(1), limits.format(2)) == ["Features.limits"]
    warning = "import w\n\ndef f():\n    w.warn('Gone in Django {0}.0', w.RemovedInDjango{0}0Warning)\n"
    assert series.substance(warning.format(7), warning.format(8)) == []
