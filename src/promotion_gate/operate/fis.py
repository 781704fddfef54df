"""The FIS Calculation Service's core: the champion's bundle -> the Failure Impact Score of a module.

The registry writes the champion as a folder: `manifest.json` names the model, its data and each file's SHA-256;
`scores.json` holds what it said of all modules of the newest release. A known module is scored from there, without
importing the libraries of learning, which takes seconds; metrics or dependencies that come with a request take the
model, which is loaded once.
"""

import difflib
import hashlib
import json
import math
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promotion_gate import bundle
from promotion_gate.decide.attribution import BASE, CRITICALITY_GAIN, LOAD_GAIN, attribution, settled
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.decide.interval import fis_interval
from promotion_gate.errors import InputError, ModelError
from promotion_gate.rules import Impact
from promotion_gate.schema import LEVELS, Counterfactual, Explanation, FISResult, ModuleData, Reason

if TYPE_CHECKING:
    from promotion_gate.learn.serving import Scorer

SCORES = "scores.json"
GAINS = (CRITICALITY_GAIN, LOAD_GAIN)
LEAST_EFFECT = 0.0005
"""A part of the score that is smaller is no reason; the explanation holds it all the same."""

CHANGED = {
    "quiet-half-year": "after half a year without a failure or a change",
    "split-in-two": "as one of two halves of its file, its past failures kept",
}

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
        self._plain = impact.model_copy(update={"tail": Decimal(0)})
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

    def criticality(self, module: ModuleData) -> float:
        """Return the criticality that the module is scored with, a share; 0 where neither it nor the data set says."""
        known = self._entries.get((module.project, module.module), {})
        return float(known.get("criticality", 0.0) if module.criticality is None else module.criticality)

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
        """Return the Failure Impact Score of a module. See `scores`, whose only answer is returned or raised."""
        [found] = self.scores([module], [load])
        if isinstance(found, InputError):
            raise found
        return found

    def scores(
        self, modules: Sequence[ModuleData], loads: Sequence[float | None] | None = None
    ) -> list[FISResult | InputError]:
        """Return the Failure Impact Scores of modules; those that take the model are scored in one go.

        Args:
            modules: without metrics and dependencies a module's stored scores are used; its `criticality`, if given,
                overrides the data set's. Metrics that the data set does not know are ignored (reason
                `metrics-ignored`).
            loads: share, 0 to 1, of each one's present load; None: the data set's.

        Returns:
            For each module its score; or, not raised, UnknownModuleError where the project is unknown, or the module is
            and has no metric that the data set knows, InputError where a share is out of range, or a metric is negative
            that cannot be.

        Raises:
            ModelError: the bundle was changed or breaks its form.
        """
        found: dict[int, FISResult | InputError] = {}
        taking: list[int] = []
        for place, module in enumerate(modules):
            load = None if loads is None else loads[place]
            entry = self._entries.get((module.project, module.module))
            if load is not None and not 0 <= load <= 1:
                found[place] = InputError(f"load is a share between 0 and 1, not {load}")
            elif module.project in self.projects and (module.metrics or (entry and module.dependencies is not None)):
                taking.append(place)
            elif entry is None:
                found[place] = UnknownModuleError(self.unknown(module))
            else:
                found[place] = self._result(module, entry, load)
        for place, made in zip(taking, self._by_model([modules[place] for place in taking]), strict=True):
            module, load = modules[place], None if loads is None else loads[place]
            if isinstance(made, InputError):
                found[place] = made
            else:
                fresh = not self._scorer().metrics.isdisjoint(module.metrics or ())
                found[place] = self._result(module, made, load, fresh=fresh)
        return [found[place] for place in range(len(modules))]

    def _by_model(self, modules: Sequence[ModuleData]) -> list[dict[str, Any] | InputError]:
        if not modules:
            return []
        scorer, found = self._scorer(), self._scorer().scores(modules)
        for place, module in enumerate(modules):
            given = set(module.metrics or ())
            if (module.project, module.module) not in self._entries and given.isdisjoint(scorer.metrics):
                notes = map(Reason.model_validate, scorer.ignored(given))
                found[place] = UnknownModuleError(self.unknown(module), notes)
        return found

    def all_scores(self) -> dict[tuple[str, str], float]:
        """Return the Failure Impact Score of every known module, by project and name, with the data set's load."""
        try:
            rows = [
                (entry["probabilities"], entry["criticality"], entry["load"] or 0) for entry in self._entries.values()
            ]
            probabilities, criticality, load = zip(*rows, strict=True) if rows else ([[1, 0, 0, 0, 0]], [0], [0])
            scores = failure_impact_score(probabilities, self._impact, criticality, load).tolist()
        except (InputError, LookupError, TypeError, ValueError) as error:
            wrong = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._folder}: a score breaks its form: {wrong}") from None
        return dict(zip(self._entries, scores, strict=False))

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
            basis = entry.get("criticality_basis") if module.criticality is None else None
            lifted = f"{criticality:.2f}{f', {basis},' if basis else ''}"
            pressure = float(entry["load"] or 0) if load is None else load
            others = entry["counterfactuals"]
            score, *changed = failure_impact_score(
                [probabilities, *(other["probabilities"] for other in others)], self._impact, criticality, pressure
            ).tolist()
            [(low, high)] = fis_interval(probabilities, entry["spread"], self._impact, criticality, pressure).tolist()
            total = sum(probabilities)
            shares = [probability / total for probability in probabilities]
            parts = attribution(entry["contributions"], self._impact, criticality, pressure)
            parts = settled(parts, score, float(self._impact.tail))
            return FISResult(
                project=module.project,
                module=module.module,
                fis=score,
                severity=entry["severity"],
                probabilities=dict(zip(LEVELS, shares, strict=True)),
                interval=(low, high),
                reasons=(
                    *_moved(parts, entry["words"], {CRITICALITY_GAIN: lifted, LOAD_GAIN: f"{pressure:.2f}"}),
                    *(Reason.model_validate(reason) for reason in entry["reasons"]),
                    *(() if fresh else _age(module, entry["release"])),
                ),
                explanation=Explanation(fis=parts, expected_severity=self._expected(entry["contributions"], shares)),
                counterfactuals=tuple(
                    _counterfactual(other["code"], fis, score) for other, fis in zip(others, changed, strict=True)
                ),
                model_version=self._manifest.model_version or self._manifest.model_name,
                data_hash=self._manifest.data_hash,
            )
        # pydantic's ValidationError is a ValueError, and fsum raises ArithmeticErrors
        except (InputError, LookupError, TypeError, ValueError, ArithmeticError) as error:
            wrong = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._folder}: the score of {module.module} breaks its form: {wrong}") from None

    def _expected(self, log_odds: Mapping[str, Any], shares: Sequence[float]) -> dict[str, float]:
        """The mean weight of the severities and its parts."""
        weighed = zip(self._impact.weights, shares, strict=True)
        value = round(math.fsum(float(weight) * share for weight, share in weighed), 6)
        parts = settled(attribution(log_odds, self._plain), value, 0)
        return {"value": value, **{name: part for name, part in parts.items() if name not in GAINS}}


