"""What was not taken, by reason: nothing is dropped in silence."""

from dataclasses import dataclass, field

from promotion_gate.collect.git.naming import plain

LISTED = 50
"""Things that a report lists of each reason, in alphabetical order; the rest is counted."""


@dataclass
class Skipped:
    """Things by the reason for which they were skipped, each once."""

    things: dict[str, set[str]] = field(default_factory=dict)

    def add(self, reason: str, thing: str) -> None:
        """Add one, as a path may be over all releases."""
        self.things.setdefault(reason, set()).add(thing)

    def report(self) -> dict[str, dict[str, object]]:
        """Return how many there are, and the first of them, by reason."""
        return {
            reason: {"count": len(things), "first": [shown(thing) for thing in sorted(things)[:LISTED]]}
            for reason, things in sorted(self.things.items())
        }


def shown(path: str) -> str:
    """Return a path as a report shows it: what is not plain is escaped."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text if plain(text) else text.encode("unicode_escape").decode("ascii")
