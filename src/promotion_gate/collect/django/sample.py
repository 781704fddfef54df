"""A random sample of the failure log with its evidence, for a person to read against the notes and the change."""

import csv
import pathlib
import random
from collections.abc import Iterator

from promotion_gate.collect import churn
from promotion_gate.collect.django import archives, layout, series

LINES_SHOWN = 14


def draw(raw: pathlib.Path, folder: pathlib.Path, size: int, seed: int) -> Iterator[str]:
    """Yield one paragraph a sampled failure: its row, its item's text, all items of that release, the changed lines."""
    with (raw / "failures.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = archives.by_version(folder)
    chosen = random.Random(seed).sample(rows, min(size, len(rows)))  # noqa: S311  (a sample to read, no secret)
    for place, row in enumerate(chosen, 1):
        yield f"[{place}] " + "\n".join(evidence(row, found))


def evidence(row: dict[str, str], found: dict[str, pathlib.Path]) -> Iterator[str]:
    """Yield the lines of one failure's paragraph, read from the archive that fixed it and the one before."""
    version, module = row["fixed_in"], row["module"]
    versions = list(found)
    before = versions[versions.index(version) - 1]
    _, new = archives.read(found[version], lambda path: path == module or layout.noted_version(path) is not None)
    _, old = archives.read(found[before], lambda path: path == module)
    yield f"{row['failure_id']} ({row['severity']}, score {row['match_score']}, also {row['also_fixed_in'] or '-'})"
    for item in series.noted_items(new, before, version):
        own = item.id == row["item"]
        yield f"  {'=>' if own else '  '} {item.id} {item.text[: 700 if own else 110]}"
    yield f"  changed: {row['changed_symbols']}"
    lines = [line for line in churn.diff(old[module], new[module]) if line[1:].strip()]
    yield from (f"    {line[:130]}" for line in lines[:LINES_SHOWN])
    if len(lines) > LINES_SHOWN:
        yield f"    ... {len(lines) - LINES_SHOWN} more lines"
