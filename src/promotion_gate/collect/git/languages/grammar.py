"""Syntax trees by tree-sitter: parsers and queries, made once a process."""

from collections.abc import Callable
from functools import cache

from tree_sitter import Language, Node, Parser, Query, QueryCursor


@cache
def _made(language: Callable[[], object], pattern: str) -> tuple[Parser, Query]:
    known = Language(language())
    return Parser(known), Query(known, pattern)


def captures(language: Callable[[], object], pattern: str, source: bytes) -> dict[str, list[Node]]:
    """Return the nodes of a source that a query captures, by the capture's name, in the order of the source.

    tree-sitter goes on behind what it cannot parse, so that a broken file shows what is whole in it.
    """
    parser, query = _made(language, pattern)
    found = QueryCursor(query).captures(parser.parse(source).root_node)
    return {name: sorted(nodes, key=lambda node: node.start_byte) for name, nodes in found.items()}


def text(node: Node) -> str:
    """Return the source of a node."""
    return (node.text or b"").decode("utf-8", "replace")
