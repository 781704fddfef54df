"""Looks at targets, one after the other: windows from their differences, and what is remembered of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from promotion_gate.agent.collector import Collected, State
from promotion_gate.agent.counters import Counts, differences
from promotion_gate.agent.spans import LONGEST_GAP_S, Span
from promotion_gate.agent.windows import Window


@dataclass(frozen=True)
class Look:
    """A look at a target, a process as a rule.

    Attributes:
        counts: what its counters show.
        started: when its process began, where it tells; seconds since 1970.
        sampled: when a server read it; None: just now.
    """

    counts: Counts
    started: float | None = None
    sampled: float | None = None


def told(project: str, span: Span, state: State, looks: Mapping[str, Look], counts_errors: bool) -> Collected:
    """Return the windows that follow from a look at some targets, and what is to be remembered.

    A target that was not seen this time, or that was not read anew since, keeps its place: its next window is wider.
    """
    windows: list[Window] = []
    kept = {name: past for name, past in state.items() if 0 <= span.end - past["at"] <= LONGEST_GAP_S}
    for name, look in looks.items():
        past = kept.get(name)
        since = span.since(past["at"] if past else None)
        if past and since is None:
            continue  # looked at twice for one window
        if past and since and look.sampled is not None and look.sampled == past["sampled"]:
            continue
        if past and since:
            before: Counts = past["counts"] if _is_same(past["started"], look.started) else {}
            windows += [
                Window(
                    project,
                    seen.module,
                    seen.version,
                    since.start,
                    since.end,
                    seen.requests,
                    seen.errors,
                    seen.latency_buckets,
                )
                for seen in differences(before, look.counts, counts_errors)
            ]
        kept[name] = {"at": span.end, "counts": look.counts, "started": look.started, "sampled": look.sampled}
    return Collected(windows, kept)


def _is_same(before: float | None, after: float | None) -> bool:
    return before is None or after is None or before == after
