"""The model card: what a reviewer must know of a model version before it goes live, as Markdown."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from promotion_gate.params import Params
from promotion_gate.review.contest import Contest
from promotion_gate.schema import LEVELS

POLICY, REVIEW = "## Policy", "## Review"
"""Headings of the card: a review stands above the policy."""

CHANGES = 8
"""So many decisions that would change are told in the description."""

LIMITS = """\
- Trained on failures that were found, fixed and matched to modules; what nobody reported counts as negligible.
- Ranks are taken within a release: a score compares modules of one release, not releases with one another.
- A critical failure is rare: its probability rests on few examples and on the order of the levels.
- A project that differs much from those trained on needs its own history before the score means anything."""


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
    factors = {
        band: "review" if band.multiplier is None else f"base x {band.multiplier}" for band in params.policy.bands
    }
    bands = "\n".join(f"| {band.start}&nbsp; | {band.name}&nbsp; | {told} |" for band, told in factors.items())
    levels, days = ", ".join(LEVELS), params.labels.horizon_days
    # A paragraph is one line: MLflow's pages break where the source does.
    paragraphs = (
        f"# {params.register_.model}",
        f"**Predicts** for each module of a release the probability of each level ({levels}) as the worst severity of "
        f"its production failures in the {days} days after the release. Negligible means: no failure.",
        "**Intended use.** To set the test coverage that a module's promotion needs, through the Failure Impact Score "
        "and the policy below, with a person who reviews what is blocked. Not for judging people: the figures speak of "
        "files.",
        f"**Data.** Raw tables with hash `{data_hash}`. The model saw only what was known at each release's date.",
        f"**Against the champion:** {_plain(compared)}.",
        f"{POLICY} `{policy_version}`",
        f"Base coverage: {thresholds}. Tail {params.impact.tail}, severity weights "
        f"{', '.join(map(str, params.impact.weights))}.",
        f"| FIS from | band | required coverage |\n| --- | --- | --- |\n{bands}",
        f"The sum is at most {params.policy.cap}; each rollback adds {params.policy.surcharge.step} until clean "
        f"promotions wear it off, at most {params.policy.surcharge.cap}.",
        "## Metrics",
        _metrics(metrics),
        "Brier score, log losses and calibration error are better where they are lower, the others where higher.",
        "## Limits",
        LIMITS,
    )
    return "\n\n".join(paragraphs) + "\n"


def with_review(
    card: str, review: Mapping[str, Any], sha256: str, artifact: str, picture: str, longest: int = 5000
) -> str:
    """Return the card with the outcome of a review above its policy, in the place of an earlier one.

    Args:
        card: Markdown, with or without a review.
        review: the document (`review.document.build`).
        sha256: of the stored document.
        artifact: address of the whole review on MLflow's pages.
        picture: address of its calibration plot there.
        longest: letters that the result may have; the last lines of the review that are too many are left out.
    """
    before, _, after = card.partition(f"\n{POLICY}")
    before = before.partition(f"\n{REVIEW}")[0].rstrip()
    room = longest - len(before) - len(POLICY) - len(after) - len(REVIEW) - 10
    plot = f"\n![Forecast and observed share of failed modules]({picture})\n" if review["calibration"] else ""
    told = ""
    for line in _review_lines(review, sha256, artifact):
        if len(told) + len(line) + len(plot) + 1 > room:
            break
        told += f"{line}\n"
    told += plot if len(told) + len(plot) <= room else ""
    rest = f"\n{POLICY}{after}" if after else ""
    return f"{before}\n\n{REVIEW}\n\n{told}{rest}"


def _review_lines(review: Mapping[str, Any], sha256: str, artifact: str) -> Iterator[str]:
    """The review in Markdown, what matters most first."""
    champion, counts, found = review["champion"], review["counts"], review["decisions"]
    against = f"against {champion['version']}" if champion else "as the first version"
    yield (
        f"Reviewed {against} on {review['made_at'][:10]}: {counts['fail']} failed, {counts['warn']} warnings, "
        f"{counts['pass']} passed. [The whole review]({artifact}) is an artifact of the run; its JSON has the SHA-256 "
        f"`{sha256}`."
    )
    yield ""
    for one in review["checklist"]:
        if one["result"] in ("fail", "warn"):
            yield f"- **{one['result']}** {one['code']}: {_plain(one['sentence'])}"
    if found:
        told = ", ".join(f"{kind} {number}" for kind, number in found["counts"].items() if number)
        yield from ("", f"Of {found['compared']} modules: {told or 'nothing changes'}.")
        yield from ("",) if found["changed"] else ()
        for one in found["changed"][:CHANGES]:
            scores = f"{one['champion']['fis']:.3f} to {one['challenger']['fis']:.3f}"
            yield f"- {one['kind']}: `{one['module'].replace('`', '')}`, FIS {scores}"


def _plain(text: str) -> str:
    """Text whose signs Markdown does not take for its own: names of files have underscores."""
    return "".join(f"\\{letter}" if letter in "\\`*_<>|#" else letter for letter in text)


def _metrics(metrics: Mapping[str, Any]) -> str:
    """Means of every entrant, and ours less each baseline; where there are no such blocks, every number in a row."""
    means = metrics.get("mean")
    if not isinstance(means, Mapping):
        return _table({path: {"value": f"{value:.4g}"} for path, value in numbers(metrics)}, "metric")
    shown = {name: {figure: f"{value:.3f}" for figure, value in numbers(block)} for name, block in means.items()}
    less = metrics.get("ours_less_baseline", {}).get("mean", {})
    if not less:
        return _table(_turned(shown), "mean of")
    intervals = {
        other: {figure: f"{values[0]:+.3f} [{values[1]:+.3f}, {values[2]:+.3f}]" for figure, values in figures.items()}
        for other, figures in less.items()
    }
    said = "The model less each baseline, with paired 95 % bootstrap intervals:"
    return "\n\n".join((_table(_turned(shown), "mean of"), said, _table(intervals, "less")))


def _turned(rows: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Rows as columns: figures are many and entrants few, and a page is higher than wide."""
    columns = dict.fromkeys(column for row in rows.values() for column in row)
    return {column: {name: row[column] for name, row in rows.items() if column in row} for column in columns}


def _table(rows: Mapping[str, Mapping[str, str]], corner: str) -> str:
    """A Markdown table; a cell that a row lacks stays empty."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [
        f"| {corner} | {' | '.join(f'&nbsp;{_words(column)}' for column in columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
    ]
    # The hard space keeps wide columns apart on MLflow's pages, whose cells have no padding.
    cells = {
        name: [f"&nbsp;{row[column]}" if "[" in row.get(column, "") else row.get(column, "") for column in columns]
        for name, row in rows.items()
    }
    lines += [f"| {_words(name)} | {' | '.join(row)} |" for name, row in cells.items()]
    return "\n".join(lines)


def _words(name: str) -> str:
    return name.replace("_", " ")
