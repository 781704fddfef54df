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

WRITING = frozenset("\t\n\r\u200c\u200d\u200e\u200f\u2028\u2029")
"""Those that words may hold: breaks, joiners and marks of direction. Other controls steer a terminal, or turn words
round so that they read otherwise than they are kept."""

UNREAD = "\ufffd"
"""Stands where a text was no UTF-8: an address that has it could be that of several things."""

_SEEN = r"\p{L}\p{M}\p{N}\p{P}\p{S}"
_WRITTEN = _SEEN + r"\p{Z}\t\n\r\u200c-\u200f"
NAME_PATTERN = rf"^[{_SEEN}\p{{Zs}}]+$"
WORDS_PATTERN = rf"^[{_WRITTEN}]*[{_SEEN}][{_WRITTEN}]*$"
"""What `check_text` lets through as a name, and as words, for the OpenAPI document (ECMA-262 with the flag u); but for
NFC and `UNREAD`."""

MAX_DEPTH = 32
"""Of arrays and objects in one another. A policy's deepest request has eight; what is kept must be written again."""


def parsed(raw: bytes) -> Any:
    """Return what a JSON text holds.

    UTF-8 without a byte order mark, as RFC 8259 asks of what crosses a network: nothing is guessed. A text in UTF-16
    could hold, in bytes that are all ASCII, letters that no name may have.

    Raises:
        Problem: 400: no JSON in UTF-8, nested deeper than `MAX_DEPTH`, a key twice, NaN, infinity or a number beyond
            a double; 422: a name with characters that cannot be seen, words that steer a terminal.
    """
    try:
        text = raw.decode()
        read = json.loads(text, object_pairs_hook=_without_twins, parse_float=_finite, parse_constant=_no_number)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # also UnicodeDecodeError, and integers of more digits than Python reads
        raise Problem(400, "no-json", f"no JSON: {error}"[:200], where="body", expected="JSON in UTF-8") from None
    _check_depth(read)
    if not raw.isascii() or b"\\" in raw or b"\x7f" in raw:  # else what JSON lets stand in a text can be seen
        for where, told, is_words in _texts(read):
            check_text(told, where, is_words)
    return read


def check_text(text: str, where: str, is_words: bool = False) -> None:
    """Refuse what cannot be seen in a name, or what is written in another way than NFC.

    Letters that look like others are let through: they are other letters, and name other things; see `look_alikes`.

    Raises:
        Problem: 422.
    """
    if text.isascii() and text.isprintable():
        return
    for character in text:
        if _is_unsafe(character, is_words):
            said = f"U+{ord(character):04X} in {where} cannot be seen or is not allowed"
            raise Problem(422, "unsafe-text", said, where=where, expected="printable characters, no direction marks")
    if not is_words and not unicodedata.is_normalized("NFC", text):
        raise Problem(422, "unsafe-text", f"{where} is not in Unicode's normal form C", where=where, expected="NFC")


def _is_unsafe(character: str, is_words: bool) -> bool:
    if is_words and character in WRITING:
        return False
    return character == UNREAD or unicodedata.category(character) in INVISIBLE


def _too_deep() -> Problem:
    return Problem(400, "no-json", "too deep", where="body", expected=f"at most {MAX_DEPTH} levels of nesting")


def _check_depth(read: Any) -> None:
    """Go down level by level, not by recursion."""
    level, depth = [read], 0
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]


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
