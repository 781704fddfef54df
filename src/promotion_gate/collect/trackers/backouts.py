"""Which commits were taken back, and which commits a merge brought."""

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promotion_gate.collect.git.graph import Graph

HASHES = r"([0-9a-f]{7,64}\b(?:(?:,|\s+and|\s)\s*[0-9a-f]{7,64}\b)*)"
REVERTS = re.compile(
    rf"\bthis reverts commits?[:\s]+{HASHES}|\bback(?:ed|s|ing)?[ -]?out(?:\s+(?:changesets?|commits?))?[:\s]+{HASHES}",
    re.IGNORECASE,
)
MERGE = re.compile(r"reversing\s+changes\s+made\s+to", re.IGNORECASE)
SUBJECT = re.compile(r'\A(?:Revert|Back out|Backed out) "(.+)"\.?\s*$', re.MULTILINE)


@dataclass(frozen=True)
class Backouts:
    """Places of commits that take back others, each with these, and of those that are taken back for good."""

    reverts: Mapping[int, frozenset[int]]
    undone: frozenset[int]


def brought(graph: Graph, tip: int) -> dict[int, list[int]]:
    """Return, for each merge on the main line to a tip, the places of the commits that it brought there."""
    seen: set[int] = set()
    found = {}
    for place in reversed(list(graph.main_line(tip))):
        seen.add(place)
        new, stack = [], [parent for parent in graph.parents(place) if parent not in seen]
        while stack:
            one = stack.pop()
            if one not in seen:
                seen.add(one)
                new.append(one)
                stack.extend(graph.parents(one))
        if new:
            found[place] = new
    return found


def backouts(graph: Graph, merges: Mapping[int, Sequence[int]]) -> Backouts:
    """Find the commits that were taken back.

    A commit takes another back as git writes it (`This reverts commit <hash>`), as Mercurial's users do (`Backed out
    changeset <hash>`), or by the subject alone (`Revert "..."`): then the newest one before it that has that subject.
    What was taken back is there again where the taking back was itself taken back. Taking back a merge takes back what
    it brought.

    Args:
        graph: of all commits.
        merges: what each brought, see `brought`.
    """
    hashes = sorted((commit.sha, place) for place, commit in enumerate(graph.commits))
    targets: dict[int, frozenset[int]] = {}
    latest: dict[str, int] = {}
    for place, commit in enumerate(graph.commits):
        subject = commit.message.partition("\n")[0].strip()
        named = {one for one in _named(commit.message, hashes) if one < place}
        by_subject = SUBJECT.match(commit.message)
        if not named and by_subject and by_subject[1] in latest:
            named = {latest[by_subject[1]]}
        latest[subject] = place
        if named:
            more = {one for merge in named for one in merges.get(merge, ())} if MERGE.search(commit.message) else set()
            targets[place] = frozenset(named | more)
    undone: set[int] = set()
    for place in sorted(targets, reverse=True):
        if place not in undone:
            undone |= targets[place]
    return Backouts(targets, frozenset(undone))


def _named(message: str, hashes: Sequence[tuple[str, int]]) -> Iterator[int]:
    """The places of the commits whose hashes a message takes back; a hash that is nobody's or several ones' is none."""
    for found in REVERTS.finditer(message):
        for short in re.findall(r"[0-9a-f]{7,64}", (found[1] or found[2]).lower()):
            at = bisect.bisect_left(hashes, (short, -1))
            fitting = [place for sha, place in hashes[at : at + 2] if sha.startswith(short)]
            if len(fitting) == 1:
                yield fitting[0]
