"""What the stages found -> what report.html.j2 shows. A pure function; what is not there is said, never guessed."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from promotion_gate.pages import figures
from promotion_gate.pages.render import PERCENT
from promotion_gate.pages.report_gates import gates, tuning

Row = Mapping[str, Any]

NAMES = {
    "ours": "our model",
    "lines_of_code": "lines of code",
    "churn": "churn",
    "logistic_regression": "logistic regression",
    "random_forest": "random forest",
}
MERITS = {
    "auc": ("AUC", "higher"),
    "average_precision": ("Average precision", "higher"),
    "recall_at_20_percent_of_lines": ("Found in 20 % of lines", "higher"),
    "log_loss_failure": ("Log loss", "lower"),
    "brier": ("Brier score", "lower"),
    "calibration_error": ("Calibration error", "lower"),
}
COMPARED = ("auc", "average_precision")
Z = 1.959964


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the stages found, as they wrote it.

    Attributes:
        metrics: reports/metrics.json.
        calibration: reports/plots/calibration.csv: forecast, observed, modules, one row a group.
        backtest: reports/backtest.json.
        yield_safety: reports/plots/yield_safety.csv: gate, delayed, held_back, low, high.
        tuning: reports/policy_tuning.json, empty where the policy was not tuned.
        pareto: reports/plots/pareto.csv: kind, escaped, delayed, lines_asked.
        modules: FISResults of the newest release as plain mappings, each with its `band`.
        release: that release.
        bands: name, start, required (by level; None: blocked), lowest first.
        validation: reports/validation.json.
        ingested: data/interim/ingest.json.
        lineage: pairs of a title and text for the table of origins.
        inputs: SHA-256 of what the page was made from, by path.
    """

    metrics: Row
    calibration: Sequence[Row]
    backtest: Row
    yield_safety: Sequence[Row]
    tuning: Row
    pareto: Sequence[Row]
    modules: Sequence[Row]
    release: str
    bands: Sequence[Row]
    validation: Row
    ingested: Row
    lineage: Mapping[str, str]
    inputs: Mapping[str, str]


def context(found: Findings, riskiest: int = 15) -> dict[str, Any]:
    """Return what the template names.

    Args:
        found: by the stages.
        riskiest: how many modules are shown with their reasons.
    """
    ranked = sorted(found.modules, key=lambda module: (-module["fis"], module["module"]))
    return {
        "quality": _quality(found.metrics),
        "calibration": _calibration(found),
        "bands": _bands(found),
        "gates": gates(found.backtest, found.yield_safety),
        "promise": found.backtest.get("promise"),
        "tuning": tuning(found.tuning, found.pareto),
        "riskiest": [_told(module) for module in ranked[:riskiest]],
        "release": found.release,
        "modules": len(found.modules),
        "validation": _validation(found.validation),
        "ingested": found.ingested,
        "lineage": found.lineage,
        "inputs": found.inputs,
    }


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was seen among `count` (Wilson, 1927)."""
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count)) / (1 + Z * Z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _quality(metrics: Row) -> dict[str, Any]:
    means, differences = metrics["mean"], metrics["ours_less_baseline"]["mean"]
    compared = {
        MERITS[merit][0]: [(NAMES.get(name, name), told[merit]) for name, told in differences.items()]
        for merit in COMPARED
    }
    surely = {
        NAMES.get(name, name): all(told[merit][1] > 0 for merit in COMPARED) for name, told in differences.items()
    }
    rival = max(differences, key=lambda name: means[name]["auc"], default="")
    best = {}
    for merit, (_, good) in MERITS.items():
        told = {name: round(values[merit], 3) for name, values in means.items() if merit in values}
        top = (max if good == "higher" else min)(told.values())
        best[merit] = {NAMES.get(name, name) for name, value in told.items() if value == top}
    return {
        "best": best,
        "figure": Markup(figures.advantage(compared)) if differences else None,  # noqa: S704 - escaped there
        "merits": MERITS,
        "entrants": {NAMES.get(name, name): values for name, values in means.items()},
        "ours": means["ours"],
        "rival": NAMES.get(rival, rival),
        "baselines": {NAMES.get(name, name): told for name, told in differences.items()},
        "releases": metrics["releases"],
        "beaten": [name for name, sure in surely.items() if sure],
        "unsure": [name for name, sure in surely.items() if not sure],
    }


def _calibration(found: Findings) -> dict[str, Any]:
    rows = []
    for row in found.calibration:
        low, high = wilson(row["observed"], int(row["modules"]))
        rows.append({**row, "low": low, "high": high, "inside": low <= row["forecast"] <= high})
    return {
        "figure": Markup(figures.calibration(rows)),  # noqa: S704
        "rows": rows,
        "inside": sum(row["inside"] for row in rows),
        "error": found.metrics["mean"]["ours"]["calibration_error"],
    }


def _bands(found: Findings) -> dict[str, Any]:
    back = {row["band"]: row for row in found.backtest.get("bands", ())}
    rows = []
    for place, band in enumerate(found.bands):
        inside = sum(module["band"] == band["name"] for module in found.modules)
        fill = place / max(1, len(found.bands) - 1)
        rows.append({**band, "modules": inside, "fill": fill, "past": back.get(band["name"])})
    scores = [module["fis"] for module in found.modules]
    return {
        "figure": Markup(figures.distribution(scores, rows)),  # noqa: S704
        "rows": rows,
        "levels": list(found.bands[0]["required"]),
        "past": bool(back),
        "fills": {row["name"]: row["fill"] for row in rows},
    }


def _told(module: Row) -> dict[str, Any]:
    """A module with the reasons that raise its score, largest first, without what the column head says already."""
    raising = [reason for reason in module["reasons"] if (reason["effect"] or 0) > 0]
    low, high = module["interval"] or (None, None)
    return {
        **module,
        "low": low,
        "high": high,
        "failure": 1 - module["probabilities"]["negligible"],
        "reasons": [{**reason, "message": _short(reason["message"])} for reason in raising[:3]],
    }


def _short(message: str) -> str:
    return message.removesuffix(": raises the score").replace(" %", PERCENT)


def _validation(validation: Row) -> dict[str, Any]:
    broken = [check for check in validation["checks"] if not check["success"]]
    tables = {
        name: {
            "rows": rows,
            "checks": sum(check["table"] == name for check in validation["checks"]),
            "broken": [check for check in broken if check["table"] == name],
        }
        for name, rows in validation["rows"].items()
    }
    return {
        "success": validation["success"],
        "checks": len(validation["checks"]),
        "errors": [check for check in broken if check["severity"] == "error"],
        "warnings": [check for check in broken if check["severity"] == "warning"],
        "tables": tables,
    }
