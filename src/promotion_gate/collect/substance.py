"""Did a Python file change in substance? Compares syntax trees without what cannot make or mend a failure.

Left out: comments and layout (not in the tree at all), docstrings, the order and grouping of imports, imports inside
functions, `global` lines, `__all__`, version stamps. What is left is hashed symbol by symbol, so that a change has a
place.
"""

import ast
import hashlib
from collections.abc import Collection

from promotion_gate.collect.python_syntax import parse

FORMAL_NAMES = frozenset({"VERSION", "__version__", "__all__"})
BODY = "<module>"
IMPORTS = "<imports>"


class _Strip(ast.NodeTransformer):
    """Takes out of a tree what is no substance."""

    def __init__(self, formal: Collection[str]) -> None:
        self._formal = formal
        self._functions = 0

    def _body(self, node: ast.AST) -> ast.AST:
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        self._functions += function
        self.generic_visit(node)
        self._functions -= function
        body = node.body  # type: ignore[attr-defined]
        if body and isinstance(body[0], ast.Expr) and _is_text(body[0].value):
            body = body[1:]
        node.body = body or [ast.Pass()]  # type: ignore[attr-defined]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Module = _body  # noqa: N815

    def _import(self, node: ast.AST) -> ast.AST | None:
        return None if self._functions else node

    visit_Import = visit_ImportFrom = _import  # noqa: N815

    def visit_Global(self, node: ast.Global) -> None:
        """Drop the line; linters make releases drop and add it."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Drop version stamps, which every release changes, and `__all__`, which only lists what is defined."""
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        return None if names and all(name in self._formal for name in names) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Forget the u of u'text'."""
        node.kind = None
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visit, and keep blocks that lost all their statements valid."""
        super().generic_visit(node)
        if isinstance(getattr(node, "body", None), list) and not node.body:  # type: ignore[attr-defined]
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _walk(body: list[ast.stmt], prefix: str, symbols: dict[str, str]) -> None:
    rest: list[str] = []
    imports: list[str] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # overloads and property setters share a name: their hashes are chained
            name = prefix + node.name
            symbols[name] = _hash(symbols.get(name, ""), ast.dump(node))
        elif isinstance(node, ast.ClassDef):
            head = ast.dump(ast.Tuple([*node.bases, *node.decorator_list], ast.Load()))
            symbols[prefix + node.name] = _hash(head, *map(ast.dump, node.keywords))
            _walk(node.body, f"{prefix}{node.name}.", symbols)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            source = f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else ""
            imports += [f"{source}:{alias.name}:{alias.asname}" for alias in node.names]
        elif not isinstance(node, ast.Pass):
            rest.append(ast.dump(node))
    symbols[prefix + BODY] = _hash(*rest)
    if imports:
        symbols[prefix + IMPORTS] = _hash(*sorted(imports))


def fingerprint(text: str, formal: Collection[str] = FORMAL_NAMES) -> dict[str, str] | None:
    """Return {symbol: hash} of a file's substance, or None where it does not parse.

    What is assigned to a name in `formal` is left out.

    Symbols are dotted (`Model.save`); `<module>` is the code outside functions and classes, `Model.<module>` that of a
    class body, `<imports>` the set of names imported at module level.
    """
    tree = parse(text)
    if tree is None:
        return None
    symbols: dict[str, str] = {}
    _walk(_Strip(formal).visit(tree).body, "", symbols)
    return symbols


def changed_symbols(before: str, after: str, formal: Collection[str] = FORMAL_NAMES) -> list[str]:
    """Return the sorted symbols that changed in substance; empty where nothing but form changed.

    Import lines alone are form: a changed set of imports counts only beside a change of code. A text that does not
    parse is compared as it is, and its one symbol is `<module>`.
    """
    if before == after:
        return []
    old, new = fingerprint(before, formal), fingerprint(after, formal)
    if old is None or new is None:
        return [BODY]
    return sorted(
        name for name in old.keys() | new.keys() if old.get(name) != new.get(name) and not name.endswith(IMPORTS)
    )
