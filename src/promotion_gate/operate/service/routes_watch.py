"""Promoted versions under watch, as this process sees them."""

import datetime as dt

from promotion_gate.operate.ledger.chain import stamp
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.endpoint import Answer, Call, Endpoint
from promotion_gate.operate.service.wire import OfProject, WatchList, WatchView
from promotion_gate.operate.watches.failure import finite
from promotion_gate.operate.watches.watches import Watched


def show_watches(call: Call) -> Answer:
    """Show what is watched."""
    asked = OfProject.model_validate(call.query).project
    if asked is not None:
        call.caller.within([asked])
    project = asked or call.caller.project
    standing = call.service.watches.standing()
    return Answer(WatchList(watches=[_view(one) for one in standing if project in (None, one.promotion.project)]))


def _view(one: Watched) -> WatchView:
    promotion, watch, said = one.promotion, one.state.watch, one.verdict
    return WatchView(
        promotion=promotion.id,
        project=promotion.project,
        module=promotion.module,
        level=promotion.level,
        version=promotion.version,
        stable=watch.stable,
        since=stamp(watch.promoted_at),
        until=stamp(watch.until),
        state=said.state,
        reason=str(said.evidence["reason"]),
        severity=said.severity,
        e_value=finite(said.e_value),
        threshold=float(said.evidence["threshold"]),
        effect=said.effect,
        counts=dict(said.counts),
        worse_since=_stamped(said.window_start),
        seen_until=_stamped(said.window_end),
        controls=len(one.keys) - 1,
        is_behind=one.is_behind,
        is_told=one.is_told,
    )


def _stamped(when: dt.datetime | None) -> str | None:
    return None if when is None else stamp(when)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/watch",
        Scope.READ,
        show_watches,
        (WatchList,),
        "Promoted versions under watch: how they do beside the stable ones",
        query=OfProject,
    ),
)
