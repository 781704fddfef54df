"""Rows of the table `modules`: figures of a module's files at a release, and of what was done to them until then."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from promotion_gate.collect.git.history import Commit
from promotion_gate.collect.git.lineage import Birth, Touch
from promotion_gate.collect.git.measures import FIGURES

DAY = 86_400
YEAR = 365 * DAY

HISTORY = (
    "commits", "churn", "lines_added", "lines_deleted", "commits_1y", "churn_1y", "authors", "authors_1y",
    "top_author_share", "age_days", "idle_days",
)  # fmt: skip
COLUMNS = ("project", "release", "module", *FIGURES, "files", *HISTORY)

Figures = dict[str, int | float | None]


def size(files: Iterable[Mapping[str, int] | None]) -> Figures:
    """Return a module's figures: sums over its files, of `max_...` the largest; None where no file was measured."""
    known = [figures for figures in files if figures is not None]
    if not known:
        return dict.fromkeys(FIGURES)
    return {
        name: max(figures[name] for figures in known) if name.startswith("max_") else sum(one[name] for one in known)
        for name in FIGURES
    }


def history(
    births: Iterable[Birth], touches: Mapping[Birth, Sequence[Touch]], commits: Sequence[Commit], released: int
) -> Figures:
    """Return what was done to a module until a release, from the changes that count (bots' and mass ones do not).

    `churn` is lines added and deleted in all its life, `commits` counts each commit once, `..._1y` the 365 days before
    the release. `top_author_share` is the share of its commits by whoever made most, `age_days` and `idle_days` are
    whole days since it was added and last changed. Without a change that counts, what would tell of it is None.

    Args:
        births: the module's files.
        touches: changes of each file, by the place of their commit.
        commits: by place.
        released: seconds since 1970.
    """
    files = list(births)
    changes = [touch for birth in files for touch in touches.get(birth, ())]
    places = {touch.place for touch in changes}
    recent = {place for place in places if commits[place].time > released - YEAR}
    added, deleted = sum(touch.added or 0 for touch in changes), sum(touch.deleted or 0 for touch in changes)
    by_author = Counter(commits[place].author for place in places)
    born = min((commits[birth[0]].time for birth in files), default=None)
    last = max((commits[place].time for place in places), default=born)
    return {
        "commits": len(places),
        "churn": added + deleted,
        "lines_added": added,
        "lines_deleted": deleted,
        "commits_1y": len(recent),
        "churn_1y": sum((touch.added or 0) + (touch.deleted or 0) for touch in changes if touch.place in recent),
        "authors": len(by_author),
        "authors_1y": len({commits[place].author for place in recent}),
        "top_author_share": max(by_author.values()) / len(places) if places else None,
        "age_days": _days(born, released),
        "idle_days": _days(last, released),
    }


def _days(since: int | None, until: int) -> int | None:
    """Whole days; a clock that was ahead makes none."""
    return None if since is None else max(0, (until - since) // DAY)
