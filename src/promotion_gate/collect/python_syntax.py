"""The shape of a Python file, read from its syntax tree: what lizard, which knows no grammar, cannot count."""

import ast
import warnings
from collections import Counter
from collections.abc import Iterator

BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match)
FIGURES = ("classes", "raises", "try_blocks", "max_nesting", "comment_lines")


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree, or None where this Python cannot read the text (broken, or newer than this Python)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in old sources are none of our business
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the lists of statements right below a statement or module: its body, else, handlers, cases."""
    for name in ("body", "orelse", "finalbody"):
        if isinstance(below := getattr(node, name, None), list):  # a conditional expression's are no lists
            yield below
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield all statements below a node; much faster than `ast.walk`, for expressions hold none."""
    for block in blocks(node):
        for statement in block:
            yield statement
            yield from statements(statement)


def nesting(node: ast.AST, depth: int = 0) -> int:
    """Return the deepest nesting of blocks (if, for, while, try, with, match) below a node; 0 without any."""
    depth += isinstance(node, BLOCKS)
    deepest = depth
    for block in blocks(node):
        # an elif is an if in the tree's else, but no deeper to the reader
        elif_ = isinstance(node, ast.If) and block is node.orelse and len(block) == 1 and isinstance(block[0], ast.If)
        for statement in block:
            deepest = max(deepest, nesting(statement, depth - elif_))
    return deepest


def measure(text: str) -> dict[str, int] | None:
    """Return the counts named in `FIGURES`, or None where the text does not parse."""
    tree = parse(text)
    if tree is None:
        return None
    kinds = Counter(type(node).__name__ for node in statements(tree))
    return {
        "classes": kinds["ClassDef"],
        "raises": kinds["Raise"],
        "try_blocks": kinds["Try"] + kinds["TryStar"],
        "max_nesting": nesting(tree),
        "comment_lines": sum(line.lstrip().startswith("#") for line in text.splitlines()),
    }
