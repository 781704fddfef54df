"""The model that answers, and how another takes its place: only after it has shown that it can answer.

The registry replaces the champion's folder while the service runs. What serves is therefore a copy of it, taken,
checked by its hashes and tried out before it goes live; the old one answers until then, and goes on if anything is
wrong. Nothing here is unpickled: a bundle is JSON, Parquet and XGBoost's own UBJ, each file with its SHA-256 in the
manifest.
"""

import hashlib
import logging
import pathlib
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from promotion_gate import bundle
from promotion_gate.errors import InputError, ModelError, PromotionGateError
from promotion_gate.operate.fis import FISCalculator
from promotion_gate.operate.gate import Gate, resolve_bundle
from promotion_gate.operate.look_alikes import KnownNames
from promotion_gate.operate.service.loads import Loads
from promotion_gate.operate.service.rooms import Room
from promotion_gate.schema import FISResult, ModuleData

if TYPE_CHECKING:
    from promotion_gate.learn.serving import Scorer

logger = logging.getLogger("promotion_gate.service")

CACHED = 10_000
"""Answers on modules that the model knows, kept as they are sent: some 2 KB each."""

TRIED = 2_000
"""So many of its stored scores a model must answer before it goes live. They are in the cache then."""

RETRY_S = 10.0
"""A bundle that was refused is tried again after so long: it may have been read while it was being written."""


_Asked = tuple[str, str, str | None, float | None]
"""Project, module, version, criticality."""


class LiveCalculator(FISCalculator):
    """The champion's calculator with the newest load, for many threads, and with ready answers on what it knows."""

    def __init__(self, gate: Gate, loads: Loads) -> None:
        super().__init__(gate.folder, gate.manifest, gate.rules.impact)
        self._loads = loads
        self.names = KnownNames(self._entries)
        self._loading = threading.Lock()
        self._answers: dict[_Asked, tuple[float | None, bytes]] = {}
        self._changing = threading.Lock()

    def scores(
        self, modules: Sequence[ModuleData], loads: Sequence[float | None] | None = None
    ) -> list[FISResult | InputError]:
        """Return the scores as `FISCalculator.scores`; a load is the newest one where none is given."""
        given = [None] * len(modules) if loads is None else loads
        newest = [
            self._loads.of(module.project, module.module) if load is None else load
            for module, load in zip(modules, given, strict=True)
        ]
        return super().scores(modules, newest)

    def score(self, module: ModuleData, load: float | None = None) -> FISResult:
        """Return the score as `FISCalculator.score`; of what the model knows, read from the ready answer."""
        if not self.is_ready(module):
            return super().score(module, load)
        newest = self._loads.of(module.project, module.module) if load is None else load
        return FISResult.model_validate_json(self._ready(module, newest))

    def as_json(self, module: ModuleData) -> bytes:
        """Return the score's JSON. Errors as `score`; LookAlike for a name that reads as one which the model knows."""
        self.names.check(module.project, module.module)
        if not self.is_ready(module):
            return self.score(module).model_dump_json().encode()
        load = self._loads.of(module.project, module.module)
        return self._ready(module, load)

    def as_jsons(self, modules: Sequence[ModuleData]) -> list[bytes | InputError]:
        """Return the scores' JSON, those that take the model scored in one go; errors as `scores`."""
        found: list[bytes | InputError] = []
        taking = iter(self.scores([module for module in modules if not self.is_ready(module)]))
        for module in modules:
            try:
                made = self.as_json(module) if self.is_ready(module) else next(taking)
                self.names.check(module.project, module.module)
            except InputError as error:
                made = error
            found.append(made.model_dump_json().encode() if isinstance(made, FISResult) else made)
        return found

    def try_model(self) -> None:
        """Let the model itself score a module, and load it by that: nobody who asks has to wait for it.

        Raises:
            ModelError: it cannot, or says other than its stored score.
        """
        (project, name), entry = next(iter(self._entries.items()))
        if not any(file.startswith("model/") for file in self._manifest.files):
            return  # nothing but stored scores
        again = self._scorer().score(ModuleData(project=project, module=name))
        off = max(abs(p - q) for p, q in zip(again["probabilities"], entry["probabilities"], strict=True))
        if off > 1e-6:  # float32 trees differ in the last places between machines
            raise ModelError(f"the model does not say of {name} what its stored scores say")

    def is_ready(self, module: ModuleData) -> bool:
        """Say whether the module is scored without the model, in a millisecond or two."""
        return not module.metrics and module.dependencies is None

    def _ready(self, module: ModuleData, load: float | None) -> bytes:
        """Return the ready answer; of each question only the one with the load of the last time is kept."""
        asked = module.project, module.module, module.version, module.criticality
        found = self._answers.get(asked)
        if found is None or found[0] != load:
            plain = ModuleData(project=asked[0], module=asked[1], version=asked[2], criticality=asked[3])
            found = load, super().score(plain, load).model_dump_json().encode()
            with self._changing:
                if asked not in self._answers and len(self._answers) >= CACHED:
                    del self._answers[next(iter(self._answers))]
                self._answers[asked] = found
        return found[1]

    def _scorer(self) -> "Scorer":
        with self._loading:  # else each thread that comes first would load one
            return super()._scorer()


