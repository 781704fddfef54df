"""What the ledger knows moves the score: the newest load of a module, and failures since the model was made."""

import dataclasses
from collections.abc import Sequence

from promotion_gate import bundle
from promotion_gate.decide.case import Case, Overruling
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.rollback.attribution import Failure
from promotion_gate.schema import LEVELS, FISResult, PromotionRequest, Reason

Load = tuple[float, str]
"""A share, and the end of the window in which it was seen."""


def case_of(gate: Gate, request: PromotionRequest, overruling: Overruling | None, load: Load | None) -> Case:
    """Return the case of a request, its score with the module's newest load; a score that came along stays as it is.

    Raises:
        InputError, ModelError: as `Gate.case`.
    """
    case = gate.case(request, overruling)
    if load is None or request.fis is not None or case.score is None:
        return case
    share, until = load
    said = f"load {share:g}, as the monitoring saw it until {until}"
    notes = (*case.notes, Reason(code="load-observed", message=said))
    return dataclasses.replace(case, score=gate.calculator.score(request.module, load=share), notes=notes)


def rescored(gate: Gate, request: PromotionRequest, failures: Sequence[Failure], load: Load | None) -> FISResult:
    """Return a module's score as if the failures that were attributed to it stood in the history.

    The champion's own model and tables, and the pipeline's own features: the log gets one more row for each failure, of
    its severity, of the module that is to blame, dated to the log's end. So the score moves by the failures alone, not
    by the time that has passed since the data set was made.

    Raises:
        InputError: the data set knows neither the module nor its metrics.
        ModelError: there is no model, or it is broken.
    """
    import pandas as pd  # with the model, seconds: only a rollback pays them

    from promotion_gate.learn.model import FailureModel
    from promotion_gate.learn.scoring import score_release
    from promotion_gate.learn.serving import with_module
    from promotion_gate.learn.tables import read

    module, folder = request.module, gate.folder
    bundle.verify(folder)
    tables = read(folder / "tables")
    when = tables.end_of_log()
    known = tables.as_of(when)
    release = {one.project: one for one in known.newest()}.get(module.project)
    metrics = {name: value for name, value in (module.metrics or {}).items() if name in known.modules.columns}
    if release is None or (not metrics and module.module not in known.modules_of(release).module.array):
        raise InputError(f"module {module.module} cannot be scored again: the data set does not know it")
    rows = [
        {
            "failure_id": failure.failure_id,
            "project": module.project,
            "module": module.module,
            "severity": failure.severity,
            "occurred_at": when,
            "resolved_at": when,
        }
        for failure in failures
    ]
    if rows:
        more = pd.DataFrame(rows)
        more = more.astype({name: known.failures[name].dtype for name in more.columns if name in known.failures})
        log = pd.concat([known.failures, more[more.columns.intersection(known.failures.columns)]], ignore_index=True)
        known = dataclasses.replace(known, failures=log)
    known = with_module(known, release, module.model_copy(update={"metrics": metrics}))
    [entry] = score_release(FailureModel.load(folder / "model"), known, release, when, only=module.module)
    criticality = float(entry["criticality"] if module.criticality is None else module.criticality)
    pressure = float(entry["load"] or 0) if load is None else load[0]
    [fis] = failure_impact_score([entry["probabilities"]], gate.rules.impact, criticality, pressure).tolist()
    total = sum(entry["probabilities"])
    said = f"scored again with {len(rows)} more failure{'s' * (len(rows) != 1)} in the history"
    return FISResult(
        project=module.project,
        module=module.module,
        fis=fis,
        severity=entry["severity"],
        probabilities={level: share / total for level, share in zip(LEVELS, entry["probabilities"], strict=True)},
        reasons=(Reason(code="rescored", message=said),),
        model_version=gate.manifest.model_version or gate.manifest.model_name,
        data_hash=gate.manifest.data_hash,
    )
