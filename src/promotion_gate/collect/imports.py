"""Import edges between the files of a Python project, read from their syntax trees; nothing is executed."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from promotion_gate.collect.python_syntax import parse, statements


def dotted(path: str) -> str:
    """Return the import name of a file: `a/b.py` is a.b, `a/__init__.py` is a."""
    name = path.removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


def modules_by_name(paths: Iterable[str]) -> dict[str, str]:
    """Map import names to paths."""
    return {dotted(path): path for path in paths}


def package_of(path: str) -> str:
    """Return the package that relative imports in a file start from."""
    return path.rpartition("/")[0].replace("/", ".")


def imported_names(tree: ast.Module, package: str) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) of every import statement: `import a.b` is (a.b, None), `from a import b` is (a, b).

    Imports inside functions count: they couple two files as much. A relative import that climbs above the top package
    is left out, for Python would refuse it too.
    """
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".") if package else []
                if node.level - 1 >= len(parents):
                    continue
                base = ".".join(parents[: len(parents) - node.level + 1] + ([node.module] if node.module else []))
            yield from ((base, alias.name) for alias in node.names)


def resolve(module: str, name: str | None, known: Mapping[str, str]) -> str | None:
    """Return the path of the file that an import names, or None where it is no file of the project.

    `from package import x` is the submodule package/x.py where there is one, else the package's own __init__.
    """
    if name is not None and (submodule := known.get(f"{module}.{name}")):
        return submodule
    return known.get(module)


def imported_files(path: str, text: str, known: Mapping[str, str]) -> set[str]:
    """Return the paths of the project's files that one file imports, itself left out; empty if it does not parse."""
    tree = parse(text)
    if tree is None:
        return set()
    found = {resolve(module, name, known) for module, name in imported_names(tree, package_of(path))}
    return {target for target in found if target is not None and target != path}


def edges(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the sorted (importer, imported) pairs among files, given as path -> text."""
    known = modules_by_name(files)
    return sorted((path, target) for path, text in files.items() for target in imported_files(path, text, known))
