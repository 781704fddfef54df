"""What counts as a release: tags that fit a pattern, each New Year, or every so many days.

A tag is released when it was made, or when its commit was if that is later: clocks go wrong, but nothing is shipped
before it exists. On a date, the release is the last commit of the main line (first parents of HEAD) by then.
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from promotion_gate.collect.git.graph import Graph
from promotion_gate.errors import InputError

DAY = 86_400
EXPECTED = "tags:PATTERN (tags:'v*'), yearly:FIRST:LAST (yearly:2012:2019) or every:DAYSd (every:90d) is expected"


@dataclass(frozen=True)
class Release:
    """A release: its name, when it was released (seconds since 1970), the place of its commit in the graph."""

    name: str
    time: int
    place: int


@dataclass(frozen=True)
class Plan:
    """How releases are chosen. `pattern` is that of tags; `first` and `last` are years; `days` lie between two."""

    kind: Literal["tags", "yearly", "every"]
    pattern: str = ""
    first: int = 0
    last: int = 0
    days: int = 0

    def tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return the tags, with their commits, that fit the pattern; none where dates choose the releases."""
        fitting = {tag: commit for tag, commit in tags.items() if fnmatchcase(tag, self.pattern)}
        return fitting if self.kind == "tags" else {}


def plan(text: str) -> Plan:
    """Parse what `--releases` says. InputError where it says nothing that is known."""
    kind, _, rest = text.partition(":")
    if kind == "tags" and rest:
        return Plan("tags", pattern=rest)
    if kind == "yearly" and (years := re.fullmatch(r"(\d{4}):(\d{4})", rest)):
        first, last = map(int, years.groups())
        if 1970 <= first <= last:
            return Plan("yearly", first=first, last=last)
    if kind == "every" and (days := re.fullmatch(r"([1-9]\d{0,4})d", rest)):
        return Plan("every", days=int(days[1]))
    raise InputError(f"--releases {text}: {EXPECTED}")


def chosen(
    wanted: Plan, graph: Graph, head: str, tags: Mapping[str, str], times: Mapping[str, int]
) -> tuple[list[Release], list[str]]:
    """Return the releases, oldest first, and the names of those dates before which nothing was committed.

    Args:
        wanted: the plan.
        graph: of all commits.
        head: hash of the newest commit of the main line.
        tags: names with the hash of their commit, those that fit the plan.
        times: when each tag was made.
    """
    if wanted.kind == "tags":
        found = [_tagged(graph, tag, commit, times.get(tag, 0)) for tag, commit in tags.items()]
        return sorted(found, key=lambda release: (release.time, release.place, release.name)), []
    line = list(graph.main_line(graph.places[head]))
    releases, empty = [], []
    for name, time in _dates(wanted, graph.commits[line[-1]].time, graph.commits[line[0]].time):
        place = next((place for place in line if graph.commits[place].time <= time), None)
        if place is None:
            empty.append(name)
        else:
            releases.append(Release(name, time, place))
    return releases, empty


def _tagged(graph: Graph, tag: str, commit: str, time: int) -> Release:
    place = graph.places[commit]
    return Release(tag, max(time, graph.commits[place].time), place)


def _dates(wanted: Plan, first: int, last: int) -> Iterator[tuple[str, int]]:
    """Dates as (name, seconds since 1970): New Years by their year, the others by their day."""
    if wanted.kind == "yearly":
        for year in range(wanted.first, wanted.last + 1):
            time = int(datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp())
            yield str(year), time
        return
    for time in range(first - first % DAY + wanted.days * DAY, last + 1, wanted.days * DAY):
        yield datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d"), time
