"""The newest load of each module, as agents told it: from the ledger's telemetry, so that all processes agree."""

import threading

from sqlalchemy import and_, func, select

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import stamp
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.module_events import Telemetry
from promotion_gate.operate.ledger.queries import Queries

Key = tuple[str, str]
"""Project and module."""

PAGE = 100


Window = tuple[str, str]
"""Version, empty where it is not known, and start."""


class Loads:
    """The greatest load (share, 0 to 1) of the windows that ended last, by module; `newest_load` says the same.

    Several versions of a module may run side by side. Safe for several threads.
    """

    def __init__(self) -> None:
        self._newest: dict[Key, tuple[str, dict[Window, float]]] = {}
        self._seen: int | None = None
        self._turn = threading.Lock()

    def of(self, project: str, module: str) -> float | None:
        """Return a module's newest load, None where nobody told any."""
        found = self._newest.get((project, module))
        return None if found is None else max(found[1].values())

    def refresh(self, queries: Queries) -> None:
        """Read what was told since the last time, by this process or another."""
        with self._turn:
            if self._seen is None:
                self._begin(queries)
            else:
                self._go_on(queries, self._seen)

    def _begin(self, queries: Queries) -> None:
        # The database finds the last windows: the table of telemetry may be long.
        table = tables.telemetry.c
        keys, told = (table.project, table.module), table.load.is_not(None)
        last = select(*keys, func.max(table.window_end).label("end")).where(told).group_by(*keys).subquery()
        same = and_(*(column == last.c[column.name] for column in keys), table.window_end == last.c.end)
        query = select(*keys, table.window_end, table.version, table.window_start, table.load).join(last, same)
        for project, module, end, version, start, load in queries.connection.execute(query.where(told)):
            self._put((project, module), end, (version, start), load)
        self._seen = queries.head()[0]

    def _go_on(self, queries: Queries, seen: int) -> None:
        # By the events' index, for the same reason.
        while found := queries.events(after=seen, kinds=(Telemetry.kind,), limit=PAGE):
            for entry in found:
                batch = parse(entry.kind, entry.payload)
                if isinstance(batch, Telemetry):
                    for one in batch.windows:
                        window = one.version or "", stamp(one.window_start)
                        self._put((one.project, one.module), stamp(one.window_end), window, one.load)
            self._seen = seen = found[-1].sequence

    def _put(self, key: Key, end: str, window: Window, load: float | None) -> None:
        newest, loads = self._newest.get(key, ("", {}))
        if load is not None and newest <= end:
            # A new dict each time: other threads read.
            self._newest[key] = (end, {**(loads if newest == end else {}), window: load})
