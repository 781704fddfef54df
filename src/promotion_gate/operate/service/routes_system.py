"""The service itself: does it live, is it ready, its figures, its description."""

from promotion_gate.errors import ModelError
from promotion_gate.operate.service import openapi
from promotion_gate.operate.service.caller import Scope
from promotion_gate.operate.service.endpoint import Answer, Call, Endpoint
from promotion_gate.operate.service.wire import Health, Readiness


def healthz(_call: Call) -> Answer:
    """Say that the process answers."""
    return Answer(Health())


def readyz(call: Call) -> Answer:
    """Say whether requests can be answered."""
    is_ready, detail = call.service.readiness()
    told = Readiness(ready=is_ready, model_version=_version(call), detail=detail)
    return Answer(told, 200 if is_ready else 503)


def metrics(call: Call) -> Answer:
    """Tell Prometheus."""
    is_ready, _ = call.service.readiness()
    text = call.service.metrics.text(is_ready, _version(call))
    return Answer(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def describe(call: Call) -> Answer:
    """Give the OpenAPI document."""
    return Answer(call.service.description)


def _version(call: Call) -> str | None:
    try:
        return call.service.models.live.version
    except ModelError:
        return None


ENDPOINTS = (
    Endpoint("GET", "/healthz", None, healthz, (Health,), "The process answers"),
    Endpoint("GET", "/readyz", None, readyz, (Readiness,), "Requests can be answered"),
    Endpoint("GET", "/metrics", Scope.READ, metrics, (), "Prometheus' text format"),
    Endpoint("GET", openapi.PATH, None, describe, (), "This document"),
)
