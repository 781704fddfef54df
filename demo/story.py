"""The story of three modules: promoted, held, reviewed; one fails in production, is rolled back, and must show more.

Each act is a function: it asks over HTTP, tells what came back, checks it, and returns what the next ones need.
"""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from demo.cast import Cast, Part, choose
from demo.programs import Setting, StoryError
from demo.stage import LEVEL, Stage, build, home
from demo.supervisor import supervised
from demo.teller import Callers, answer, chapter, say
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE

COVERAGE = 0.90
"""What each module has when it is first asked for."""

PEOPLE = {
    "ann": ("read", "request", "review"),
    "bob": ("read", "review"),
    "pipeline": ("read", "operate"),
    "monitoring": ("ingest",),
}
"""Who calls, and the scopes of the token. Ann may review, but not what she asked for herself."""


@dataclass(frozen=True)
class Facts:
    """What the story has shown.

    Attributes:
        states: of the promotions at their end: `safe`, `held`, `risky`, `critical`, `failed`, `again`.
        versions: of the module that fails, as they answered over HTTP, in their order.
        required: coverage asked of it before the failure and after.
        fis: its score before the failure and after.
        surcharge: that the rollback left.
        ledger: what `ledger verify` said.
    """

    states: dict[str, str]
    versions: tuple[str, ...]
    required: tuple[float, float]
    fis: tuple[float, float]
    surcharge: float
    ledger: str


def play(setting: Setting) -> Facts:
    """Tell the whole story. StoryError where it goes otherwise."""
    chapter("Who plays")
    cast = choose(setting)
    parts = (cast.safe, cast.risky, cast.critical)
    for part in parts:
        say(f"FIS {part.fis:.3f}  {part.band:<10}  {part.module}")
    say("Each is served by a tiny HTTP service of its own; a supervisor starts what its link leads to.")
    deployers = build(setting, parts)
    tokens = {name: create_token(setting, name) for name in PEOPLE}
    with contextlib.ExitStack() as stack:
        callers = Callers(stack.enter_context(setting.served(deployers)), tokens)
        ports = {part.module: stack.enter_context(supervised(home(setting, part))) for part in parts}
        told = acts(Stage(callers, ports), cast)
    chapter("What the ledger says")
    say("promotion-gate ledger verify")
    ledger = setting.run("ledger", "verify", "--database", setting.database).strip().partition(": ")[2]
    answer(ledger, good=True)
    return Facts(**told, ledger=ledger)


def create_token(setting: Setting, name: str) -> str:
    """Make the token of a person or program."""
    scopes = [word for scope in PEOPLE[name] for word in ("--scope", scope)]
    made = setting.run("token", "create", "--database", setting.database, "--name", name, "--days", "1", *scopes)
    return made.strip()


def acts(stage: Stage, cast: Cast) -> dict[str, Any]:
    """Play the acts, one after the other; return the facts."""
    states = {"safe": promoted(stage, cast.safe)}
    states["held"], required = held(stage, cast.risky)
    states["risky"], first = covered(stage, cast.risky, required)
    states["critical"] = reviewed(stage, cast.critical)
    promotion, second = released(stage, cast.risky, required)
    states["failed"], third = failed(stage, cast.risky, promotion)
    fis, surcharge = learned(stage, cast.risky)
    states["again"], more = asked_again(stage, cast.risky, required)
    return {
        "states": states,
        "versions": (first, second, third),
        "required": (required, more),
        "fis": fis,
        "surcharge": surcharge,
    }


def promoted(stage: Stage, part: Part) -> str:
    """Ask for a module of little risk: it goes, and is stable once confirmed."""
    chapter("1  Little risk: promoted with the coverage that it has")
    decision = stage.request(part, "1.0", COVERAGE)
    decided(decision, PROMOTE)
    stage.deploy(part, decision["id"], "1.0")
    return confirmed(stage, decision["id"])


def held(stage: Stage, part: Part) -> tuple[str, float]:
    """Ask for a risky module with the same coverage: it is held, nothing can be deployed."""
    chapter("2  More risk: the same coverage is not enough")
    decision = stage.request(part, "1.0", COVERAGE)
    decided(decision, INSUFFICIENT)
    problem = stage.order("pipeline", decision["id"], "deploy", expected=409)
    answer(f"409 {problem['code']}: {problem['detail']}", good=False)
    return stage.state(decision["id"]), float(decision["required_coverage"])


