"""Many requests in one command: JSON lines or CSV to JSON lines, or Parquet to Parquet."""

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import BinaryIO

import click

from promotion_gate.commands import output
from promotion_gate.commands.group import EXIT_CODES, worst_of
from promotion_gate.errors import InputError, PromotionGateError
from promotion_gate.operate import requests
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import Decision, PromotionRequest

KINDS: dict[str, requests.Kind] = {".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


Answer = tuple[int, tuple[PromotionRequest, Decision] | PromotionGateError]
"""Number of a line, and its request with the decision on it, or why there is none."""


def answers(gate: Gate, file: str, project: str | None) -> Iterator[Answer]:
    """Yield the decision on each request of a file, JSON lines or CSV; `-` is stdin.

    Raises:
        InputError: the file cannot be read or holds no request; a broken line is an answer of its own.
    """
    gate.rules  # noqa: B018 - wrong rules stop the run; a wrong line does not
    if file == "-":
        yield from _answers(gate, sys.stdin.buffer, "stdin", None, project)
        return
    path = pathlib.Path(file)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    with stream:
        yield from _answers(gate, stream, file, KINDS.get(path.suffix), project)


def decide_many(gate: Gate, file: str, project: str | None) -> int:
    """Print the decision on each request of a file as a JSON line; return the worst exit code.

    Raises:
        InputError: as `answers`.
    """
    codes = []
    for number, answer in answers(gate, file, project):
        if isinstance(answer, PromotionGateError):
            codes.append(complain(file, number, answer))
        else:
            click.echo(answer[1].model_dump_json())
            codes.append(EXIT_CODES[answer[1].status])
    return worst_of(codes)


def complain(file: str, number: int, error: PromotionGateError) -> int:
    """Say on both streams why a line has no decision; return its exit code."""
    click.echo(f"{'stdin' if file == '-' else file}:{number}: {error}", err=True)
    click.echo(output.error_as_json(str(error), number))
    return error.exit_code


def decide_table(gate: Gate, source: str, target: pathlib.Path) -> int:
    """Decide on all requests of a Parquet file into another; print how many have which status as JSON.

    Raises:
        InputError: the file is no table of requests.
    """
    from promotion_gate.operate.bulk_file import decide_file  # pandas and pyarrow

    counts = decide_file(pathlib.Path(source), target, gate.rules, gate.calculator.all_scores())
    click.echo(json.dumps({"requests": sum(counts.values()), **counts}))
    return worst_of([EXIT_CODES[status] for status, count in counts.items() if count])


def _answers(
    gate: Gate, stream: BinaryIO, name: str, kind: requests.Kind | None, project: str | None
) -> Iterator[Answer]:
    number = 0
    for number, request in requests.read(stream, name, lambda: gate.calculator.project(project), kind):
        if isinstance(request, PromotionGateError):
            yield number, request
            continue
        try:
            decision = gate.answer(request)
        except PromotionGateError as error:
            yield number, error
            continue
        yield number, (request, decision)
    if not number:
        raise InputError(f"{name}: no request")
