"""What a release-note item and a changed module have in common: words and identifiers."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from promotion_gate.collect.django.notes import Item
from promotion_gate.collect.django.series import Change

LONGEST = 400  # changed lines that are read; beyond that a change is a rewrite and its words are noise
COMMON = """
    the and that was were where when with for from this are not fixed fix regression caused cause django ticket class
    meth func attr ref setting doc using used use self return none true false def import bug issue could would which
    security potential via has have been but also now its can may such than into release releases version
"""
STOP_WORDS = frozenset(COMMON.split())
SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def words(text: str) -> list[str]:
    """Return the words of prose or code in lower case; a compound name counts whole and by its parts."""
    found: list[str] = []
    for name in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text):
        parts = [part.lower() for part in SPLIT.findall(name)]
        found += [name.lower(), *(parts if len(parts) > 1 else [])]
    return [word for word in found if len(word) > 2 and word not in STOP_WORDS]


def quoted(text: str) -> set[str]:
    """Return the dotted names that an item sets in code or links to, in lower case."""
    names: set[str] = set()
    for code in re.findall(r"`+[~!]?\.?([^`<]+?)(?:\s*<[^>]*>)?`+", text):
        names.update(name.strip(".").lower() for name in re.findall(r"[A-Za-z_][\w.]*", code))
    return names - STOP_WORDS


def names(item: Item) -> set[str]:
    """Return the last two parts of each dotted name that an item quotes, short ones left out."""
    return {part for name in quoted(item.text) for part in name.split(".")[-2:] if len(part) > 3}


def code(change: Change) -> str:
    """Return the changed lines as one text, no more of them than are read."""
    return "\n".join(change.lines[:LONGEST])


def document(change: Change) -> list[str]:
    """Return the words that stand for a change: path and symbols thrice, the changed lines once."""
    path = change.module.removesuffix(".py").replace("/", " ")
    symbols = " ".join(change.symbols).replace(".", " ")
    return [*words(path), *words(symbols)] * 3 + words(code(change))


def vectorizer() -> TfidfVectorizer:
    """Return a TF-IDF vectorizer of texts that are lists of words already."""
    return TfidfVectorizer(analyzer=list, sublinear_tf=True)


def likeness(documents: Sequence[list[str]], items: Sequence[Item]) -> np.ndarray:
    """Cosine of TF-IDF vectors, shape (changes, items)."""
    texts = [words(item.text) for item in items]
    vectors = vectorizer().fit([*documents, *texts])
    return np.asarray((vectors.transform(documents) @ vectors.transform(texts).T).toarray())


def alike(changes: Sequence[Change]) -> np.ndarray:
    """Cosine of the TF-IDF vectors of the changed lines, shape (changes, changes)."""
    vectors = vectorizer().fit_transform([words(code(change)) or ["nothing"] for change in changes])
    return np.asarray((vectors @ vectors.T).toarray())


def named(changes: Sequence[Change], items: Sequence[Item]) -> np.ndarray:
    """Say whether an item quotes the very name of a changed function or class, shape (changes, items)."""
    quotes = [names(item) for item in items]
    symbols = [{symbol.rpartition(".")[2].lower() for symbol in change.symbols} for change in changes]
    return np.array([[bool(parts & own) for parts in quotes] for own in symbols], dtype=bool)


def identifier_hits(changes: Sequence[Change], items: Sequence[Item]) -> np.ndarray:
    """Weight of the identifiers that an item quotes and a change holds, shape (changes, items).

    A name that few items quote weighs more; one of a changed symbol twice that of one in the changed lines; the
    module's own dotted name 3.
    """
    quotes = [names(item) for item in items]
    dotted = [{name for name in quoted(item.text) if "." in name} for item in items]
    frequency = Counter(part for parts in quotes for part in parts)
    hits = np.zeros((len(changes), len(items)))
    for row, change in enumerate(changes):
        module = change.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        symbols = {part.lower() for symbol in change.symbols for part in symbol.split(".")}
        held = symbols | {word.lower() for word in re.findall(r"[A-Za-z_]\w+", code(change))}
        for column, parts in enumerate(quotes):
            own = any(name == module or name.startswith(f"{module}.") for name in dotted[column])
            weights = [(2 if part in symbols else 1) / (1 + math.log(1 + frequency[part])) for part in parts & held]
            hits[row, column] = 3 * own + math.fsum(weights)  # exact: sets have no order, and a plain sum would show it
    return hits
