"""Includes of C and C++ files, and the files that they lead to.

`"x.h"` is looked for beside the including file, then, as `<x.h>`, among all paths that end in it, for which folders a
build searches is not written in the source. A bare <x.h> leads only into a folder `include`: it mostly is a system's.
"""

import posixpath
from collections.abc import Mapping

import tree_sitter_cpp

from promotion_gate.collect.git.languages.grammar import captures, text
from promotion_gate.collect.git.languages.parsed import Parsed
from promotion_gate.collect.git.languages.resolved import AMBIGUOUS, EXTERNAL, Resolved, nearest

QUERY = "(preproc_include path: [(string_literal) (system_lib_string)] @path)"


def extract(source: bytes) -> Parsed:
    """Return the includes as (path, the character that began it)."""
    written = (text(node) for node in captures(tree_sitter_cpp.language, QUERY, source).get("path", ()))
    return Parsed(imports=tuple(dict.fromkeys((one[1:-1], one[0]) for one in written)))


def resolve(files: Mapping[str, Parsed]) -> Resolved:
    """Return the edges; of several files that fit, the nearest."""
    by_name: dict[str, list[str]] = {}
    for path in files:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    found = Resolved()
    for path, parsed in files.items():
        for place, mark in parsed.imports:
            found.add(path, *_target(path, place, mark, files, by_name))
    return found


def _target(
    path: str, place: str, mark: str, files: Mapping[str, Parsed], by_name: Mapping[str, list[str]]
) -> tuple[str | None, str]:
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
    if mark == '"' and beside in files:
        return beside, EXTERNAL
    named = by_name.get(posixpath.basename(place), [])
    system = mark == "<" and "/" not in place
    ending = f"/include/{place}" if system else f"/{posixpath.normpath(place).removeprefix('../')}"
    candidates = [one for one in named if f"/{one}".endswith(ending)]
    if len(candidates) == 1:
        return candidates[0], EXTERNAL
    return nearest(path, candidates), AMBIGUOUS if candidates else EXTERNAL
