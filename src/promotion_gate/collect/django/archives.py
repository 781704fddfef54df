"""Django's release archives: which there are, fetching the missing ones, reading them without unpacking."""

import pathlib
import re
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Callable, Iterable

from tqdm import tqdm

OLDEST_SERIES = (2, 2)  # the first series in the tables
OLDEST_BASE = (1, 8)  # its x.y.0 and those up to 2.1 are read for the age and churn of modules only
ATTEMPTS = 3
FINAL = re.compile(r"\d+\.\d+(?:\.\d+)?")


class ArchiveError(Exception):
    """An archive that cannot be had or read; the message is one line for a person."""


def number(version: str) -> tuple[int, ...]:
    """Return a final release's version as integers, `4.2` as (4, 2, 0). ValueError for anything else."""
    if not FINAL.fullmatch(version):
        raise ValueError(f"{version!r} is no final release such as 4.2 or 4.2.1")
    parts = tuple(map(int, version.split(".")))
    return parts if len(parts) == 3 else (*parts, 0)


def series_of(version: str) -> str:
    """Return the series of a version: `4.2` for 4.2 and for 4.2.1."""
    return ".".join(version.split(".")[:2])


def wanted(versions: Iterable[str]) -> list[str]:
    """Return the versions that the data set is made of, oldest first; pre-releases and others are left out."""
    final = (version for version in versions if FINAL.fullmatch(version))
    return sorted(
        (v for v in final if number(v)[:2] >= OLDEST_SERIES or (number(v)[:2] >= OLDEST_BASE and number(v)[2] == 0)),
        key=number,
    )


def by_version(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return the wanted archives of a folder, version -> path, oldest first."""
    found = {re.sub(r"^[Dd]jango-|\.tar\.gz$", "", path.name): path for path in folder.glob("?jango-*.tar.gz")}
    return {version: found[version] for version in wanted(found)}


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the ordinary pip client of this interpreter; which index it asks is its configuration's affair."""
    return subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)


def available() -> list[str]:
    """Ask the index, through pip, for the released versions that are wanted. ArchiveError where it does not answer."""
    done = pip("index", "versions", "django", "--ignore-requires-python")
    listed = re.search(r"^Available versions:(.*)$", done.stdout, re.MULTILINE)
    if listed is None:
        raise ArchiveError(f"pip could not list Django's versions: {last_line(done.stderr)}")
    return wanted(listed[1].replace(",", " ").split())


def last_line(text: str) -> str:
    """Return the last line of a program's complaint."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def download(version: str, folder: pathlib.Path, pause: float = 5.0) -> pathlib.Path:
    """Fetch one source archive with pip into `folder`; return its path. ArchiveError after `ATTEMPTS` tries.

    pip puts a file in its place only when it is whole, so an interrupted run leaves nothing half done. `pause` is in
    seconds and doubles from try to try.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        # without build isolation pip would otherwise fetch build tools for each archive to read its name
        done = pip(
            "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation",
            "--ignore-requires-python", "--no-cache-dir", "-d", str(folder), f"django=={version}",
        )  # fmt: skip
        if done.returncode == 0 and (path := by_version(folder).get(version)):
            return path
        if attempt + 1 < ATTEMPTS:
            time.sleep(pause * 2**attempt)
    raise ArchiveError(f"Django {version}: no archive after {ATTEMPTS} tries; pip said: {last_line(done.stderr)}")


def complete(folder: pathlib.Path) -> None:
    """Download what `folder` lacks of the wanted versions, showing progress; a second call resumes."""
    missing = [version for version in available() if version not in by_version(folder)]
    for version in tqdm(missing, desc="archives", unit="archive", disable=not missing):
        download(version, folder)


def read(path: pathlib.Path, keep: Callable[[str], bool]) -> tuple[float, dict[str, str]]:
    """Return (newest mtime in seconds since 1970, {path below the top folder: text}) of an archive's wanted files.

    ArchiveError where the archive is truncated or no gzipped tar.
    """
    newest, texts = 0.0, {}
    try:
        with tarfile.open(path, "r|gz") as tar:  # as a stream: one pass, no index in memory
            for member in tar:
                if not member.isfile():
                    continue
                newest = max(newest, member.mtime)
                name = member.name.partition("/")[2]
                if keep(name) and (stream := tar.extractfile(member)):
                    texts[name] = stream.read().decode("utf-8", "replace")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(f"{path}: not a whole release archive ({error}); remove it and run again") from error
    if not newest:
        raise ArchiveError(f"{path}: an empty archive; remove it and run again")
    return newest, texts