class Live:
    """A model that passed its test, in a folder of its own.

    Attributes:
        gate: decides by it.
        calculator: scores by it.
        version: name and version.
        seal: SHA-256 of the manifest that it was made from.
        leave: removes the folder.
    """

    def __init__(self, models: pathlib.Path, params: pathlib.Path | None, loads: Loads) -> None:
        room = Room()
        try:
            folder = room.path / "champion"
            shutil.copytree(resolve_bundle(models), folder)
            self.seal = seal(folder)
            manifest = bundle.verify(folder)
            self.gate = Gate(params, folder)
            # The copy goes with the last request that holds the gate, which may be long after a swap.
            self.leave = weakref.finalize(self.gate, room.leave)
            self.calculator = LiveCalculator(self.gate, loads)
            self.gate.calculator = self.calculator
            self.version = manifest.model_version or manifest.model_name
            self._answer_for_itself(loads)
        except BaseException as error:
            room.leave()
            if isinstance(error, OSError | shutil.Error):
                raise ModelError(f"{models}: cannot be read: {' '.join(str(error).split()):.200}") from None
            raise

    def _answer_for_itself(self, loads: Loads) -> None:
        """Score the modules that it knows. ModelError where it cannot, or says other than its own stored scores."""
        calculator = self.calculator
        modules = [(project, name) for project in calculator.projects for name in calculator.modules(project)]
        if not modules:
            raise ModelError("the model knows no module")
        stored = calculator.all_scores()
        for project, name in modules[:TRIED]:
            module = ModuleData(project=project, module=name)
            answer = FISResult.model_validate_json(calculator.as_json(module))
            if loads.of(project, name) is None and abs(answer.fis - stored[project, name]) > 1e-9:
                said = f"the model answers {answer.fis} for {name}, its stored score is {stored[project, name]}"
                raise ModelError(said)
        calculator.try_model()


def seal(folder: pathlib.Path) -> str | None:
    """Return the hash of a bundle's manifest, which holds all other hashes; None where there is none."""
    try:
        return hashlib.sha256((folder / bundle.MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return None


class Models:
    """The live model and its successor.

    Args:
        models: the champion's folder, watched.
        params: parameter file, see `Gate`.
        loads: of the modules.
        told: called with `live` or `refused` at each change.

    Attributes:
        trouble: why the newest bundle does not serve; None where it does.
    """

    def __init__(
        self,
        models: pathlib.Path,
        params: pathlib.Path | None,
        loads: Loads,
        told: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self._models, self._params, self._loads, self._told = models, params, loads, told
        self._live: Live | None = None
        self._refused: tuple[str | None, float] | None = None
        self._turn = threading.Lock()
        self.trouble: str | None = f"{models}: no model was read yet"

    @property
    def live(self) -> Live:
        """The model that answers. ModelError where there is none yet."""
        if self._live is None:
            raise ModelError(self.trouble or "no model")
        return self._live

    def check_name(self, module: ModuleData) -> None:
        """Refuse a module that reads as one which the model knows: LookAlike. Without a model nothing is known."""
        if self._live is not None:
            self._live.calculator.names.check(module.project, module.module)

    def gate(self) -> Gate:
        """Return the gate in force. ModelError where there is no model yet."""
        return self.live.gate

    def close(self) -> None:
        """Let go of the live model's folder: at the end, which a signal may make too short for it."""
        if self._live is not None:
            self._live.leave()

    def refresh(self) -> None:
        """Look whether the champion is another one, and let it answer if it can; never raises for a bad one."""
        with self._turn:
            found = seal(self._models)
            if self._live is not None and found == self._live.seal:
                self.trouble = None
                return
            if self._refused is not None and self._refused[0] == found and time.monotonic() < self._refused[1]:
                return
            self._try(found)

    def _try(self, found: str | None) -> None:
        try:
            fresh = Live(self._models, self._params, self._loads)
        except (PromotionGateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            known = self._refused is not None and self._refused[0] == found
            self._refused = (found, time.monotonic() + RETRY_S)
            self.trouble = " ".join(str(error).split())[:300]
            if not known:
                live = None if self._live is None else self._live.version
                logger.error("model refused", extra={"trouble": self.trouble, "live": live})
                self._told("refused")
            return
        old, self._live, self._refused, self.trouble = self._live, fresh, None, None
        logger.info("model live", extra={"version": fresh.version, "before": None if old is None else old.version})
        self._told("live")
