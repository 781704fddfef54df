"""What the watches find goes the way of every failure, beside them: a slow deployer keeps no other watch waiting."""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from promotion_gate.operate.ledger.errors import Conflict
from promotion_gate.operate.ledger.module_events import Failure
from promotion_gate.operate.management.management import PromotionManagement
from promotion_gate.operate.watches.failure import SOURCE

LOG = logging.getLogger("promotion_gate.watches")

AT_ONCE = 2


class Telling:
    """Tells failures to the management, each once at a time; what goes wrong is tried again with the next look.

    Args:
        management: the ledger's.
        quietly: does a piece of work, and logs what goes wrong.
    """

    def __init__(self, management: PromotionManagement, quietly: Callable[[Callable[[], object]], None]) -> None:
        self._management, self._quietly = management, quietly
        self._threads = ThreadPoolExecutor(AT_ONCE, "watches")
        self._under_way: set[str] = set()
        self._turn = threading.Lock()

    def tell(self, found: Iterable[tuple[Failure, str]]) -> None:
        """Begin to tell failures, each with its level, but for those that are being told."""
        for failure, level in found:
            with self._turn:
                is_new = failure.failure_id not in self._under_way
                self._under_way.add(failure.failure_id)
            if is_new:
                self._threads.submit(self._told, failure, level)

    def close(self) -> None:
        """Wait for what is being told; a rollback under way comes to its end."""
        self._threads.shutdown(cancel_futures=True)

    def _told(self, failure: Failure, level: str) -> None:
        try:
            self._quietly(lambda: self._tell(failure, level))
        finally:
            with self._turn:
                self._under_way.discard(failure.failure_id)

    def _tell(self, failure: Failure, level: str) -> None:
        try:
            receipt = self._management.failure(failure, SOURCE, level)
        except Conflict as error:  # another process of the service was faster, with other figures in the evidence
            LOG.warning("a failure is told already", extra={"failure": failure.failure_id, "trouble": str(error)})
            return
        said = {"answer": receipt.answer, "code": receipt.code, "reason": receipt.message}
        LOG.warning("a promoted version fails", extra={"failure": failure.failure_id, **said})
