"""All that the endpoints work with: ledger, live model, management, tokens, limits; begun and ended together."""

import logging
import urllib.parse
from collections.abc import Callable, Mapping

from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.deployers import discovery
from promotion_gate.operate.deployers.protocol import Deployer
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.payload import SYSTEM
from promotion_gate.operate.ledger.system_events import CallRefused
from promotion_gate.operate.management.management import PromotionManagement
from promotion_gate.operate.rollback.ports import Clock, SystemClock
from promotion_gate.operate.service.limits import RateLimit
from promotion_gate.operate.service.loads import Loads
from promotion_gate.operate.service.metrics import Metrics
from promotion_gate.operate.service.models import Models
from promotion_gate.operate.service.problems import Problem
from promotion_gate.operate.service.settings import Settings
from promotion_gate.operate.service.tokens import Tokens
from promotion_gate.operate.watches.telling import Telling
from promotion_gate.operate.watches.watches import Watches

logger = logging.getLogger("promotion_gate.service")

STRANGERS_PER_SECOND = 10.0
"""Of one address: beyond, a call without a valid token is answered 429, and neither audited nor looked up."""


class Service:
    """Opened by its construction; `close` ends it.

    Args:
        settings: see there.
        clock: time.

    Raises:
        PromotionGateError: the ledger cannot be opened or the deployers' file is wrong. A missing model is no error:
            the service is not ready then.

    Attributes:
        description: the OpenAPI document's JSON, from `app.build` on.
        telemetry_came: is called when telemetry was kept; `app.build` looks at the watches then.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings, self.clock = settings, clock or SystemClock()
        self.description = b"{}"
        self.telemetry_came: Callable[[], None] = lambda: None
        self.metrics, self.loads = Metrics(), Loads()
        self.callers, self.strangers = RateLimit(settings.rate), RateLimit(STRANGERS_PER_SECOND)
        self._audited_429 = RateLimit(1 / 60, depth=1)
        self.ledger = Ledger.open(settings.database)
        try:
            self.deployers = self._read_deployers()
            with self.ledger.read() as queries:
                self.loads.refresh(queries)
            self.models = Models(settings.models, settings.params, self.loads, self.metrics.model_tried)
            self.models.refresh()
            self.management = PromotionManagement(self.ledger, self.models.gate, self.deployers, self.clock)
            self.watches = Watches(self.ledger, self.models.gate, self.clock)
            self.telling = Telling(self.management, self.quietly)
            self.tokens = Tokens(self.ledger)
        except BaseException:
            self.ledger.close()
            raise

    def close(self) -> None:
        """Let go of the ledger and of the model, when what the watches found is told."""
        self.telling.close()
        self.ledger.close()
        self.models.close()

    def look_around(self) -> None:
        """Take up what others wrote: loads, a new champion."""
        with self.ledger.read() as queries:
            self.loads.refresh(queries)
        self.models.refresh()

    def do_what_is_due(self) -> None:
        """Let the management expire, end watches, finish what was left."""
        self.management.tick()

    def watch(self) -> bool:
        """Look at the watches, tell what they found; return whether all telemetry that arrived is in them."""
        is_up_to_date = self.watches.look()
        self.metrics.watched([one.verdict.state for one in self.watches.standing()])
        self.telling.tell(self.watches.degraded())
        return is_up_to_date

    def quietly(self, work: Callable[[], object]) -> None:
        """Do something in the background: what goes wrong is logged and counted, and tried again at the next tick."""
        try:
            work()
        except PromotionGateError as error:
            self.metrics.tick_failed()
            logger.error("background work failed", extra={"trouble": str(error)})
        except Exception:  # the next tick must come whatever a deployer of somebody else's does
            self.metrics.tick_failed()
            logger.exception("background work failed")

    def readiness(self) -> tuple[bool, list[str]]:
        """Return whether requests can be answered, and what is not as it should be."""
        detail = []
        try:
            with self.ledger.read() as queries:
                queries.head()
        except PromotionGateError as error:
            detail.append(str(error))
        is_ready = not detail
        try:
            live = self.models.live
        except PromotionGateError as error:
            return False, [*detail, str(error)]
        if self.models.trouble:
            detail.append(f"{live.version} goes on: the newer model is refused: {self.models.trouble}")
        return is_ready, detail

    def audit(self, actor: str | None, method: str, path: str, problem: Problem) -> None:
        """Write down that a call was refused; of those above the rate one a minute of each caller."""
        self.metrics.refused(problem.code)
        if problem.status == 429 and not self._audited_429.take(actor or "stranger"):
            return
        told = CallRefused(
            method=method[:20], path=urllib.parse.quote(path)[:1000], status=problem.status, reason=problem.code
        )
        try:
            with self.ledger.write(actor or "stranger", self.clock.now()) as writer:
                writer.append(SYSTEM, told)
        except PromotionGateError as error:
            logger.error("a refused call is in this log alone", extra={**told.model_dump(), "trouble": str(error)})

    def _read_deployers(self) -> Mapping[tuple[str, str], Deployer]:
        if self.settings.deployers is None:
            return {}
        return discovery.read(self.settings.deployers, self._last_stable)

    def _last_stable(self, place: tuple[str, str], module: str) -> str | None:
        project, level = place
        with self.ledger.read() as queries:
            return queries.module(project, module).stable.get(level, (None, None))[1]