def _moved(parts: Mapping[str, float], words: Mapping[str, Any], shares: Mapping[str, str]) -> Iterator[Reason]:
    """The parts of the score as reasons, largest first; the base and what hardly moves it are left out."""
    for name, part in sorted(parts.items(), key=lambda item: -abs(item[1])):
        if name == BASE or abs(part) < LEAST_EFFECT:
            continue
        if name in shares:
            message = f"{name.removesuffix('-gain')} {shares[name]} lifts the score by {part:.3f}"
        else:
            verb = "raises" if part > 0 else "lowers"
            message = f"{words[name][verb]}: {verb} the score"
        yield Reason(code=name, message=message, effect=part)


def _counterfactual(code: str, fis: float, score: float) -> Counterfactual:
    now, then = f"{score:.3f}", f"{fis:.3f}"
    would = f"the score would be {then} instead of {now}" if then != now else f"the score would stay {now}"
    message = f"{CHANGED[code]}, {would}: the model's view, no promise of cause"
    return Counterfactual(code=code, message=message, fis=fis)


def _age(module: ModuleData, release: str | None) -> tuple[Reason, ...]:
    if module.version in (None, release):
        return ()
    message = f"scored with the metrics of {release}, the newest that the data set has, not of {module.version}"
    return (Reason(code="scored-other-release", message=message),)
