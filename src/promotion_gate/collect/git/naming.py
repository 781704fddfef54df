"""What a module is: a file, a directory, or what a file of patterns says; and which files are none."""

import functools
import pathlib
import re
from collections.abc import Callable, Iterable

import pathspec

from promotion_gate.errors import InputError

PLAIN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,1024}")
"""What a module can be called on the wire (`schema.Name`), in UTF-8."""

EXPECTED = "file, directory:DEPTH (directory:2) or map:FILE is expected"

Naming = Callable[[str], str | None]
"""The module that a file belongs to, by its path; None: to none."""


def plain(path: str) -> bool:
    """Say whether a path can name a module: UTF-8 without control characters, at most 1024 characters."""
    return PLAIN.fullmatch(path) is not None


def matcher(patterns: Iterable[str], where: str) -> Callable[[str], bool]:
    """Return whether a path fits any of the patterns, which are written as in .gitignore; the last that fits decides.

    Raises:
        InputError: a pattern is none; the message names it after `where`.
    """
    lines = list(patterns)
    try:
        spec = pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    return functools.cache(spec.match_file)  # a path comes again in every release


def naming(text: str) -> Naming:
    """Parse what `--module` says. InputError where it says nothing that is known, or its file breaks its form."""
    kind, _, rest = text.partition(":")
    if text == "file":
        return lambda path: path
    if kind == "directory" and (depth := re.fullmatch(r"[1-9]\d?", rest)):
        return _directory(int(depth[0]))
    if kind == "map" and rest:
        return _map(pathlib.Path(rest))
    raise InputError(f"--module {text}: {EXPECTED}")


def _directory(depth: int) -> Naming:
    """A file belongs to the first directories of its path, `.` where it lies in none."""
    return lambda path: "/".join(path.split("/")[:-1][:depth]) or "."


def _map(file: pathlib.Path) -> Naming:
    """Lines of `PATTERN MODULE`, as in CODEOWNERS: the last pattern that fits decides; # begins a comment."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--module map:{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    rules: list[tuple[Callable[[str], bool], str]] = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not plain(words[1]):
            raise InputError(f"{file}, line {number}: PATTERN MODULE is expected, two words, not {line.strip()!r}")
        rules.append((matcher([words[0]], f"{file}, line {number}"), words[1]))
    if not rules:
        raise InputError(f"{file}: no line; PATTERN MODULE is expected in each")
    return lambda path: next((module for fits, module in reversed(rules) if fits(path)), None)
