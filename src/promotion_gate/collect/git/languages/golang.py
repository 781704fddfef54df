"""Imports of Go files, and the files that declare what is used of the imported packages.

go.mod says where a module's import paths start. An import names a folder; which of its files is meant is told by the
names that are used, `cart.Add` leads to the file that declares Add. Uses within a package are no edges.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import tree_sitter_go

from promotion_gate.collect.git.languages.grammar import captures, text
from promotion_gate.collect.git.languages.parsed import Parsed
from promotion_gate.collect.git.languages.resolved import EXTERNAL, UNUSED, Resolved

QUERY = """
(package_clause (package_identifier) @package)
(import_spec) @import
(source_file [
  (function_declaration name: (identifier) @name)
  (type_declaration [(type_spec name: (type_identifier) @name) (type_alias name: (type_identifier) @name)])
  (const_declaration (const_spec (identifier) @name))
  (var_declaration [(var_spec (identifier) @name) (var_spec_list (var_spec (identifier) @name))])])
(selector_expression operand: (identifier) field: (field_identifier)) @use
(qualified_type package: (package_identifier) name: (type_identifier)) @use
"""
MODULE = re.compile(r'^\s*module\s+"?([^\s"]+)', re.MULTILINE)


def extract(source: bytes) -> Parsed:
    """Return a Go file's imports as (path, alias or ""), and its uses of exported names as ("", "package.Name")."""
    found = captures(tree_sitter_go.language, QUERY, source)
    imports: list[tuple[str, ...]] = []
    for node in found.get("import", ()):
        *alias, path = text(node).split()
        imports.append((path.strip('"`'), *(alias or [""])))
    uses = dict.fromkeys(text(node).replace(" ", "") for node in found.get("use", ()))
    exported = [("", use) for use in uses if use.partition(".")[2][:1].isupper()]
    package = next((text(node) for node in found.get("package", ())), "")
    names = dict.fromkeys(name for node in found.get("name", ()) if (name := text(node))[:1].isupper())
    return Parsed(package, tuple(names), (*dict.fromkeys(imports), *exported))


def modules(manifests: Mapping[str, bytes]) -> dict[str, str]:
    """Return the folders with a go.mod ("" is the top) and their import paths, from the go.mod files by path."""
    told = {posixpath.dirname(path): module_path(content) for path, content in manifests.items()}
    return {folder: path for folder, path in told.items() if path}


def module_path(go_mod: bytes) -> str | None:
    """Return the import path that a go.mod gives its folder, None where it gives none."""
    found = MODULE.search(go_mod.decode("utf-8", "replace"))
    return found[1] if found else None


def resolve(files: Mapping[str, Parsed], modules: Mapping[str, str]) -> Resolved:
    """Return the edges.

    Args:
        files: by path.
        modules: folders with a go.mod ("" is the top) and their import paths.
    """
    folders: dict[str, dict[str, Parsed]] = defaultdict(dict)
    for path, parsed in files.items():
        folders[posixpath.dirname(path)][path] = parsed
    found = Resolved()
    for path, parsed in files.items():
        used = {use[1] for use in parsed.imports if not use[0]}
        for place, alias in (one for one in parsed.imports if one[0]):
            folder = next((known for known in _folders(place, modules) if known in folders), None)
            if folder is None:
                found.add(path, None, EXTERNAL)
                continue
            targets = set(_declaring(folders[folder], alias, used))
            for target in targets:
                found.add(path, target)
            if not targets:
                found.add(path, None, UNUSED)
    return found


def _folders(place: str, modules: Mapping[str, str]) -> Iterator[str]:
    """The folders that an import path may mean, by the longest module path first."""
    for folder, module in sorted(modules.items(), key=lambda pair: -len(pair[1])):
        if place == module or place.startswith(f"{module}/"):
            yield "/".join(filter(None, (folder, place[len(module) + 1 :])))


def _declaring(package: Mapping[str, Parsed], alias: str, used: set[str]) -> Iterator[str]:
    """The files of a package that declare a name which is used under its own name or an alias."""
    for path, parsed in package.items():
        known = alias or parsed.package
        if any(f"{known}.{name}" in used for name in parsed.provides):
            yield path
