"""Which item of the release notes does a changed module belong to? Words and identifiers in common decide.

Every change of a patch release is scored against every item of its notes:

- cosine of TF-IDF vectors: the item's words against the module's path, its changed symbols and its changed lines;
- identifiers that the item quotes and the change holds, rare ones more than common ones.

A fix that went into several series is one change: its scores are averaged over the releases, over the items that all of
them note. What then fits an item well lends some of that to the modules changed beside it whose lines are like its own:
the helper of a fix is seldom named by the note.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from promotion_gate.collect.django import archives, evidence
from promotion_gate.collect.django.notes import Item
from promotion_gate.collect.django.series import Change

IDENTIFIER_WEIGHT = 0.25
SAME_CHANGE = 0.6  # Jaccard of the changed lines from which two releases' changes of a module are the same
LENT = 0.3  # share of a neighbour's score that a change may borrow, at full likeness
# found by reading some 150 matches against the notes: a clear lead says more than a high score
STRONG = 0.3
WEAK, LEAD = 0.06, 0.05


@dataclass(frozen=True)
class Match:
    """A change and an item that it belongs to; `margin` is the lead over the next best item."""

    change: Change
    item: Item
    score: float
    margin: float

    @property
    def accepted(self) -> bool:
        """Whether the match is strong enough to call the change the mending of that failure."""
        return self.score >= STRONG or (self.score >= WEAK and self.margin >= LEAD)


def same_changes(changes: Sequence[Change]) -> list[list[int]]:
    """Group the places of changes that are one change made in several releases: same module, alike changed lines."""
    groups: dict[str, list[list[int]]] = defaultdict(list)
    lines = [frozenset(line.replace(" ", "") for line in change.lines) for change in changes]
    for place, change in enumerate(changes):
        for group in groups[change.module]:
            first = group[0]
            alike = len(lines[place] & lines[first]) >= SAME_CHANGE * len(lines[place] | lines[first])
            if alike and all(changes[other].version != change.version for other in group):
                group.append(place)
                break
        else:
            groups[change.module].append([place])
    return [group for found in groups.values() for group in found]


def pool(scores: np.ndarray, changes: Sequence[Change], keys: Sequence[dict[str, int]]) -> np.ndarray:
    """Average the scores of one change made in several releases over the defects that all of them note.

    `scores` has shape (changes, items), `keys` maps for each change the defects its release notes to their columns.
    Defects that only some of those releases note cannot be what was changed in all: they score 0. Where no defect is
    common to all, scores stay as they are.
    """
    pooled = scores.copy()
    for group in same_changes(changes):
        common = set.intersection(*(set(keys[place]) for place in group))
        if len(group) == 1 or not common:
            continue
        for place in group:
            pooled[place] = 0
        for key in common:
            mean = np.mean([scores[place, keys[place][key]] for place in group])
            for place in group:
                pooled[place, keys[place][key]] = mean
    return pooled


def lend(scores: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Let changes of one release borrow from those like them; `neighbours` is their likeness, shape (n, n)."""
    borrowed = np.zeros_like(scores)
    for place in range(len(scores)):
        weights = neighbours[place].copy()
        weights[place] = 0
        borrowed[place] = (weights[:, None] * scores).max(axis=0, initial=0)
    return np.asarray(scores + LENT * borrowed)


def columns_by_release(noted: Sequence[tuple[str, Item]]) -> dict[str, dict[str, int]]:
    """Return {release: {defect: place in `noted`}}; a defect that a release notes twice counts once."""
    columns: dict[str, dict[str, int]] = defaultdict(dict)
    for column, (version, item) in enumerate(noted):
        columns[version].setdefault(item.key, column)
    return dict(columns)


def choose(block: np.ndarray, named: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield (change, item, margin): the best item of each change, and further ones that it surely mends as well.

    `block` holds the scores of one release, `named` whether an item quotes the name of a changed symbol, both of shape
    (changes, items). A further item must name a symbol of the change, score `STRONG`, and fit no other change better.
    """
    for row, line in enumerate(block):
        best, *others = np.argsort(-line, kind="stable")
        yield row, int(best), float(line[best] - (line[others[0]] if others else 0))
        for other in others:
            if named[row, other] and line[other] >= STRONG and line[other] >= block[:, other].max():
                yield row, int(other), 0.0


def match(changes: Sequence[Change], noted: Sequence[tuple[str, Item]]) -> list[Match]:
    """Return the items of each change whose release notes any; weak matches too, for the caller to count.

    `noted` are (release that fixed it, item).
    """
    items = [item for _, item in noted]
    by_release = columns_by_release(noted)
    documents = [evidence.document(change) for change in changes]
    scores = evidence.likeness(documents, items) + IDENTIFIER_WEIGHT * evidence.identifier_hits(changes, items)
    scores = pool(scores, changes, [by_release.get(change.version, {}) for change in changes])
    alike, named = evidence.alike(changes), evidence.named(changes, items)
    found = []
    for version, own in by_release.items():
        rows = [row for row, change in enumerate(changes) if change.version == version]
        place = np.ix_(rows, list(own.values()))
        block = lend(scores[place], alike[np.ix_(rows, rows)])
        for row, column, margin in choose(block, named[place]):
            item = items[list(own.values())[column]]
            found.append(Match(changes[rows[row]], item, float(block[row, column]), margin))
    return sorted(found, key=lambda one: (archives.number(one.change.version), one.change.module, one.item.place))
