"""What the acts work with: builds, deployers and tokens made before; callers, and the ports of what is deployed."""

import contextlib
import json
import pathlib
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import urllib3
import yaml

from demo.cast import Part
from demo.programs import Setting, StoryError
from demo.teller import Callers, answer, say
from promotion_gate.operate.deployers.names import module_folder

LEVEL = "production"
SHOP = pathlib.Path(__file__).parent / "shop"
BUILDS = {"1.0": "basket_1.py", "2.0": "basket_2.py"}
SWITCH_S = 30
FIND_S = 60
"""Seconds within which a fault must be found, and its rollback done."""

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """Who calls the gate, the port on which each module is served, and where the agent says what it has delivered."""

    callers: Callers
    ports: Mapping[str, int]
    status: pathlib.Path

    def request(self, part: Part, version: str, coverage: float) -> dict[str, Any]:
        """Ask for a promotion, as ann; return the decision."""
        module = {"project": part.project, "module": part.module, "version": version}
        body = {"module": module, "level": LEVEL, "coverage": coverage}
        return dict(self.callers.ask("ann", "POST", "/v1/promotions", body, expected=201))

    def order(
        self, who: str, promotion: str, what: str, body: Mapping[str, Any] | None = None, *, expected: int = 200
    ) -> dict[str, Any]:
        """Let something be done to a promotion; return how it stands then, or the problem that was expected."""
        return dict(self.callers.ask(who, "POST", f"/v1/promotions/{promotion}/{what}", body, expected=expected))

    def state(self, promotion: str) -> str:
        """Return the state of a promotion."""
        told = self.callers.ask("ann", "GET", f"/v1/promotions/{promotion}", expected=200)
        answer(f"{told['version']} is {told['state']}", good=True)
        return str(told["state"])

    def deploy(self, part: Part, promotion: str, version: str) -> str:
        """Deploy, and wait for the version's answer over HTTP; return the version that answers."""
        told = self.order("pipeline", promotion, "deploy")
        answer(f"{told['state']} until {told['watch_until']}", good=True)
        return self.await_version(part, version)

    def await_version(self, part: Part, version: str) -> str:
        """Wait until a version of a module answers; return the version. StoryError where it does not come."""
        end, came = time.monotonic() + SWITCH_S, None
        while time.monotonic() < end:
            try:
                _, told = _get(self.ports[part.module], [300, 200])
            except urllib3.exceptions.HTTPError as error:  # the old version ended under it
                came = str(error)
            else:
                came = str(told["version"])
                if came == version:
                    say(f"{'customer':<10} GET / of the deployed service, 3.00 and 2.00 in the basket")
                    answer(f"version {came}, total {told['total'] / 100:.2f}", good=True)
                    return came
            time.sleep(0.05)
        raise StoryError(f"{part.module}: version {version} should answer, this came: {came}")

    def await_agent(self) -> None:
        """Wait until the agent has delivered something: a Prometheus takes seconds to find what it is to look at."""
        self._awaited("windows of the agent", self._delivered)

    def await_judged(self, promotion: str) -> None:
        """Wait until the watch of a promotion has compared it with the version before, and tell what it says."""
        watch = self._awaited("a watch that has seen requests", lambda: self._judged(promotion))
        say(f"{'ann':<10} GET /v1/watch")
        answer(f"{watch['state']}, compared with {watch['stable']}: {watch['reason']}", good=not watch["is_told"])

    def await_failure(self, part: Part, promotion: str) -> dict[str, Any]:
        """Wait until the failure of a promotion is in the ledger; return it."""
        path = f"/v1/modules/{part.module}?project={part.project}"
        found = self._awaited("a failure that the monitor found", lambda: self._failure(path, promotion))
        say(f"{'ann':<10} GET {path}")
        return found

    def await_state(self, promotion: str, state: str) -> None:
        """Wait until a promotion has a state."""
        path = f"/v1/promotions/{promotion}"
        self._awaited(state, lambda: self.callers.quietly("ann", "GET", path)["state"] == state)

    def _delivered(self) -> int:
        with contextlib.suppress(FileNotFoundError):  # it begins
            return int(json.loads(self.status.read_text(encoding="utf-8"))["totals"]["delivered_windows"])
        return 0

    def _judged(self, promotion: str) -> dict[str, Any] | None:
        watches = self.callers.quietly("ann", "GET", "/v1/watch")["watches"]
        mine = [one for one in watches if one["promotion"] == promotion and one["counts"]["judged_requests"]]
        return mine[0] if mine else None

    def _failure(self, path: str, promotion: str) -> dict[str, Any] | None:
        failures = self.callers.quietly("ann", "GET", path)["failures"]
        return next((one for one in failures if one["failure_id"] == promotion), None)

    def _awaited(self, what: str, look: Callable[[], T | None]) -> T:
        end = time.monotonic() + FIND_S
        while not (found := look()):
            if time.monotonic() > end:
                raise StoryError(f"within {FIND_S} s should have come: {what}")
            time.sleep(0.1)
        return found

    def buy_nothing(self, part: Part) -> tuple[int, dict[str, Any]]:
        """Send an empty basket; return the status and what was answered."""
        say(f"{'customer':<10} GET / of the deployed service, an empty basket")
        status, told = _get(self.ports[part.module], [])
        answer(f"{status} {json.dumps(told)}", good=status == 200)
        return status, told


def home(setting: Setting, part: Part) -> pathlib.Path:
    """Return the folder of a deployed module."""
    return setting.folder / "production" / module_folder(part.module)


def build(setting: Setting, parts: Iterable[Part]) -> pathlib.Path:
    """Put the versions of each module where the deployer takes them from; return the deployers' file."""
    for part in parts:
        for version, basket in BUILDS.items():
            folder = setting.folder / "builds" / module_folder(part.module) / version
            folder.mkdir(parents=True)
            shutil.copy(SHOP / "service.py", folder)
            shutil.copy(SHOP / basket, folder / "basket.py")
            (folder / "VERSION").write_text(version)
            (folder / "MODULE").write_text(part.module)
    (setting.folder / "production").mkdir()
    where = {"root": str(setting.folder / "production"), "sources": str(setting.folder / "builds")}
    file = setting.folder / "deployers.yaml"
    deployer = {"kind": "directory", **where, "keep": 5}
    file.write_text(yaml.safe_dump({part.project: {LEVEL: deployer} for part in parts}))
    return file


def _get(port: int, prices: Iterable[int]) -> tuple[int, dict[str, Any]]:
    query = urllib.parse.urlencode({"prices": ",".join(map(str, prices))})
    came = urllib3.request("GET", f"http://127.0.0.1:{port}/?{query}", retries=False, timeout=5)
    return came.status, dict(came.json())
