"""What is known of a watch so far: small, immutable, and the same after every replay of the windows as they came."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from promotion_gate.operate.monitoring.baseline import Tally
from promotion_gate.operate.monitoring.controls import Control
from promotion_gate.operate.monitoring.measure import Measure, Reference
from promotion_gate.operate.monitoring.window import Key, Watch, Window
from promotion_gate.rules import Monitor

Stream = tuple[Key, str | None]
"""A version of a module."""

Source = tuple[Stream, str]
"""A version of a module as one agent sees it."""

Name = tuple[Source, dt.datetime, dt.datetime]
"""A window: of which version and agent, from when to when."""


@dataclass(frozen=True)
class Past:
    """The stable version before the promotion: failed requests; slow ones for every bound that was ever told."""

    errors: Tally = field(default_factory=Tally)
    above: Mapping[float, Tally] = field(default_factory=dict)


@dataclass(frozen=True)
class Basis:
    """What the new version is compared with: failed requests, the bound in seconds, and the requests slower than it."""

    errors: Reference
    slow_bound: float | None
    slow: Reference


@dataclass(frozen=True)
class Received:
    """What became of the windows of all modules.

    Attributes:
        judged: slots in which the new version was compared.
        event: slots that were left out, because all modules rose.
        replaced: told again before they were judged; the last one counts.
        belated: of the new version, told after their slot was judged and newer than all before; judged by themselves.
        late: told after their slot was judged; not counted.
        overlapping: began before an earlier window of the same version and agent ended; not counted.
        missing: without requests or errors; not counted.
    """

    judged: int = 0
    event: int = 0
    replaced: int = 0
    belated: int = 0
    late: int = 0
    overlapping: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Alarm:
    """The first moment at which the evidence sufficed: both measures as they were, the e-value, the window's end."""

    errors: Measure
    slow: Measure
    e_value: float
    end: dt.datetime


@dataclass(frozen=True)
class State:
    """A watch so far. `begin` makes one, `update` the next; `verdict` tells what it says.

    Attributes:
        watch, rules: never change within a watch: what is tolerated is settled before it is seen.
        newest: latest end of a window of any module; the clock. None before the first.
        next_slot: slots before it are judged.
        pending: windows of later slots.
        ends: of the last counted window of each version, by agent.
        controls: versions of the other modules.
        events: slots since the promotion in which all modules rose.
        past, basis: what is compared with; the basis is settled at the promotion.
        errors, slow: the two measures.
        spent: share of the stake that is placed.
        recent_events: of the last slots in which the new version was seen, whether they were left out.
        seen_until: end of the last window in which the new version had requests.
        load: highest load that was told of the judged windows.
        received: what became of the windows.
        alarm: stays once there is one.
    """

    watch: Watch
    rules: Monitor
    newest: dt.datetime | None = None
    next_slot: int = 0
    pending: Mapping[int, Mapping[Name, Window]] = field(default_factory=dict)
    ends: Mapping[Source, dt.datetime] = field(default_factory=dict)
    controls: Mapping[Stream, Control] = field(default_factory=dict)
    events: frozenset[int] = frozenset()
    past: Past = field(default_factory=Past)
    basis: Basis | None = None
    errors: Measure = field(default_factory=Measure)
    slow: Measure = field(default_factory=Measure)
    spent: float = 0.0
    recent_events: tuple[bool, ...] = ()
    seen_until: dt.datetime | None = None
    load: float | None = None
    received: Received = field(default_factory=Received)
    alarm: Alarm | None = None
