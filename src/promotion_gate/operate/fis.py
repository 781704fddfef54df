"""The FIS Calculation Service's core: the champion's bundle -> the Failure Impact Score of a module.

The registry writes the champion as a folder: `manifest.json` names the model, its data and each file's SHA-256;
`scores.json` holds what it said of all modules of the newest release. A known module is scored from there, without
importing the libraries of learning, which takes seconds; metrics or dependencies that come with a request take the
model, which is loaded once.
"""

import difflib
import hashlib
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from promotion_gate import bundle
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.errors import InputError, ModelError
from promotion_gate.params import Impact
from promotion_gate.schema import LEVELS, FISResult, ModuleData, Reason

if TYPE_CHECKING:
    from promotion_gate.learn.serving import Scorer

SCORES = "scores.json"

NAMES_COMPARED = 5000
"""Of a larger data set only the modules with the same file name are suggested: comparing all takes seconds."""


class UnknownModuleError(InputError):
    """A module that cannot be scored: nobody has metrics of it. `notes` tell what came in their place."""

    def __init__(self, message: str, notes: Iterable[Reason] = ()) -> None:
        super().__init__(message)
        self.notes = tuple(notes)


class FISCalculator:
    """Scores modules with the champion: from its stored scores, or with its model where figures of a module are given.

    Modules are scored one by one, each as if the others were as the data set knows them, not jointly.
    """

    def __init__(self, folder: pathlib.Path, manifest: bundle.Manifest, impact: Impact) -> None:
        self._folder, self._manifest, self._impact = folder, manifest, impact
        scores = self._stored_scores()
        try:
            self.release = str(scores["release"])
            self._entries: dict[tuple[str, str], Mapping[str, Any]] = {
                (str(entry["project"]), str(entry["module"])): entry for entry in scores["modules"]
            }
        except (KeyError, TypeError):
            raise ModelError(f"{folder / SCORES}: 'release' and 'modules' are expected") from None
        self.projects = sorted({project for project, _ in self._entries})
        self._loaded: Scorer | None = None

    def project(self, given: str | None) -> str:
        """Return the given project, or the only one that there is. InputError where there are several."""
        if given is not None:
            return given
        if len(self.projects) != 1:
            raise InputError(f"choose a project with --project: {', '.join(self.projects) or 'the model knows none'}")
        return self.projects[0]

    def modules(self, project: str) -> list[str]:
        """Return the names of a project's known modules, sorted."""
        return sorted(module for owner, module in self._entries if owner == project)

    def scored_release(self, module: ModuleData) -> str:
        """Return the release whose figures the module is scored with."""
        return str(self._entries.get((module.project, module.module), {}).get("release") or self.release)

    def unknown(self, module: ModuleData) -> str:
        """Return the sentence for a module that the data set does not know, with the names that come near."""
        if module.project not in self.projects:
            known = ", ".join(self.projects) or "none"
            return (
                f"module {module.module} cannot be scored: the data set has no project {module.project}, only {known}"
            )
        said = f"module {module.module} is not known to the data set; give metrics"
        names = self.modules(module.project)
        last = module.module.rsplit("/", 1)[-1]
        near = [name for name in names if name.rsplit("/", 1)[-1] == last][:3]
        if not near and len(names) <= NAMES_COMPARED:
            near = difflib.get_close_matches(module.module, names, n=3)
        return f"{said}, or did you mean {', '.join(near)}?" if near else said

    def score(self, module: ModuleData, load: float | None = None) -> FISResult:
        """Return the Failure Impact Score of a module.

        Args:
            module: without metrics and dependencies its stored scores are used; its `criticality`, if given, overrides
                the data set's. Metrics that the data set does not know are ignored (reason `metrics-ignored`).
            load: share, 0 to 1, of the present load; None: the data set's.

        Raises:
            UnknownModuleError: the project is unknown, or the module is and has no metric that the data set knows.
            InputError: a share is out of range, or a metric is negative that cannot be.
            ModelError: the bundle was changed or breaks its form.
        """
        if load is not None and not 0 <= load <= 1:
            raise InputError(f"load is a share between 0 and 1, not {load}")
        entry = self._entries.get((module.project, module.module))
        if module.project in self.projects and (module.metrics or (entry and module.dependencies is not None)):
            scorer, given = self._scorer(), set(module.metrics or ())
            if entry is None and given.isdisjoint(scorer.metrics):
                raise UnknownModuleError(self.unknown(module), map(Reason.model_validate, scorer.ignored(given)))
            return self._result(module, scorer.score(module), load, fresh=not given.isdisjoint(scorer.metrics))
        if entry is None:
            raise UnknownModuleError(self.unknown(module))
        return self._result(module, entry, load)

    def _scorer(self) -> "Scorer":
        from promotion_gate.learn.serving import Scorer  # XGBoost and pandas: seconds that a known module need not pay

        if self._loaded is None:
            bundle.verify(self._folder)
            self._loaded = Scorer(self._folder)
        return self._loaded

    def _stored_scores(self) -> Any:
        path = self._folder / SCORES
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        # Only this file: hashing the whole bundle for each decision would read the model and its tables too.
        if self._manifest.files.get(SCORES) != hashlib.sha256(content).hexdigest():
            raise ModelError(f"{path}: not the file that was registered (its hash differs); fetch it: `make champion`")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise ModelError(f"{path}: no JSON") from None

    def _result(
        self, module: ModuleData, entry: Mapping[str, Any], load: float | None, fresh: bool = False
    ) -> FISResult:
        try:
            probabilities = [float(value) for value in entry["probabilities"]]
            criticality = float(entry["criticality"] if module.criticality is None else module.criticality)
            pressure = float(entry["load"] or 0) if load is None else load
            # The score, and what it would be without criticality and without load.
            score, harmless, idle = failure_impact_score(
                [probabilities] * 3, self._impact, [criticality, 0, criticality], [pressure, pressure, 0]
            ).tolist()
            # The interval was computed at the stored criticality and load, and holds for no other.
            stored = criticality == entry["criticality"] and pressure == (entry["load"] or 0)
            total = sum(probabilities)
            return FISResult(
                project=module.project,
                module=module.module,
                fis=score,
                severity=entry["severity"],
                probabilities={level: share / total for level, share in zip(LEVELS, probabilities, strict=True)},
                interval=entry["interval"] if stored else None,
                reasons=(
                    *(Reason.model_validate(reason) for reason in entry["reasons"]),
                    *_lifted("criticality", criticality, score - harmless),
                    *_lifted("load", pressure, score - idle),
                    *(() if fresh else _age(module, entry["release"])),
                ),
                model_version=self._manifest.model_version or self._manifest.model_name,
                data_hash=self._manifest.data_hash,
            )
        except (InputError, KeyError, TypeError, ValueError) as error:  # pydantic's ValidationError is a ValueError
            wrong = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._folder}: the score of {module.module} breaks its form: {wrong}") from None


def _lifted(name: str, share: float, effect: float) -> tuple[Reason, ...]:
    if effect <= 0:
        return ()
    message = f"{name} {share:.2f} lifts the score by {effect:.3f}"
    return (Reason(code=f"{name}-gain", message=message, effect=round(effect, 6)),)


def _age(module: ModuleData, release: str | None) -> tuple[Reason, ...]:
    if module.version in (None, release):
        return ()
    message = f"scored with the metrics of {release}, the newest that the data set has, not of {module.version}"
    return (Reason(code="scored-other-release", message=message),)
