"""The story of three modules: promoted, held, reviewed; one fails in production, is rolled back, and must show more.

Each act is a function: it asks over HTTP, tells what came back, checks it, and returns what the next ones need.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from demo.cast import Cast, Part, choose
from demo.customers import PER_SECOND, Customers
from demo.monitoring import hasty, monitored, status_file
from demo.programs import Setting, StoryError
from demo.stage import LEVEL, Stage, build, home
from demo.supervisor import supervised
from demo.teller import Callers, answer, chapter, say
from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE

COVERAGE = 0.90
"""What each module has when it is first asked for."""

BEFORE, CALM = 300, 200
"""Baskets of the old version, with which the new one is compared, and of the new one before its fault shows."""

EVERY = 5
"""Of so many baskets one is empty, when the fault shows: 20 % of the requests fail."""

PEOPLE = {
    "ann": ("read", "request", "review"),
    "bob": ("read", "review"),
    "pipeline": ("read", "operate"),
    "agent": ("ingest",),
}
"""Who calls, and the scopes of the token. Ann may review, but not what she asked for herself."""


@dataclass(frozen=True)
class Facts:
    """What the story has shown.

    Attributes:
        states: of the promotions at their end: `safe`, `held`, `risky`, `critical`, `failed`, `again`.
        versions: of the module that fails, as they answered over HTTP, in their order.
        seconds: from its fault to the failure in the ledger, and to the answer of the version before.
        required: coverage asked of it before the failure and after.
        fis: its score before the failure and after.
        surcharge: that the rollback left.
        ledger: what `ledger verify` said.
    """

    states: dict[str, str]
    versions: tuple[str, ...]
    seconds: tuple[float, float]
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
    setting = hasty(setting)
    deployers = build(setting, parts)
    tokens = {name: create_token(setting, name) for name in PEOPLE}
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(setting.served(deployers))
        callers = Callers(address, tokens)
        ports = {part.module: stack.enter_context(supervised(home(setting, part))) for part in parts}
        stack.enter_context(monitored(setting, parts, ports, address, tokens["agent"]))
        told = acts(Stage(callers, ports, status_file(setting)), cast)
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
    with Customers(stage.ports[cast.risky.module]) as customers:
        promotion, second = released(stage, cast.risky, required, customers)
        states["failed"], third, seconds = failed(stage, cast.risky, promotion, customers)
    fis, surcharge = learned(stage, cast.risky)
    states["again"], more = asked_again(stage, cast.risky, required)
    return {
        "states": states,
        "versions": (first, second, third),
        "seconds": seconds,
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


def released(stage: Stage, part: Part, required: float, customers: Customers) -> tuple[str, str]:
    """Deploy the second version of the risky module, which has a fault that no test found; the agent sees no harm."""
    chapter("5  A new version of the risky module, as well tested as the last one")
    say(f"{'customers':<10} {PER_SECOND} baskets a second, none of them empty")
    stage.await_agent()
    customers.await_answers("1.0", BEFORE)
    decision = stage.request(part, "2.0", required)
    decided(decision, PROMOTE)
    version = stage.deploy(part, decision["id"], "2.0")
    customers.await_answers("2.0", CALM)
    stage.await_judged(decision["id"])
    return str(decision["id"]), version


def failed(stage: Stage, part: Part, promotion: str, customers: Customers) -> tuple[str, str, tuple[float, float]]:
    """Let it fail: the agent's figures tell, the gate rolls back, the version before answers again. Nobody is asked."""
    chapter("6  It fails in production and is rolled back")
    say(f"{'customers':<10} one basket of {EVERY} is empty from now on")
    customers.every, began = EVERY, time.monotonic()
    failure = stage.await_failure(part, promotion)
    found = time.monotonic() - began
    seen = failure["evidence"]
    told = f"{seen['errors']:.0f} of {seen['requests']:.0f} requests failed, e-value {seen['e_value']:.3g}"
    answer(f"{failure['severity']} failure of {failure['version']}, told by {failure['source']}: {told}", good=True)
    back = customers.await_version("1.0", began) - began
    answer(f"in the ledger {found:.1f} s after the first empty basket, 1.0 answers after {back:.1f} s", good=True)
    stage.await_state(promotion, "rolled-back")
    version = stage.await_version(part, "1.0")
    status, _ = stage.buy_nothing(part)
    if status != 200:
        raise StoryError(f"version {version} should total an empty basket, it answers {status}")
    return stage.state(promotion), version, (found, back)


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
