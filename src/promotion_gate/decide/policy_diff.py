"""Two policies on the same modules: whose decisions change, and how."""

import pandas as pd

from promotion_gate.decide.bulk import verdicts
from promotion_gate.decide.gates import measured, scored
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE
from promotion_gate.rules import RulesFile

STRICTNESS = {PROMOTE: 0, INSUFFICIENT: 1, BLOCKED: 2}
SHOWN = ("fis", "band", "required_coverage", "status")


def changes(modules: pd.DataFrame, before: RulesFile, after: RulesFile, level: str) -> pd.DataFrame:
    """Return the modules for which two policies do not say the same.

    Args:
        modules: project, release, module, p_negligible to p_critical, criticality, and what suites covered as
            covered_SUITE and total_SUITE where it is known, one row a module.
        before: rules.
        after: rules.
        level: target level of the promotion.

    Returns:
        project, release, module, coverage (share; NaN where none is known), and fis, band, required_coverage and status
        `_before` and `_after`. Where no module was measured a status says nothing, and another band or required
        coverage counts as a change. First what is let through that was held, then by the size of the step, then by
        score; last what is held that was let through.

    Raises:
        InputError: a policy does not know the level.
    """
    found = modules[["project", "release", "module"]].copy()
    for name, rules in (("before", before), ("after", after)):
        rows = scored(modules, rules.impact).assign(level=level)
        made = verdicts(rows, rules.policy).assign(fis=rows["fis"])
        found["coverage"] = made["coverage"]
        for column in SHOWN:
            plain = made[column].astype(str) if column in ("band", "status") else made[column]
            found[f"{column}_{name}"] = plain
    if measured(modules).any():
        changed = found["status_before"] != found["status_after"]
    else:
        required = found[["required_coverage_before", "required_coverage_after"]].fillna(-1.0)
        other = required["required_coverage_before"] != required["required_coverage_after"]
        changed = (found["band_before"] != found["band_after"]) | other
    looser = found["status_after"].map(STRICTNESS) - found["status_before"].map(STRICTNESS)
    order = found.assign(looser=looser, risk=-found[["fis_before", "fis_after"]].max(axis=1))[changed]
    return order.sort_values(["looser", "risk", "module"]).drop(columns=["looser", "risk"]).reset_index(drop=True)
