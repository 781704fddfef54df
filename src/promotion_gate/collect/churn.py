"""How much a text changed, in lines."""

import difflib
from collections.abc import Iterator


def opcodes(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the replaced stretches (i1, i2, j1, j2): before[i1:i2] became after[j1:j2]."""
    # autojunk would call frequent lines junk in files over 200 lines, and report too much change
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return (span for tag, *span in matcher.get_opcodes() if tag != "equal")  # type: ignore[misc]


def changed_lines(before: str, after: str) -> tuple[int, int]:
    """Return (lines added, lines deleted) between two texts; a replaced line counts once in each."""
    if before == after:
        return 0, 0
    added = deleted = 0
    for i1, i2, j1, j2 in opcodes(before.splitlines(), after.splitlines()):
        deleted += i2 - i1
        added += j2 - j1
    return added, deleted


def diff(before: str, after: str) -> list[str]:
    """Return the changed lines, those of `before` led by `-`, those of `after` by `+`."""
    old, new = before.splitlines(), after.splitlines()
    lines: list[str] = []
    for i1, i2, j1, j2 in opcodes(old, new):
        lines += [f"-{line}" for line in old[i1:i2]]
        lines += [f"+{line}" for line in new[j1:j2]]
    return lines
