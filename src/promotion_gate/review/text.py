"""A review as lines of text: the checklist first, then the decisions, then what they rest on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promotion_gate.review import differences, drift
from promotion_gate.review.decisions import KINDS
from promotion_gate.schema import LEVELS

DECISIONS, REQUIREMENTS, FEATURES = 15, 5, 8
"""How many of each a text shows; the page and the JSON hold all."""

SIGNS = {"pass": "pass", "warn": "WARN", "fail": "FAIL", "person": "[ ]"}


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the review, one thing a line."""
    challenger, champion = document["challenger"], document["champion"]
    against = f"against {champion['version']}, the champion" if champion else "with no champion to compare with"
    yield f"{challenger['version']} {against}"
    yield f"  {document['contest']['sentence']}"
    yield from _checklist(document["checklist"])
    yield from _decisions(document)
    yield from _metrics(document)
    yield from _calibration(document["calibration"])
    yield from _drift(document["drift"])
    yield from _differences(document)
    yield from _fairness(document["fairness"])


def _checklist(items: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield from _title("Checklist")
    for one in items:
        yield f"  {SIGNS[one['result']]:<4}  {one['code']:<18} {one['sentence']}"


def _decisions(document: Mapping[str, Any]) -> Iterator[str]:
    found = document["decisions"]
    yield from _title("Decisions that would change")
    if found is None:
        yield f"  {document['decisions_note'] or 'there is no champion to compare with'}"
        return
    covered = ", ".join(document["coverage_of"]) or "no release"
    yield (
        f"  {found['compared']} modules to {document['level']}; {found['measured']} have coverage, that of {covered}, "
        "the newest that has any"
    )
    yield "  " + ", ".join(f"{kind} {found['counts'][kind]}" for kind in KINDS)
    for one in found["changed"][:DECISIONS]:
        old, new = one["champion"], one["challenger"]
        yield f"  {one['kind']}: {one['module']}: {_short(old['status'])} -> {_short(new['status'])}"
        for side, verdict in (("champion", old), ("challenger", new)):
            told = "; ".join(reason["message"] for reason in verdict["reasons"])
            yield f"    {side:<10} FIS {verdict['fis']:.3f} {verdict['band']}: {told}"
        if one["moved"]:
            moved = ", ".join(f"{part['part']} {part['change']:+.3f}" for part in one["moved"])
            yield f"    {'moved by':<10} {moved}"
    if len(found["changed"]) > DECISIONS:
        yield f"  and {len(found['changed']) - DECISIONS} more: the page and --json list all"
    for one in found["requirements"][:REQUIREMENTS]:
        old, new = one["champion"]["required_coverage"], one["challenger"]["required_coverage"]
        yield f"  {one['kind']}: {one['module']}: {_share(old)} -> {_share(new)}, FIS {one['fis_change']:+.3f}"
    if len(found["requirements"]) > REQUIREMENTS:
        more = len(found["requirements"]) - REQUIREMENTS
        yield f"  and {more} more with the same verdict and another required coverage"
    for side in ("challenger", "champion"):
        if names := found[f"only_{side}"]:
            yield f"  only the {side} knows {len(names)} modules: {', '.join(names[:3])}{' ...' if names[3:] else ''}"


def _metrics(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _title(f"Metrics, means of {len(document['releases'])} test releases, with 95 % intervals")
    if not document["metrics"]:
        yield "  no test release in common"
        return
    yield f"  {'':<24} {'better':<7} {'challenger':<26} {'champion':<26} difference"
    for row in document["metrics"]:
        better = "higher" if row["higher_is_better"] else "lower"
        cells = [interval(row["challenger"]), interval(row["champion"]), interval(row["difference"], "+")]
        yield f"  {row['figure']:<24} {better:<7} {cells[0]:<26} {cells[1]:<26} {cells[2]}".rstrip()


def _calibration(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield from _title("Calibration: mean forecast, error; observed")
    if found is None:
        yield "  no test release"
        return
    for row in found["thresholds"]:
        sides = "  ".join(
            f"{side} {row[side]['forecast']:.4f}, {row[side]['error']:.4f}"
            for side in ("challenger", "champion")
            if side in row
        )
        worse = "" if row["from"] == LEVELS[-1] else " or worse"
        yield f"  {row['from'] + worse:<16} {sides}  observed {row['observed']:.4f}"
    chance = found["by_chance"]
    yield f"  by chance alone the first error would be {chance['mean']:.4f}, 19 times of 20 below {chance['high']:.4f}"


def _drift(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield from _title("Drift, champion to challenger: stability index of the figures, distance of the features")
    if found is None:
        yield "  not compared"
        return
    moved = [row for row in found["features"] if row["index"] > 0]
    if not moved:
        yield f"  none of {len(found['features'])} figures differs"
    for row in moved[:FEATURES]:
        size = "large" if row["index"] >= drift.LARGE else "moderate" if row["index"] >= drift.MODERATE else ""
        medians = f"median {_figure(row['champion_median'])} -> {_figure(row['challenger_median'])}"
        yield f"  {row['feature']:<28} {row['index']:.3f} {size:<9} {row['distance']:.3f}  {medians}"
    for side in ("challenger", "champion"):
        if names := found[f"only_{side}"]:
            yield f"  only the {side} has {', '.join(names)}"


def _differences(document: Mapping[str, Any]) -> Iterator[str]:
    data = document["data"]
    if "champion" in data:
        yield from _title("Data, champion -> challenger")
        old, new = data["champion"], data["challenger"]
        if old["hash"] == new["hash"]:
            yield f"  the same, {new['hash']!s:.12}"
        else:
            yield f"  {old['hash']!s:.12} -> {new['hash']!s:.12}, log to {old['end_of_log']} -> {new['end_of_log']}"
            for table, rows in new["rows"].items():
                yield f"  {table:<14} {old['rows'].get(table, 0)} -> {rows} rows"
        for title, key in (("Policy", "policy"), ("Parameters", "parameters"), ("Code", "code")):
            yield from _title(f"{title}, champion -> challenger")
            for row in document[key]:
                old_text, new_text = (differences.as_text(row[side]) for side in ("champion", "challenger"))
                yield f"  {row['key']}: {old_text} -> {new_text}"
            if not document[key]:
                yield "  no difference"


def _fairness(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        return
    yield from _title("By kind of module: held (of those with coverage), blocked; forecast and observed failures")
    for by, title in (("size", "lines of code"), ("category", found["categories_are"])):
        yield f"  {title}"
        for row in found[by]:
            told = [
                f"{side} held {_share(verdict['held'])} blocked {_share(verdict['blocked'])}"
                for side, verdict in row["verdicts"].items()
            ]
            if row["forecast"]:
                told.append(f"forecast {row['forecast']['challenger']:.3f} observed {row['forecast']['observed']:.3f}")
            yield f"    {row['group']:<24} {row['modules']:>5}  {';  '.join(told)}"


def interval(values: Sequence[float | None] | None, sign: str = "") -> str:
    """A value with its 95 % interval; a dash where there is none."""
    if values is None or values[0] is None:
        return differences.DASH
    value, *ends = values
    if None in ends:
        return f"{value:{sign}.4f}"
    return f"{value:{sign}.4f} [{ends[0]:{sign}.4f}, {ends[1]:{sign}.4f}]"


def _title(text: str) -> Iterator[str]:
    yield ""
    yield text


def _short(status: str) -> str:
    return status.split(" - ", maxsplit=1)[0]


def _share(value: float | None) -> str:
    return differences.DASH if value is None else f"{value:.3f}"


def _figure(value: float | None) -> str:
    return differences.DASH if value is None else f"{value:.4g}"
