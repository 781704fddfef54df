"""JSON as it may come from anywhere: strict, bounded, without twins, tricks of Unicode and numbers that are none."""

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from promotion_gate.operate.service.problems import Problem

WORDS = frozenset({"reason", "evidence", "message"})
"""Keys whose values are what people say: there joiners and line breaks are part of writing."""

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that no name may hold: controls, zero-width and bidi marks, surrogates, unassigned, separators."""


def parsed(raw: bytes) -> Any:
    """Return what a JSON text holds.

    Raises:
        Problem: 400: no JSON in UTF-8, nested too deep, a key twice, NaN or infinity; 422: a name with characters that
            cannot be seen.
    """
    try:
        read = json.loads(raw, object_pairs_hook=_without_twins, parse_float=_finite, parse_constant=_no_number)
    except RecursionError:
        raise Problem(400, "no-json", "too deep", where="body", expected="less nesting") from None
    except ValueError as error:  # also UnicodeDecodeError, and integers of more digits than Python reads
        raise Problem(400, "no-json", f"no JSON: {error}"[:200], where="body", expected="JSON in UTF-8") from None
    if not raw.isascii() or b"\\u" in raw:
        for where, text, is_words in _texts(read):
            check_text(text, where, is_words)
    return read


def check_text(text: str, where: str, is_words: bool = False) -> None:
    """Refuse what cannot be seen in a name, or what is written in another way than NFC. Problem 422."""
    if text.isascii() and text.isprintable():
        return
    for character in text:
        category = unicodedata.category(character)
        if category == "Cs" or (category in INVISIBLE and not is_words):
            said = f"U+{ord(character):04X} in {where} cannot be seen or is not allowed"
            raise Problem(422, "unsafe-text", said, where=where, expected="printable characters, no direction marks")
    if not is_words and not unicodedata.is_normalized("NFC", text):
        raise Problem(422, "unsafe-text", f"{where} is not in Unicode's normal form C", where=where, expected="NFC")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object as a dict; of a key that is there twice no reader knows which value is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Problem(400, "twin-keys", f"the key {twice!r:.60} is there twice", where="body", expected="each key once")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.20} is no number that can be held")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _texts(read: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield each text of a JSON value with its key and whether people's words may stand there; no recursion."""
    waiting: list[tuple[str, Any]] = [("body", read)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, str):
            yield where, value, where in WORDS
        elif isinstance(value, list):
            waiting += [(where, item) for item in value]
        elif isinstance(value, dict):
            for key, item in value.items():
                yield "a key", key, False
                waiting.append((key, item))
