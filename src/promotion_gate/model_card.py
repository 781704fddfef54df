"""The model card: what a reviewer must know of a model version before it goes live, as Markdown."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from promotion_gate.contest import Contest
from promotion_gate.params import Params
from promotion_gate.schema import LEVELS


def numbers(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every finite number in a nested mapping with its dotted path; `low` and `high` of lists by position."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from numbers(value, f"{path}.")
        elif isinstance(value, list):
            yield from numbers({str(position): item for position, item in enumerate(value)}, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield path, float(value)


def render(
    params: Params,
    metrics: Mapping[str, Any],
    data_hash: str,
    policy_version: str,
    contest: Contest | None,
    champion: str,
) -> str:
    """Write the card.

    Args:
        params: of the run.
        metrics: reports/metrics.json: `mean` has a block an entrant; `ours_less_baseline.mean` one a baseline, of lists
            [difference, low, high] by figure.
        data_hash: of the raw tables.
        policy_version: content hash of the policy and impact sections.
        contest: the comparison with the present champion, None where there was none.
        champion: name and version of that champion, empty where there was none.
    """
    compared = contest.sentence(champion) if contest else "there was no champion to compare with"
    thresholds = ", ".join(f"{level} {base}" for level, base in params.policy.base.items())
    bands = "\n".join(
        f"| {band.start} | {band.name} | {'review' if band.multiplier is None else f'base x {band.multiplier}'} |"
        for band in params.policy.bands
    )
    return f"""# {params.register_.model}

**Predicts** for each module of a release the probability of each level ({", ".join(LEVELS)}) as the worst severity of
its production failures in the {params.labels.horizon_days} days after the release. Negligible means: no failure.

**Intended use.** To set the test coverage that a module's promotion needs, through the Failure Impact Score and the
policy below, with a person who reviews what is blocked. Not for judging people:
the figures speak of files.

**Data.** Raw tables with hash `{data_hash}`. The model saw only what was known at each release's date.

**Against the champion:** {compared}.

## Policy `{policy_version}`

Base coverage: {thresholds}. Tail {params.impact.tail}, severity weights {", ".join(map(str, params.impact.weights))}.

| FIS from | band | required coverage |
| --- | --- | --- |
{bands}

## Metrics

{_metrics(metrics)}

## Limits

- Trained on failures that were found, fixed and matched to modules; what nobody reported counts as negligible.
- Ranks are taken within a release: a score compares modules of one release, not releases with one another.
- A critical failure is rare: its probability rests on few examples and on the order of the levels.
- A project that differs much from those trained on needs its own history before the score means anything.
"""


def _metrics(metrics: Mapping[str, Any]) -> str:
    """Means of every entrant, and ours less each baseline; where there are no such blocks, every number in a row."""
    means = metrics.get("mean")
    if not isinstance(means, Mapping):
        return _table({path: {"value": f"{value:.4g}"} for path, value in numbers(metrics)}, "metric")
    shown = _table({name: {k: f"{v:.4g}" for k, v in numbers(block)} for name, block in means.items()}, "mean of")
    less = metrics.get("ours_less_baseline", {}).get("mean", {})
    if not less:
        return shown
    intervals = {
        other: {figure: f"{values[0]:+.4f} [{values[1]:+.4f}, {values[2]:+.4f}]" for figure, values in figures.items()}
        for other, figures in less.items()
    }
    return (
        f"{shown}\n\nThe model less each baseline, with paired 95 % bootstrap intervals:\n\n{_table(intervals, 'less')}"
    )


def _table(rows: Mapping[str, Mapping[str, str]], corner: str) -> str:
    """A Markdown table; a cell that a row lacks stays empty."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"| {corner} | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    lines += [f"| {name} | {' | '.join(row.get(column, '') for column in columns)} |" for name, row in rows.items()]
    return "\n".join(lines)
