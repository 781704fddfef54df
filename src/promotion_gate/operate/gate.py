"""The gate: rules and champion, each loaded when first needed -> the decision on a request."""

import pathlib
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from promotion_gate import bundle, params, yaml_file
from promotion_gate.decide.case import Case, Overruling, judge
from promotion_gate.decide.certificate import Origin
from promotion_gate.decide.digest import digest
from promotion_gate.decide.policy import UNSCORED, policy_version
from promotion_gate.errors import ModelError
from promotion_gate.provenance import installed_code
from promotion_gate.rules import Impact, Policy
from promotion_gate.schema import Decision, ModuleData, PromotionRequest, Reason

if TYPE_CHECKING:
    from promotion_gate.operate.fis import FISCalculator


DEFAULT_PARAMS = pathlib.Path("params.yaml")
DEFAULT_MODELS = pathlib.Path("models/champion")


def resolve_bundle(models: pathlib.Path) -> pathlib.Path:
    """Return the folder of the champion's bundle. ModelError where there is none."""
    if not (models / bundle.MANIFEST).is_file():
        raise ModelError(f"{models}: no model: run `make repro` first")
    return models


@dataclass(frozen=True)
class Rules:
    """What decides beside the model, its content hash, and the file or bundle that it was read from."""

    impact: Impact
    policy: Policy
    version: str
    source: str


def _holds_policy(file: pathlib.Path) -> bool:
    """Say whether a file is there with a policy of ours, if a broken one: other programs have a params.yaml too."""
    if not file.exists():
        return False
    read = yaml_file.read(file)
    policy = read.get("policy") if isinstance(read, dict) else None
    return isinstance(policy, dict) and not set(Policy.model_fields).isdisjoint(policy)


class Gate:
    """Decides on requests with the rules of a parameter file, else with those that were registered with the champion.

    Args:
        params_file: the parameter file; None: `params.yaml` in the current folder if it exists and has a policy of
            ours, else the bundle's.
        models: folder of the champion's bundle.

    Every property raises ModelError where it needs a bundle that is missing or broken, InputError for a parameter file.
    """

    def __init__(self, params_file: pathlib.Path | None = None, models: pathlib.Path = DEFAULT_MODELS) -> None:
        self._params_file, self._models = params_file, models

    @cached_property
    def folder(self) -> pathlib.Path:
        """The champion's bundle."""
        return resolve_bundle(self._models)

    @cached_property
    def manifest(self) -> bundle.Manifest:
        """What the champion's bundle says of itself."""
        return bundle.read_manifest(self.folder)

    @cached_property
    def rules(self) -> Rules:
        """The rules in force."""
        file = self._params_file or (DEFAULT_PARAMS if _holds_policy(DEFAULT_PARAMS) else None)
        if file is not None:
            read = params.load_rules(file)
            return Rules(read.impact, read.policy, policy_version(read.impact, read.policy), str(file))
        try:
            impact, policy = Impact.model_validate(self.manifest.impact), Policy.model_validate(self.manifest.policy)
        except ValidationError as error:
            wrong = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
            raise ModelError(f"{self.folder}: the model's policy does not fit this version: {wrong}") from None
        return Rules(impact, policy, policy_version(impact, policy), self.manifest.model_version or str(self.folder))

    @cached_property
    def calculator(self) -> "FISCalculator":
        """The champion's calculator under the rules in force."""
        from promotion_gate.operate.fis import FISCalculator  # NumPy: a what-if does without it

        return FISCalculator(self.folder, self.manifest, self.rules.impact)

    def dependencies(self, module: ModuleData) -> list[str]:
        """Return what a module depends on: as it says itself, else as the data set knows it of the scored release."""
        if module.dependencies is not None:
            return list(module.dependencies)
        return self._dependencies.get((module.project, self.calculator.scored_release(module), module.module), [])

    @cached_property
    def _dependencies(self) -> dict[tuple[str, str, str], list[str]]:
        import pyarrow.parquet  # as in `calculator`

        bundle.verify(self.folder)
        columns = ["project", "release", "module", "depends_on"]
        read = pyarrow.parquet.read_table(self.folder / "tables/dependencies.parquet", columns=columns).to_pydict()
        found: dict[tuple[str, str, str], list[str]] = {}
        for project, release, name, needs in zip(*(read[column] for column in columns), strict=True):
            found.setdefault((project, release, name), []).append(needs)
        return found

    def case(self, request: PromotionRequest, overruling: Overruling | None = None) -> Case:
        """Return all that decides on a request: its score, computed where none came with it, and the rules.

        A module that cannot be scored, unknown and without metrics that the data set knows, or of an unknown project,
        has no score, which blocks; that is no error.

        Raises:
            InputError: a metric is negative that cannot be.
            ModelError: a score is needed and there is no model that can be trusted.
        """
        score, unscored = request.fis, UNSCORED
        notes: tuple[Reason, ...] = ()
        if score is not None:
            said = "the score came with the request and was not computed here"
            notes = (Reason(code="fis-supplied", message=said),)
        else:
            from promotion_gate.operate.fis import UnknownModuleError  # as in `calculator`

            try:
                score = self.calculator.score(request.module)
            except UnknownModuleError as error:
                unscored, notes = str(error), error.notes
        if request.fis is None and self.rules.version != self.manifest.policy_version:
            said = (
                f"policy {self.rules.version} is not the one registered with the model, {self.manifest.policy_version}"
            )
            notes = (*notes, Reason(code="policy-not-registered", message=said))
        return Case(
            request=request,
            score=score,
            unscored=unscored,
            notes=notes,
            surcharge=Decimal(0),
            impact=self.rules.impact,
            policy=self.rules.policy,
            policy_source=self.rules.source,
            overruling=overruling,
        )

    def answer(self, request: PromotionRequest) -> Decision:
        """Return the decision on a request, with the further key `policy_source`.

        Raises:
            InputError: as `case`; the level is unknown, or the given score is another module's.
            ModelError: as `case`.
        """
        return judge(self.case(request))

    def origin(self, case: Case) -> Origin:
        """Return the model, data and code behind a case. ModelError where its model is gone or broken."""
        if case.request.fis is not None:  # no model was asked
            return Origin(None, None, *installed_code())
        return Origin(digest(self.manifest.files), self.manifest.data_hash, *installed_code())
