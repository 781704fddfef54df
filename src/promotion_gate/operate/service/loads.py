"""The newest load of each module, as agents told it: from the ledger's telemetry, so that all processes agree."""

import threading

from sqlalchemy import select

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import stamp
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.module_events import Telemetry
from promotion_gate.operate.ledger.queries import Queries

Key = tuple[str, str]
"""Project and module."""

PAGE = 100


class Loads:
    """The load (share, 0 to 1) of the window that ended last, by module. Safe for several threads."""

    def __init__(self) -> None:
        self._newest: dict[Key, tuple[str, float]] = {}
        self._seen: int | None = None
        self._turn = threading.Lock()

    def of(self, project: str, module: str) -> float | None:
        """Return a module's newest load, None where nobody told any."""
        found = self._newest.get((project, module))
        return None if found is None else found[1]

    def refresh(self, queries: Queries) -> None:
        """Read what was told since the last time, by this process or another."""
        with self._turn:
            if self._seen is None:
                self._begin(queries)
            else:
                self._go_on(queries, self._seen)

    def _begin(self, queries: Queries) -> None:
        table = tables.telemetry.c
        query = select(table.project, table.module, table.window_end, table.load).where(table.load.is_not(None))
        for project, module, end, load in queries.connection.execute(query):
            self._put((project, module), end, load)
        self._seen = queries.head()[0]

    def _go_on(self, queries: Queries, seen: int) -> None:
        # By the events' index: the table of telemetry may be long.
        while found := queries.events(after=seen, kinds=(Telemetry.kind,), limit=PAGE):
            for entry in found:
                batch = parse(entry.kind, entry.payload)
                if isinstance(batch, Telemetry):
                    for window in batch.windows:
                        self._put((window.project, window.module), stamp(window.window_end), window.load)
            self._seen = seen = found[-1].sequence

    def _put(self, key: Key, end: str, load: float | None) -> None:
        before = self._newest.get(key)
        if load is not None and (before is None or before[0] <= end):
            self._newest[key] = (end, load)
