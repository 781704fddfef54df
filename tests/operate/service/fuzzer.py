"""Schemathesis over the OpenAPI document of the running application, all checks on: one process of a run.

    python -m tests.operate.service.fuzzer FOLDER CASES PATHS PHASE [PHASE ...]

prints what it saw as a line of JSON. CASES are Hypothesis' examples, of each operation and of the scenarios; PATHS is a
pattern of the operations' paths.
"""

import json
import pathlib
import sys
from collections import Counter

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData

from promotion_gate.operate.service.limits import RateLimit
from tests.operate.service import learnt_bundle
from tests.operate.service.conftest import World

PHASES = ("examples", "coverage", "fuzzing", "stateful")
KNOWN = {
    "projects": [learnt_bundle.PROJECT],
    "modules": [f"src/part{number % 5}/module{number:03}.py" for number in range(0, 60, 5)],
    "levels": ["development", "staging", "production"],
    "words": ["unit", "aggregate", "loc", "churn", "2.0"],
}
"""Drawn for many strings: made-up names alone would hardly ever be of a module that there is."""

MANY = ("body.modules[*]", "body.windows[*]", "body.promotions[*].module")
WHERE = {
    "projects": ("body.project", "body.module.project", "query.project", *(f"{one}.project" for one in MANY)),
    "modules": ("body.module", "body.module.module", "query.module", "path.module", *(f"{one}.module" for one in MANY)),
    "levels": ("body.level", "query.level", "body.promotions[*].level"),
    "promotions": ("path.promotion",),
}

BEYOND_SCHEMA = frozenset(
    {"contradiction", "unsafe-text", "not-possible", "from-the-future", "look-alike", "unknown-failure"}
)
"""Codes of a 422 that a request may get which breaks no schema: no schema can say that an end follows a start, that a
suite's lines add up, that a text is in normal form C, which levels the policy has, what time it is. `invalid` is not
among them: what breaks no type must not be called that."""


def config(token: str, cases: int, phases: list[str], promotions: list[str]) -> SchemathesisConfig:
    """All checks, the phases that are asked for, the same cases in every run but for the ids that the service makes."""
    known = {**KNOWN, "promotions": promotions}
    drawn = {"string": {"dictionary": "words", "probability": 0.1}}
    bound = {place: {"dictionary": name, "probability": 0.7} for name, places in WHERE.items() for place in places}
    generation = {"deterministic": True, "max-examples": cases, "no-shrink": True, "database": "none"}
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "continue-on-failure": True,
            "headers": {"Authorization": f"Bearer {token}"},
            "dictionaries": {name: {"values": values} for name, values in known.items()},
            "parameters": bound,
            "generation": generation | {"dictionaries": drawn},
            "checks": {"enabled": True},
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
        }
    )


def world_of(folder: pathlib.Path) -> World:
    """A service with tokens and a model that has learnt; strangers, sent on purpose, are not slowed down."""
    learnt_bundle.write(folder / "champion")
    world = World(folder, no_auth=False)
    world.service.strangers = RateLimit(1e6)
    return world


def promotions_of(world: World) -> list[str]:
    """Promotions as they may stand: promoted, watched, stable, held, in review, approved, withdrawn, rolled back."""
    bob, carol = world.token("admin", name="bob"), world.token("admin", name="carol")

    def ask(path, body=None, token=bob):
        got = world.post(path, body, token=token)
        assert got.status in (200, 201), got.content
        return got.json

    approve = {"verdict": "approve", "reason": "seen"}
    lives = {
        ("promote",): {},
        ("watching",): {"deployed": None},
        ("stable",): {"deployed": None, "confirm": None},
        ("insufficient",): {},
        ("in-review",): {},
        ("approved",): {"review": approve},
        ("withdrawn",): {"withdraw": {"reason": "no"}},
        ("rolled-back", "rollback-failed"): {"deployed": None, "rollback": {"reason": "broken"}},
    }
    made = []
    for module, (states, steps) in zip(KNOWN["modules"], lives.items(), strict=False):
        about = {"project": learnt_bundle.PROJECT, "module": module, "version": "2.0"}
        score = ask("/v1/fis", about) | {"fis": 0.9 if states[0] in ("in-review", "approved") else 0.1}
        asked = {"module": about, "fis": score, "coverage": 0.1 if states[0] == "insufficient" else 1}
        name = ask("/v1/promotions", asked)["id"]
        for step, body in steps.items():
            ask(f"/v1/promotions/{name}/{step}", body, carol)
        assert world.get(f"/v1/promotions/{name}", token=bob).json["state"] in states
        made.append(name)
    return made


def run(folder: pathlib.Path, cases: int, paths: str, phases: list[str]) -> dict:
    """Fuzz, and return cases, statuses, answers of 2xx by operation, failures and errors."""
    world = world_of(folder)
    app = world.client._app

    async def begun(scope, receive, send):
        assert scope["type"] == "http"  # it lives already: `world.client` began it, and ends it
        await app(scope, receive, send)

    told = config(world.token("admin", name="ann"), cases, phases, promotions_of(world))
    schema = schemathesis.openapi.from_asgi("/openapi.json", begun, config=told).include(path_regex=paths)

    @schema.hook
    def filter_failure(_context, failure, _case, response):
        beyond = isinstance(failure, RejectedPositiveData) and response.status_code == 422
        return not (beyond and response.json()["code"] in BEYOND_SCHEMA)

    seen = {name: Counter() for name in ("cases", "statuses", "done", "refused")}
    failures, errors = [], []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            failures += _look(event, seen)
        elif isinstance(event, events.NonFatalError):
            errors.append(f"{event.label}: {event.value}")
        elif isinstance(event, events.FatalError):
            errors.append(str(event.exception))
    world.client.close()
    return {**seen, "failures": failures, "errors": errors}


def _look(event, seen) -> list[str]:
    recorder = event.recorder
    for name, interaction in recorder.interactions.items():
        status, label = interaction.response.status_code, recorder.cases[name].value.operation.label
        seen["cases"][event.phase.value] += 1
        seen["statuses"][status] += 1
        if status < 300:
            seen["done"][label] += 1
    seen["refused"]["beyond the schema"] += sum(recorder.filtered_failures.values())
    return [
        f"{node.name}: {node.failure_info.code_sample}\n{node.failure_info.failure.message}\n"
        f"{recorder.interactions[name].response.content[:500]!r}"
        for name, nodes in recorder.checks.items()
        for node in nodes
        if node.failure_info is not None
    ]


if __name__ == "__main__":
    print(json.dumps(run(pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])))
