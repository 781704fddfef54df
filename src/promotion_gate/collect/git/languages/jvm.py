"""Imports of Java, Scala and Kotlin files, and the files of any of the three that they lead to.

An import names a class by its package, so it leads to the file that declares it. `import a.b.C.D` leads to a.b.C where
D lies within. Uses without an import (the same package) are no edges; imports of all of a package are counted only.
"""

import re
from collections.abc import Iterator, Mapping

import tree_sitter_java
import tree_sitter_kotlin
import tree_sitter_scala
from tree_sitter import Node

from promotion_gate.collect.git.languages.grammar import captures, text
from promotion_gate.collect.git.languages.parsed import Import, Parsed
from promotion_gate.collect.git.languages.resolved import AMBIGUOUS, EXTERNAL, WILDCARD, Resolved, nearest

JAVA = """
(package_declaration [(scoped_identifier) (identifier)] @package)
(import_declaration) @import
(program [
  (class_declaration name: (identifier) @type) (interface_declaration name: (identifier) @type)
  (enum_declaration name: (identifier) @type) (record_declaration name: (identifier) @type)
  (annotation_type_declaration name: (identifier) @type)])
"""
KOTLIN = """
(package_header (qualified_identifier) @package)
(import) @import
(source_file [
  (class_declaration name: (identifier) @type) (object_declaration name: (identifier) @type)
  (function_declaration name: (identifier) @type) (type_alias type: (identifier) @type)
  (property_declaration (variable_declaration (identifier) @type))])
"""
SCALA_TYPES = """
  (class_definition name: (identifier) @type) (object_definition name: (identifier) @type)
  (trait_definition name: (identifier) @type) (enum_definition name: (identifier) @type)
"""
SCALA = f"""
(package_clause name: (package_identifier) @package)
(import_declaration) @import
(compilation_unit [{SCALA_TYPES}])
(package_clause body: (template_body [{SCALA_TYPES}]))
"""
SPACE = re.compile(r"\s+|/\*.*?\*/|//[^\n]*", re.DOTALL)
WILD = ("*", "_", "given")


def java(source: bytes) -> Parsed:
    """Return a Java file's imports as (dotted name, "*" or "")."""
    found = captures(tree_sitter_java.language, JAVA, source)
    imports = []
    for node in found.get("import", ()):
        name = re.sub(r"^import\s+(static\s+)?", "", text(node)).rstrip("; \n")
        imports.append(_import(SPACE.sub("", name)))
    return _parsed(found, imports)


def kotlin(source: bytes) -> Parsed:
    """Return a Kotlin file's imports as (dotted name, "*" or "")."""
    found = captures(tree_sitter_kotlin.language, KOTLIN, source)
    names = (re.sub(r"^import\s+|\s+as\s+.*$", "", text(node).strip()) for node in found.get("import", ()))
    return _parsed(found, [_import(SPACE.sub("", name).replace("`", "")) for name in names])


def scala(source: bytes) -> Parsed:
    """Return a Scala file's imports as (dotted name, "*" or ""), one for each name in braces."""
    found = captures(tree_sitter_scala.language, SCALA, source)
    imports = [one for node in found.get("import", ()) for one in _scala_imports(text(node))]
    return _parsed(found, imports)


def _parsed(found: Mapping[str, list[Node]], imports: list[Import]) -> Parsed:
    package = ".".join(SPACE.sub("", text(node)).replace("`", "") for node in found.get("package", ()))
    types = dict.fromkeys(text(node).strip("`") for node in found.get("type", ()))
    return Parsed(package, tuple(types), tuple(dict.fromkeys(imports)))


def _import(name: str) -> Import:
    parent, _, last = name.rpartition(".")
    return (parent, "*") if last in WILD else (name, "")


def _scala_imports(written: str) -> Iterator[Import]:
    """`import a.{B, C => D, _}, e.F` is a.B, a.C, all of a, e.F."""
    plain = re.sub(r"^import\s+", "", written.strip())
    for part in re.findall(r"[^,{]+(?:\{[^}]*\})?", plain):
        prefix, brace, inner = part.strip().partition("{")
        if not brace:
            yield _import(_unaliased(prefix))
            continue
        for one in inner.rstrip("}").split(","):
            if name := _unaliased(one):
                yield _import(prefix.strip() + name)


def _unaliased(written: str) -> str:
    return SPACE.sub("", re.split(r"=>|\bas\b", written)[0]).replace("`", "")


def resolve(files: Mapping[str, Parsed]) -> Resolved:
    """Return the edges: of several files that declare a name, the nearest."""
    declared: dict[str, set[str]] = {}
    packages = set()
    for path, parsed in files.items():
        packages.add(parsed.package)
        for name in parsed.provides:
            declared.setdefault(f"{parsed.package}.{name}" if parsed.package else name, set()).add(path)
    found = Resolved()
    for path, parsed in files.items():
        for name, wild in parsed.imports:
            found.add(path, *_target(path, name, wild, declared, packages))
    return found


def _target(
    path: str, name: str, wild: str, declared: Mapping[str, set[str]], packages: set[str]
) -> tuple[str | None, str]:
    if wild and name in packages and name not in declared:
        return None, WILDCARD
    while name:
        if candidates := declared.get(name, set()):
            return nearest(path, candidates) if len(candidates) > 1 else next(iter(candidates)), AMBIGUOUS
        name = name.rpartition(".")[0]
    return None, EXTERNAL
