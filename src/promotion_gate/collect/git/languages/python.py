"""Imports of Python files, from their syntax trees, and the files that they lead to.

A name starts at a source root: the top of the repository, a folder named `src` or `lib`, the folder above a package (a
folder with __init__.py). In another folder it is known to the files below it alone: a script imports its neighbours.
"""

import ast
from collections.abc import Iterator, Mapping

from promotion_gate.collect.git.languages.parsed import NotParsed, Parsed
from promotion_gate.collect.git.languages.resolved import AMBIGUOUS, EXTERNAL, Resolved, nearest
from promotion_gate.collect.python_syntax import parse, statements

ROOTS = ("src", "lib")


def extract(source: bytes) -> Parsed:
    """Return the imports as (dots, module, name): `from ..a import b` is ("..", "a", "b"), `import a` is ("", "a", "").

    Raises:
        NotParsed: it is no Python of this Python's version.
    """
    tree = parse(source.decode("utf-8-sig", "replace"))
    if tree is None:
        raise NotParsed
    found: list[tuple[str, ...]] = []
    for node in statements(tree):
        if isinstance(node, ast.Import):
            found += [("", alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [("." * node.level, node.module or "", alias.name) for alias in node.names]
    return Parsed(imports=tuple(dict.fromkeys(found)))


def resolve(files: Mapping[str, Parsed]) -> Resolved:
    """Return the edges; `from a import b` leads to a/b.py where there is one, else to a.py or a/__init__.py."""
    found = Resolved()
    names = _Names(files)
    for path, parsed in files.items():
        for dots, module, name in parsed.imports:
            found.add(path, *names.target(path, dots, module, name))
    return found


class _Names:
    """Dotted names with the files that have them, by the folder where the names start."""

    def __init__(self, paths: Mapping[str, Parsed]) -> None:
        self._packages = {path.removesuffix("/__init__.py") for path in paths if path.endswith("/__init__.py")}
        self._shared: dict[str, set[str]] = {}
        self._local: dict[tuple[str, str], str] = {}
        for path in paths:
            stem = path.removesuffix(".py").removesuffix("/__init__")
            folder = path.rpartition("/")[0]
            self._local[folder, stem.removeprefix(f"{folder}/") if folder != stem else ""] = path
            for root in self._roots(folder):
                self._shared.setdefault(stem[len(root) + 1 if root else 0 :].replace("/", "."), set()).add(path)

    def _roots(self, folder: str) -> Iterator[str]:
        """The folders from which a file's name starts for everybody."""
        parts = folder.split("/") if folder else []
        yield ""
        yield from ("/".join(parts[:end]) for end in range(1, len(parts) + 1) if parts[end - 1] in ROOTS)
        top = folder
        while top in self._packages:
            top = top.rpartition("/")[0]
        if top and top != folder and top.rpartition("/")[2] not in ROOTS:
            yield top

    def target(self, path: str, dots: str, module: str, name: str) -> tuple[str | None, str]:
        """The file that an import leads to, or None with the reason."""
        if dots:
            parts = path.split("/")[:-1]
            if len(dots) - 1 > len(parts):
                return None, EXTERNAL
            above = parts[: len(parts) - len(dots) + 1]
            return self._at("/".join([*above, *filter(None, module.split("."))]), name), EXTERNAL
        dotted = f"{module}.{name}" if name else module
        for wanted in (dotted, module):
            if candidates := self._shared.get(wanted, set()):
                found = nearest(path, candidates) if len(candidates) > 1 else next(iter(candidates))
                return found, AMBIGUOUS
        here = path.rpartition("/")[0]
        below = "/".join(filter(None, [here, *module.split(".")]))
        return self._at(below, name) if here not in self._packages else None, EXTERNAL

    def _at(self, place: str, name: str) -> str | None:
        """The file of a name in a package or module that lies at a place."""
        folder, _, stem = place.rpartition("/")
        return self._local.get((place, name)) or self._local.get((place, "")) or self._local.get((folder, stem))
