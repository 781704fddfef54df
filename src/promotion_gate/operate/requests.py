"""Streams of promotion requests: JSON lines or CSV -> one request or one error for every line, in constant memory."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Literal

from pydantic import ValidationError

from promotion_gate.errors import InputError, PromotionGateError
from promotion_gate.schema import PromotionRequest

Kind = Literal["json", "csv"]

CSV_COLUMNS = ("project", "module", "version", "category", "criticality", "level", "coverage")

MAX_LINE = 1 << 20
"""Bytes of a line: a request with a thousand metrics has a tenth of it."""

NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def share(name: str, text: str) -> float:
    """Return a share, 0 to 1, that was written as text. InputError for anything else, percentages included."""
    if not NUMBER.fullmatch(text.strip()) or not 0 <= float(text) <= 1:
        raise InputError(f"{name}: a share between 0 and 1 is expected, for instance 0.85, not {text!r:.40}")
    return float(text)


def read(
    stream: BinaryIO, name: str, project: Callable[[], str], kind: Kind | None = None
) -> Iterator[tuple[int, PromotionRequest | PromotionGateError]]:
    """Yield the number of every line that is not blank, from 1, and its request, or why it is none.

    Args:
        stream: JSON lines of `PromotionRequest`, or CSV with a header of some of `CSV_COLUMNS`, UTF-8.
        name: of the stream, for its errors.
        project: called for the project of a request that names none.
        kind: of the stream; None: JSON lines if the first line starts with a brace, else CSV.

    Raises:
        InputError: the header of a CSV stream lacks `module`, or has a column that is not known.
    """
    header: list[str] | None = None
    for number, line in _lines(stream):
        if isinstance(line, str) and not line.strip():
            continue
        try:
            if isinstance(line, InputError):
                raise line
            kind = kind or ("json" if line.lstrip().startswith("{") else "csv")
            if kind == "csv" and header is None:
                header = _header(line)
                continue
            yield number, _request(_from_json(line) if kind == "json" else _from_csv(line, header or []), project)
        except PromotionGateError as error:
            if kind == "csv" and header is None:  # nothing after a broken header can be read
                raise InputError(f"{name}:{number}: {error}") from None
            yield number, error


def explain(error: ValidationError) -> str:
    """Return the first thing that is wrong with a request in one line: where, what, and what was given."""
    # Of the alternatives of `coverage` the one that was tried in most depth is the one that was meant.
    first = max(error.errors(), key=lambda found: len(found["loc"]))
    where = [str(part) for part in first["loc"]]
    if where[:1] == ["coverage"]:
        where[1:2] = []  # pydantic's name of the alternative
        if len(where) == 1:
            expected = "a share between 0 and 1, for instance 0.85, or lines by suite"
            return f"coverage: {expected} is expected, not {first['input']!r:.60}"
    message = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] in ("missing", "value_error") else f", not {first['input']!r:.60}"
    return f"{'.'.join(where) or 'request'}: {message}{given}"


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str | InputError]]:
    number = 0
    while chunk := stream.readline(MAX_LINE + 1):
        number += 1
        if len(chunk) > MAX_LINE:
            while chunk and not chunk.endswith(b"\n"):
                chunk = stream.readline(MAX_LINE)
            yield number, InputError(f"a line of more than {MAX_LINE} bytes")
            continue
        try:
            yield number, chunk.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield number, InputError("not UTF-8 text")


def _request(read: dict[str, Any], project: Callable[[], str]) -> PromotionRequest:
    module = read.get("module")
    if isinstance(module, dict) and "project" not in module:
        module["project"] = project()
    try:
        return PromotionRequest.model_validate(read)
    except ValidationError as error:
        raise InputError(explain(error)) from None


def _from_json(line: str) -> dict[str, Any]:
    try:
        read = json.loads(line, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise InputError(f"no JSON: {error}") from None
    if not isinstance(read, dict):
        raise InputError("a JSON object is expected")
    return read


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object as a dict; of a key that is there twice no reader knows which value is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise InputError(f"the key {twice!r:.60} is there twice")
    return found


def _header(line: str) -> list[str]:
    columns = _cells(line)
    unknown = [column for column in columns if column not in CSV_COLUMNS]
    if unknown or "module" not in columns or len(set(columns)) != len(columns):
        wrong = f"{unknown[0]!r:.40}" if unknown else f"{','.join(columns)!r:.80}"
        raise InputError(f"a header of module and any of {', '.join(CSV_COLUMNS)}, each once, is expected, not {wrong}")
    return columns


def _from_csv(line: str, header: list[str]) -> dict[str, Any]:
    cells = _cells(line)
    if len(cells) != len(header):
        raise InputError(f"{len(header)} cells are expected, not {len(cells)}")
    row: dict[str, Any] = {column: cell for column, cell in zip(header, cells, strict=True) if cell}
    for column in ("criticality", "coverage"):
        if column in row:
            row[column] = share(column, row[column])
    request: dict[str, Any] = {column: row.pop(column) for column in ("level", "coverage") if column in row}
    return {**request, "module": row}


def _cells(line: str) -> list[str]:
    # A row is one line: names hold no line breaks, and so a broken quote cannot swallow the rows after it.
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True), [])]
    except csv.Error as error:
        raise InputError(f"no CSV: {error}") from None