def covered(stage: Stage, part: Part, required: float) -> tuple[str, str]:
    """Ask again once the tests cover what is required."""
    chapter("3  The team writes the tests that were missing")
    decision = stage.request(part, "1.0", required)
    decided(decision, PROMOTE)
    version = stage.deploy(part, decision["id"], "1.0")
    return confirmed(stage, decision["id"]), version


def reviewed(stage: Stage, part: Part) -> str:
    """Ask for a critical module: no coverage is enough, another person must look at it."""
    chapter("4  Critical: no coverage is enough, another person must look at it")
    decision = stage.request(part, "1.0", COVERAGE)
    decided(decision, BLOCKED)
    word = {"verdict": "approve", "reason": "it is mine and it is good"}
    problem = stage.order("ann", decision["id"], "review", word, expected=403)
    answer(f"403 {problem['code']}: {problem['detail']}", good=False)
    word = {"verdict": "approve", "reason": "read the change, tried it on staging"}
    told = stage.order("bob", decision["id"], "review", word)
    answer(str(told["state"]), good=True)
    stage.deploy(part, decision["id"], "1.0")
    return stage.state(decision["id"])


def released(stage: Stage, part: Part, required: float) -> tuple[str, str]:
    """Deploy the second version of the risky module, which has a fault that no test found."""
    chapter("5  A new version of the risky module, as well tested as the last one")
    decision = stage.request(part, "2.0", required)
    decided(decision, PROMOTE)
    return str(decision["id"]), stage.deploy(part, decision["id"], "2.0")


def failed(stage: Stage, part: Part, promotion: str) -> tuple[str, str]:
    """Let it fail; the monitoring tells, the gate rolls back, the version before answers again."""
    chapter("6  It fails in production and is rolled back")
    status, told = stage.buy_nothing(part)
    if status != 500:
        raise StoryError(f"version 2.0 should fail on an empty basket, it answers {status}")
    failure = {
        "source": "monitoring",
        "failure_id": "incident-1",
        "project": part.project,
        "module": part.module,
        "version": told["version"],
        "level": LEVEL,
        "severity": "critical",
        "occurred_at": datetime.now(UTC).isoformat(),
        "evidence": f"GET / answers {status}: {told['error']}",
    }
    receipt = stage.callers.ask("monitoring", "POST", "/v1/failures", failure, expected=200)
    answer(f"{receipt['code']}: {receipt['message']}", good=receipt["answer"] == "opened")
    version = stage.await_version(part, "1.0")
    status, _ = stage.buy_nothing(part)
    if status != 200:
        raise StoryError(f"version {version} should total an empty basket, it answers {status}")
    return stage.state(promotion), version


def learned(stage: Stage, part: Part) -> tuple[tuple[float, float], float]:
    """Look at what the gate knows of the module now; return the score before and after, and the surcharge."""
    chapter("7  What the gate has learned")
    view = stage.callers.ask("ann", "GET", f"/v1/modules/{part.module}?project={part.project}", expected=200)
    after, before = (float(score["fis"]) for score in view["history"][:2])
    surcharge = float(view["surcharge"])
    answer(f"FIS {before:.3f} before, {after:.3f} with the failure in its history", good=after >= before)
    answer(f"surcharge {surcharge:.2f}; stable in {LEVEL}: {view['stable'][LEVEL]['version']}", good=True)
    return (before, after), surcharge


def asked_again(stage: Stage, part: Part, required: float) -> tuple[str, float]:
    """Ask with the coverage that was enough before: it is no longer."""
    chapter("8  The next request must show more")
    say("The failure enters the score itself when the model is trained anew; until then the surcharge stands for it.")
    decision = stage.request(part, "2.1", required)
    decided(decision, INSUFFICIENT)
    for step in decision["steps"]:
        answer(f"{step['required_coverage']:.2f}  {step['detail']}", good=False)
    return stage.state(decision["id"]), float(decision["required_coverage"])


def decided(decision: dict[str, Any], expected: str) -> None:
    """Tell a decision. StoryError where it is another one than the story needs."""
    required = decision["required_coverage"]
    asked = "no coverage is enough" if required is None else f"{required:.2f} required"
    told = f"{decision['status']}: FIS {decision['fis']:.3f}, band {decision['band']}, {asked}"
    answer(f"201 {told}", good=decision["status"] == PROMOTE)
    if decision["status"] != expected:
        raise StoryError(f"{decision['module']}: {expected} was expected, {told} came")


def confirmed(stage: Stage, promotion: str) -> str:
    """Call stable what is watched; return the state."""
    state = str(stage.order("pipeline", promotion, "confirm")["state"])
    answer(state, good=True)
    return state
