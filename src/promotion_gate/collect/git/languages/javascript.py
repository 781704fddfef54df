"""Imports of JavaScript and TypeScript files, and the files that their relative paths lead to.

Read are import, export ... from, require() and import() with a plain string. Only relative paths lead to a file: what
else a name means is up to a bundler's configuration, and is counted.
"""

import posixpath
from collections.abc import Callable, Collection, Mapping

import tree_sitter_typescript

from promotion_gate.collect.git.languages.grammar import captures, text
from promotion_gate.collect.git.languages.parsed import Parsed
from promotion_gate.collect.git.languages.resolved import EXTERNAL, Resolved

QUERY = """
(import_statement source: (string (string_fragment) @source))
(import_require_clause source: (string (string_fragment) @source))
(export_statement source: (string (string_fragment) @source))
(call_expression function: (import) arguments: (arguments . (string (string_fragment) @source)))
((call_expression function: (identifier) @_name arguments: (arguments . (string (string_fragment) @source)))
  (#eq? @_name "require"))
"""
ENDINGS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs")
WRITTEN_FOR = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".ts",), ".cjs": (".ts",)}
"""TypeScript may name the file that it will be compiled to."""


def typescript(source: bytes) -> Parsed:
    """Return a TypeScript file's imports, each one string."""
    return _extract(tree_sitter_typescript.language_typescript, source)


def javascript(source: bytes) -> Parsed:
    """Return the imports of a JavaScript file, or of one with JSX: TypeScript's grammar with JSX reads them all."""
    return _extract(tree_sitter_typescript.language_tsx, source)


def _extract(language: Callable[[], object], source: bytes) -> Parsed:
    found = captures(language, QUERY, source).get("source", ())
    return Parsed(imports=tuple(dict.fromkeys((text(node),) for node in found)))


def resolve(files: Mapping[str, Parsed]) -> Resolved:
    """Return the edges; a path may lack its ending, or name a folder with an index."""
    found = Resolved()
    for path, parsed in files.items():
        for (source,) in parsed.imports:
            found.add(path, _file(path, source, files) if source.startswith(".") else None, EXTERNAL)
    return found


def _file(path: str, source: str, files: Collection[str]) -> str | None:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
    stem, ending = posixpath.splitext(place)
    tried = [
        place,
        *(stem + other for other in WRITTEN_FOR.get(ending, ())),
        *(place + other for other in ENDINGS),
        *(posixpath.join("" if place == "." else place, f"index{other}") for other in ENDINGS),
    ]
    return next((one for one in tried if one in files), None)
