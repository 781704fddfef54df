"""Windows -> the next state of a watch. Pure: a fold over the windows in the order in which they arrived.

Windows of all modules are put into slots of the policy's `window_seconds` by their end. A slot is judged when a
window that ends `late_seconds` after it has arrived (a watermark: Akidau et al., The dataflow model, VLDB 2015); until
then a window that is told again replaces the one before. So the windows are the clock: one that ends in the future must
be refused before it comes here.

What comes later still is late, counted as such, and changes nothing; but for windows of the watched version that are
newer than all that was counted of it. They are judged by themselves as they come: its agent was cut off for a while.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from promotion_gate.operate.monitoring import process
from promotion_gate.operate.monitoring.baseline import BLOCK_S, Tally
from promotion_gate.operate.monitoring.controls import HALF_LIVES, Control, Seen, learnt, looked, system_event
from promotion_gate.operate.monitoring.evidence import Allowed
from promotion_gate.operate.monitoring.latency import slow, slow_bound, slower
from promotion_gate.operate.monitoring.measure import Counts, reference
from promotion_gate.operate.monitoring.state import Alarm, Basis, Past, Source, State, Stream
from promotion_gate.operate.monitoring.window import REST, Watch, Window
from promotion_gate.rules import Monitor, Tolerance

RECENT = 6
"""Slots that tell whether there is a system event now."""


def begin(watch: Watch, rules: Monitor) -> State:
    """Return the state of a watch that has seen nothing yet."""
    return State(watch, rules)


def update(state: State, windows: Iterable[Window]) -> State:
    """Return the state after some more windows.

    Args:
        state: before.
        windows: of the module and of those that witness beside it, in order of arrival. What depends on the module
            fails with it and is no witness. Earlier ones than `baseline_hours` before the promotion are not
            looked at; later ones than the watch move the clock alone. How they are cut into calls makes no difference.
    """
    earliest = state.watch.promoted_at - dt.timedelta(hours=float(state.rules.baseline_hours))
    pending = {slot: dict(told) for slot, told in state.pending.items()}
    state = replace(state, pending=pending)
    for window in windows:
        if window.start < earliest:
            continue
        slot = _slot(state, window)
        if slot < state.next_slot:
            state = _late(state, slot, window)
            continue
        if window.end <= state.watch.until:
            told = pending.setdefault(slot, {})
            name = (_source(window), window.start, window.end)
            if name in told:
                state = replace(state, received=replace(state.received, replaced=state.received.replaced + 1))
            told[name] = window
        if state.newest is None or window.end > state.newest:
            state = replace(state, newest=window.end)
            due = int((window.end.timestamp() - state.rules.late_seconds) // state.rules.window_seconds)
            for ready in sorted(slot for slot in pending if slot < due):
                state = _judge(state, ready, pending.pop(ready).values())
            state = replace(state, next_slot=max(due, state.next_slot))
    return replace(state, pending={slot: dict(told) for slot, told in pending.items()})


def _slot(state: State, window: Window) -> int:
    return math.ceil(window.end.timestamp() / state.rules.window_seconds) - 1


def _source(window: Window) -> Source:
    return _stream(window), window.source


def _stream(window: Window) -> Stream:
    return window.key, window.version


def _judge(state: State, slot: int, told: Iterable[Window]) -> State:
    """Count the windows of a slot, see whether it is an event, and compare the new version if it is none."""
    state, counted = _counted(state, told)
    state, event = _controlled(state, slot, counted)
    start = dt.datetime.fromtimestamp(slot * state.rules.window_seconds, dt.UTC)
    if start < state.watch.promoted_at:
        return state if event else replace(state, past=_past(state, start, counted))
    return _promoted(replace(state, events=state.events | {slot}) if event else state, slot, counted)


def _late(state: State, slot: int, window: Window) -> State:
    """Judge a window whose slot is over if it goes on with what was seen of the watched version; else count it only."""
    goes_on = window.start >= state.ends.get(_source(window), state.watch.promoted_at)
    if not (_is_new(state.watch, window) and goes_on and window.end <= state.watch.until):
        return replace(state, received=replace(state.received, late=state.received.late + 1))
    state, counted = _counted(state, [window])
    return _promoted(
        replace(state, received=replace(state.received, belated=state.received.belated + 1)), slot, counted
    )


def _promoted(state: State, slot: int, counted: list[Window]) -> State:
    """Compare the new version in a slot after the promotion, unless it is an event or within the grace."""
    ready = state.watch.promoted_at + dt.timedelta(seconds=state.rules.grace_seconds)
    basis = state.basis or _basis(state)
    new = [window for window in counted if _is_new(state.watch, window) and window.start >= ready]
    state = replace(state, basis=basis)
    if not any(window.requests for window in new):
        return state
    event, newest = slot in state.events, max(window.end for window in new)
    state = replace(
        state,
        seen_until=newest if state.seen_until is None else max(newest, state.seen_until),
        recent_events=(*state.recent_events, event)[-RECENT:],
    )
    if event:
        return replace(state, received=replace(state.received, event=state.received.event + 1))
    return _compared(state, basis, ready, new, [window for window in counted if _is_stable(state.watch, window)])


def _counted(state: State, told: Iterable[Window]) -> tuple[State, list[Window]]:
    """Set aside what has no counts or overlaps an earlier window of its version."""
    ends, received, counted = dict(state.ends), state.received, []
    for window in sorted(told, key=lambda one: (one.start, one.end)):
        source = _source(window)
        if window.requests is None or window.errors is None:
            received = replace(received, missing=received.missing + 1)
        elif source in ends and window.start < ends[source]:
            received = replace(received, overlapping=received.overlapping + 1)
        else:
            ends[source] = window.end
            counted.append(window)
    return replace(state, ends=ends, received=received), counted


def _controlled(state: State, slot: int, counted: list[Window]) -> tuple[State, bool]:
    """Look at the other modules: the state with them one slot further, and whether they rose together."""
    streams: dict[Stream, list[Window]] = {}
    for window in counted:
        if window.key != state.watch.key:
            streams.setdefault(_stream(window), []).append(window)
    rules, controls = state.rules, dict(state.controls)
    seen = {stream: _seen(windows) for stream, windows in streams.items()}
    for stream, sums in seen.items():
        before = controls.get(stream, Control(slot))
        controls[stream] = looked(before, slot, sums, rules.window_seconds, rules.least_requests)
    event = system_event([controls[stream] for stream in streams], slot)
    if not event:
        half_life = float(rules.baseline_hours) * 3600 / HALF_LIVES
        for stream, sums in seen.items():
            controls[stream] = learnt(controls[stream], slot, sums, rules.window_seconds, half_life)
    return replace(state, controls=controls), event


def _seen(windows: list[Window]) -> Seen:
    measured, above = 0.0, dict[float, float]()
    for window in windows:
        if window.latency_buckets is not None:
            measured += window.latency_buckets[REST]
            for bound, count in slower(window.latency_buckets).items():
                above[bound] = above.get(bound, 0.0) + count
    return Seen(_sum(windows), sum(window.errors or 0.0 for window in windows), measured, above)


def _sum(windows: list[Window]) -> float:
    return sum(window.requests or 0.0 for window in windows)


def _is_stable(watch: Watch, window: Window) -> bool:
    """The last stable version; an agent that cannot tell versions saw it until the promotion."""
    if window.key != watch.key:
        return False
    if window.version is None:
        return window.end <= watch.promoted_at
    return window.version == watch.stable


def _is_new(watch: Watch, window: Window) -> bool:
    return window.key == watch.key and (window.version == watch.version or window.version is None)


def _past(state: State, start: dt.datetime, counted: list[Window]) -> Past:
    windows = [one for one in counted if _is_stable(state.watch, one) and one.end <= state.watch.promoted_at]
    block, past, above = int(start.timestamp() // BLOCK_S), state.past, dict(state.past.above)
    seen = _seen(windows)
    for bound, count in seen.above.items():
        above[bound] = above.get(bound, Tally()).add(block, seen.measured, count)
    return Past(past.errors.add(block, seen.requests, seen.errors), above)


def _basis(state: State) -> Basis:
    rules, past = state.rules, state.past
    most = max((tally.requests for tally in past.above.values()), default=0.0)
    # A bound that only some of the windows told would be judged by those.
    whole = {bound: tally.bad for bound, tally in past.above.items() if tally.requests == most}
    bound = slow_bound(whole, most)
    slow_past = Tally() if bound is None else past.above[bound]
    return Basis(
        errors=reference(past.errors, _allowed(rules.errors), rules),
        slow_bound=bound,
        slow=reference(slow_past, _allowed(rules.latency), rules),
    )


def _allowed(tolerance: Tolerance) -> Allowed:
    return Allowed(float(tolerance.relative), float(tolerance.absolute))


def _compared(state: State, basis: Basis, ready: dt.datetime, new: list[Window], stable: list[Window]) -> State:
    """Put a slot's windows to both measures; the stake reaches until the slot's end, whatever slots came before."""
    rules, watch = state.rules, state.watch
    start, end = min(window.start for window in new), max(window.end for window in new)
    spent = float(process.stake_spent((end - ready).total_seconds(), (watch.until - ready).total_seconds()))
    spent = max(spent, state.spent)
    stake = spent - state.spent
    errors = Counts(
        _sum(new), sum(one.errors or 0.0 for one in new), _sum(stable), sum(one.errors or 0.0 for one in stable)
    )
    slow_counts = Counts(*_slow(new, basis.slow_bound), *_slow(stable, basis.slow_bound))
    loads = [load for load in (state.load, *(window.load for window in new)) if load is not None]
    state = replace(
        state,
        errors=state.errors.judged(errors, start, stake, basis.errors, rules),
        slow=state.slow.judged(slow_counts, start, stake, basis.slow, rules),
        spent=spent,
        load=max(loads, default=None),
        received=replace(state.received, judged=state.received.judged + 1),
    )
    enough = state.errors.total.requests >= rules.least_requests
    found = e_value(state)
    if state.alarm is None and enough and found >= process.threshold(float(rules.false_alarm_rate)):
        return replace(state, alarm=Alarm(state.errors, state.slow, found, end))
    return state


def _slow(windows: list[Window], bound: float | None) -> tuple[float, float]:
    """Return requests whose latency is known, and the slow ones of them; none where the bound is not known."""
    measured, count = 0.0, 0.0
    for window in windows:
        buckets: Mapping[str, float] | None = window.latency_buckets
        found = None if buckets is None or bound is None else slow(buckets, bound)
        if buckets is not None and found is not None:
            measured, count = measured + buckets[REST], count + found
    return measured, count


def e_value(state: State) -> float:
    """Return the e-value of a watch so far, the mean of both measures'."""
    return (state.errors.value(state.spent) + state.slow.value(state.spent)) / process.METRICS
