"""Imports of Rust files, and the files that they lead to.

Cargo.toml says where a crate's root file lies and how other crates call it. `mod a;` leads to the file of that module,
a `use` to the file of the innermost module that its path names, which is the root where that names none. What stands
within a function or a module in braces is not read.
"""

import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tree_sitter_rust
from tree_sitter import Node

from promotion_gate.collect.git.languages.grammar import captures, text
from promotion_gate.collect.git.languages.parsed import Parsed
from promotion_gate.collect.git.languages.resolved import EXTERNAL, Resolved

QUERY = """
(source_file (mod_item name: (identifier) @mod !body))
(source_file (use_declaration argument: (_) @use))
"""
ROOTS = ("lib.rs", "main.rs")


@dataclass(frozen=True)
class Crate:
    """A crate: its root file, and its name for other crates, empty for a program's."""

    root: str
    name: str

    @property
    def folder(self) -> str:
        """The folder of the root file, where the paths of its modules start."""
        return posixpath.dirname(self.root)


def extract(source: bytes) -> Parsed:
    """Return the imports as ("mod", name) and ("use", "crate::a::b")."""
    found = captures(tree_sitter_rust.language, QUERY, source)
    mods = (("mod", text(node)) for node in found.get("mod", ()))
    uses = (("use", "::".join(path)) for node in found.get("use", ()) for path in _paths(node, ()))
    return Parsed(imports=tuple(dict.fromkeys((*mods, *uses))))


def _paths(node: Node, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of a use: `a::{b, c::D as E, self, f::*}` has four."""
    if node.type == "scoped_use_list":
        head, inner = node.child_by_field_name("path"), node.child_by_field_name("list")
        prefix = before + (_words(head) if head is not None else ())
        for child in inner.named_children if inner is not None else ():
            yield from _paths(child, prefix)
    elif node.type == "use_list":
        for child in node.named_children:
            yield from _paths(child, before)
    elif node.type == "use_as_clause":
        if (path := node.child_by_field_name("path")) is not None:
            yield before + _words(path)
    elif node.type == "use_wildcard":
        yield before + (_words(node.named_children[0]) if node.named_children else ())
    elif node.type in ("identifier", "scoped_identifier", "crate", "super", "self"):
        yield before if node.type == "self" and before else before + _words(node)


def _words(node: Node) -> tuple[str, ...]:
    return tuple(word for word in text(node).replace(" ", "").split("::") if word)


def crates(manifests: Mapping[str, bytes]) -> list[Crate]:
    """Return the crates of a repository, from its Cargo.toml files by path; one that is no TOML has none."""
    found: list[Crate] = []
    for path, content in sorted(manifests.items()):
        try:
            told = tomllib.loads(content.decode("utf-8", "replace"))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        found += _targets(posixpath.dirname(path), told)
    return found


def _targets(folder: str, told: dict[str, Any]) -> Iterator[Crate]:
    package = told.get("package")
    if not isinstance(package, dict):
        return
    library = told.get("lib") if isinstance(told.get("lib"), dict) else {}
    name = str((library or {}).get("name") or package.get("name") or "").replace("-", "_")
    yield Crate(_file(folder, (library or {}).get("path") or "src/lib.rs"), name)
    programs = told.get("bin") if isinstance(told.get("bin"), list) else []
    for program in programs or []:
        if isinstance(program, dict) and program.get("path"):
            yield Crate(_file(folder, program["path"]), "")


def _file(folder: str, path: object) -> str:
    return posixpath.normpath(posixpath.join(folder, str(path)))


def resolve(files: Mapping[str, Parsed], known: list[Crate]) -> Resolved:
    """Return the edges between files of the crates that are known."""
    folders = sorted({crate.folder for crate in known}, key=len, reverse=True)
    by_name = {crate.name: crate.folder for crate in known if crate.name}
    roots = {crate.root for crate in known}
    homes = {path: _home(path, folders, roots) for path in files}
    places: dict[tuple[str, tuple[str, ...]], str] = {}
    for path, home in sorted(homes.items()):
        places.setdefault(home, path)  # lib.rs rather than main.rs
    found = Resolved()
    for path, parsed in files.items():
        folder, module = homes[path]
        for kind, written in parsed.imports:
            words = tuple(written.split("::"))
            if kind == "mod":
                found.add(path, places.get((folder, module + words)), EXTERNAL)
            else:
                found.add(path, _used(folder, module, words, places, by_name), EXTERNAL)
    return found


def _home(path: str, folders: list[str], roots: set[str]) -> tuple[str, tuple[str, ...]]:
    """The folder of a file's crate, else that of the file, and the path of its module in the crate."""
    folder = next((one for one in folders if not one or path.startswith(f"{one}/")), posixpath.dirname(path))
    *parts, name = path[len(folder) + 1 if folder else 0 :].split("/")
    if name != "mod.rs" and path not in roots and not (name in ROOTS and not parts):
        parts.append(name.removesuffix(".rs"))
    return folder, tuple(parts)


def _used(
    folder: str,
    module: tuple[str, ...],
    words: tuple[str, ...],
    places: Mapping[tuple[str, tuple[str, ...]], str],
    by_name: Mapping[str, str],
) -> str | None:
    first, rest = words[0], words[1:]
    if first == "crate":
        start: tuple[str, ...] = ()
    elif first == "self":
        start = module
    elif first == "super":
        start = module[:-1]
        while rest and rest[0] == "super":
            start, rest = start[:-1], rest[1:]
    elif (folder, (*module, first)) in places:
        start, rest = module, words
    elif first in by_name:
        folder, start = by_name[first], ()
    else:
        return None
    whole = start + rest
    homes = ((folder, whole[:end]) for end in range(len(whole), -1, -1))
    return next((places[home] for home in homes if home in places), None)
