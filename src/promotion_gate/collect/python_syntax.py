"""The shape of a Python file, read from its syntax tree: what lizard, which knows no grammar, cannot count."""

import ast
import warnings
from collections import Counter

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


def nesting(node: ast.AST, depth: int = 0) -> int:
    """Return the deepest nesting of blocks (if, for, while, try, with, match) below a node; 0 without any."""
    depth += isinstance(node, BLOCKS)
    return max((nesting(child, depth) for child in ast.iter_child_nodes(node)), default=depth)


def measure(text: str) -> dict[str, int] | None:
    """Return the counts named in `FIGURES`, or None where the text does not parse."""
    tree = parse(text)
    if tree is None:
        return None
    kinds = Counter(type(node).__name__ for node in ast.walk(tree))
    return {
        "classes": kinds["ClassDef"],
        "raises": kinds["Raise"],
        "try_blocks": kinds["Try"] + kinds["TryStar"],
        "max_nesting": nesting(tree),
        "comment_lines": sum(line.lstrip().startswith("#") for line in text.splitlines()),
    }
