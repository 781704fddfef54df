"""What the ledger is asked: promotions, modules, failures, events, within one transaction."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.chain import Entry, stamp
from promotion_gate.operate.ledger.errors import NotFound
from promotion_gate.operate.ledger.events import Decided, Overridden
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.payload import promotion_stream
from promotion_gate.operate.ledger.states import State
from promotion_gate.schema import Decision

PAGE = 50
# Built once, as everywhere on the way of a request: SQLAlchemy takes longer to put a query together than to ask it.
_BY_ID = select(tables.promotions).where(tables.promotions.c.id == bindparam("promotion"))
_OF_MODULE: dict[str, Any] = {name: bindparam(name) for name in ("project", "module")}
_OPEN = select(tables.promotions).filter_by(**_OF_MODULE, level=bindparam("level")).where(tables.promotions.c.is_open)
_SURCHARGE = select(tables.modules.c.surcharge).filter_by(**_OF_MODULE)
_STABLE = select(
    tables.stable_versions.c.level, tables.stable_versions.c.promotion, tables.stable_versions.c.version
).filter_by(**_OF_MODULE)


@dataclass(frozen=True)
class Promotion:
    """A promotion as it stands; times are texts of `chain.stamp`, shares 0 to 1.

    Attributes:
        sequence: of its request: the order of promotions, and the cursor of `Queries.promotions`.
        revision: rises with every event of it, from 1: who changes it says which one was read.
        due_at: when something is to be done about it: a review, approval or override expires, or a watch ends.
        kind: who let it through: verdict, review, override, hotfix.
        propensity: the probability with which the policy let it through, None where a person decided.
        deployed_at, watch_until: the watch window, also after it is over; provisional while it is being deployed.
        restores: the promotion that a rollback of this one restores.
        stable_sequence: of the event by which it became stable.
    """

    id: str
    sequence: int
    project: str
    module: str
    level: str
    version: str | None
    requester: str
    requested_at: str
    state: State
    is_open: bool
    revision: int
    updated_sequence: int
    updated_at: str
    due_at: str | None
    kind: str | None
    status: str | None
    fis: float | None
    base_coverage: float | None
    required_coverage: float | None
    coverage: float | None
    model_version: str | None
    policy_version: str | None
    decided_at: str | None
    decided_sequence: int | None
    propensity: float | None
    reviewers_needed: int | None
    deployed_at: str | None
    watch_until: str | None
    restores: str | None
    stable_sequence: int | None


@dataclass(frozen=True)
class ModuleState:
    """What past promotions left on a module: its surcharge (a share), and by level its stable promotion and version."""

    project: str
    module: str
    surcharge: Decimal
    stable: Mapping[str, tuple[str, str | None]]


@dataclass(frozen=True)
class Filters:
    """Which promotions are meant; None: any."""

    project: str | None = None
    module: str | None = None
    level: str | None = None
    state: State | None = None


class Queries:
    """Questions within one transaction.

    Args:
        connection: in, or about to begin, a transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def head(self) -> tuple[int, str]:
        """Return how many events there are, and the hash of the last."""
        row = self.connection.execute(select(tables.head.c.count, tables.head.c.hash)).one()
        return int(row[0]), str(row[1])

    def promotion(self, promotion: str) -> Promotion:
        """Return a promotion. NotFound where there is none."""
        found = self._promotions(_BY_ID, {"promotion": promotion})
        if not found:
            raise NotFound(f"no promotion {promotion!r:.80}")
        return found[0]

    def promotions(self, filters: Filters, *, before: int | None = None, limit: int = PAGE) -> list[Promotion]:
        """Return a page of promotions, the latest first.

        Args:
            filters: which are meant.
            before: the last page's last `sequence`; None for the first page.
            limit: rows of a page.
        """
        table = tables.promotions
        query = select(table).order_by(table.c.sequence.desc()).limit(limit)
        for name, wanted in vars(filters).items():
            if wanted is not None:
                query = query.where(table.c[name] == str(wanted))
        if before is not None:
            query = query.where(table.c.sequence < before)
        return self._promotions(query)

    def open_promotion(self, project: str, module: str, level: str) -> Promotion | None:
        """Return the promotion of a module and level that is not over, None where there is none."""
        found = self._promotions(_OPEN, {"project": project, "module": module, "level": level})
        return found[0] if found else None

    def due(self, now: dt.datetime, limit: int = PAGE) -> list[Promotion]:
        """Return promotions about which something is to be done by now, the most overdue first."""
        due = tables.promotions.c.due_at
        query = select(tables.promotions).where(due.is_not(None), due <= stamp(now)).order_by(due).limit(limit)
        return self._promotions(query)

    def reviewers(self, promotion: str) -> tuple[str, ...]:
        """Return who has reviewed a promotion, in order."""
        table = tables.reviews
        query = select(table.c.reviewer).filter_by(promotion=promotion).order_by(table.c.sequence)
        return tuple(self.connection.execute(query).scalars())

    def decision(self, promotion: str) -> Decision:
        """Return the last decision on a promotion, in full. NotFound where there is none yet."""
        kinds = (Decided.kind, Overridden.kind)
        found = self.events(stream=promotion_stream(promotion), kinds=kinds, limit=2)
        if not found:
            raise NotFound(f"no decision on a promotion {promotion!r:.80}")
        payload = parse(found[-1].kind, found[-1].payload)
        assert isinstance(payload, Decided | Overridden)  # noqa: S101 - the kinds asked for
        return payload.decision

    def events(
        self, *, after: int = 0, limit: int = PAGE, stream: str | None = None, kinds: tuple[str, ...] = ()
    ) -> list[Entry]:
        """Return a page of events in their order.

        Args:
            after: the last page's last sequence number.
            limit: events of a page.
            stream: see `payload.promotion_stream`; None: all.
            kinds: of these kinds; none named: of all.
        """
        table = tables.events
        query = select(table).where(table.c.sequence > after).order_by(table.c.sequence).limit(limit)
        if stream is not None:
            query = query.where(table.c.stream == stream)
        if kinds:
            query = query.where(table.c.kind.in_(kinds))
        return [Entry(*row) for row in self.connection.execute(query)]

    def module(self, project: str, module: str) -> ModuleState:
        """Return what past promotions left on a module; nothing of one that is not known."""
        key = {"project": project, "module": module}
        surcharge = self.connection.execute(_SURCHARGE, key).scalar_one_or_none()
        rows = self.connection.execute(_STABLE, key)
        return ModuleState(project, module, Decimal(surcharge or 0), {row[0]: (row[1], row[2]) for row in rows})

    def scores(self, project: str, module: str, limit: int = PAGE) -> list[Mapping[str, Any]]:
        """Return a module's scores, the latest first: sequence, version, at, fis, model_version."""
        table = tables.scores
        query = select(table).filter_by(project=project, module=module).order_by(table.c.sequence.desc()).limit(limit)
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def failures(self, project: str, module: str, limit: int = PAGE) -> list[Mapping[str, Any]]:
        """Return a module's failures, the latest told first, as in the table `failures`."""
        table = tables.failures
        query = select(table).filter_by(project=project, module=module).order_by(table.c.sequence.desc()).limit(limit)
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def token(self, token_sha256: str) -> Mapping[str, Any] | None:
        """Return what a token may: name, scopes, project, expires_at, revoked_at; None where it is unknown."""
        row = self.connection.execute(select(tables.tokens).filter_by(token_sha256=token_sha256)).mappings().first()
        return None if row is None else {**row, "scopes": tuple(row["scopes"].split("\t"))}

    def _promotions(self, query: Select[Any], values: Mapping[str, Any] | None = None) -> list[Promotion]:
        rows = self.connection.execute(query, values).mappings()
        return [Promotion(**{**row, "state": State(row["state"])}) for row in rows]
