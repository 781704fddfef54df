"""The eyes of the story: a Prometheus where one is installed, the agent, and a policy that judges within seconds."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from demo.cast import Part
from demo.programs import COMMAND, Setting, StoryError, awaited, free_port
from demo.teller import say

QUICK = {
    "baseline_hours": 0.5,
    "grace_seconds": 2,
    "window_seconds": 1,
    "late_seconds": 1,
    "silent_seconds": 20,
    "least_requests": 50,
}
"""Of the policy's monitoring, what is other than usual: minutes would be too long for a story."""

MAPPING = {
    "requests": "shop_requests_total",
    "errors": {"label": "code", "matches": "5.."},
    "latency": "shop_request_seconds",
    "module_label": "module",
    "version_label": "version",
}
VARIABLE = "DEMO_MONITORING_TOKEN"


def hasty(setting: Setting) -> Setting:
    """Return the setting with a policy that watches in windows of a second."""
    told = json.loads(setting.run("policy", "show", "--json", *setting.gate))
    rules = {name: told[name] for name in ("impact", "policy")}
    rules["policy"]["monitor"] |= QUICK
    file = setting.folder / "policy.yaml"
    file.write_text(yaml.safe_dump(rules))
    return dataclasses.replace(setting, params=file)


@contextlib.contextmanager
def monitored(
    setting: Setting, parts: Iterable[Part], ports: Mapping[str, int], service: str, token: str
) -> Iterator[None]:
    """Run Prometheus and the agent until the block ends.

    Args:
        setting: where.
        parts: the modules that are looked at.
        ports: of each module's service.
        service: address of promotion-gate.
        token: of scope ingest.

    Raises:
        StoryError: Prometheus does not start.
    """
    targets = {f"127.0.0.1:{ports[part.module]}": {"project": part.project, **MAPPING} for part in parts}
    with contextlib.ExitStack() as stack:
        program = shutil.which("prometheus")
        if program is None:
            say("Prometheus is not installed (Debian: apt-get install prometheus): the agent asks the services itself.")
            texts = [{"url": f"http://{target}/metrics", **mapping} for target, mapping in targets.items()]
            metrics = {"prometheus_text": texts}
        else:
            say("A Prometheus asks the services each second, promotion-gate's agent asks Prometheus.")
            url = stack.enter_context(prometheus(setting, program, targets))
            asked = [{"url": url, "selector": f'instance="{one}"', **mapping} for one, mapping in targets.items()]
            metrics = {"prometheus_server": asked}
        file = agent_file(setting, service, metrics)
        stack.enter_context(watching(setting, file, token))
        yield


def status_file(setting: Setting) -> pathlib.Path:
    """Return where the agent says what it does."""
    return setting.folder / "spool" / "status.json"


def agent_file(setting: Setting, service: str, metrics: Mapping[str, Any]) -> pathlib.Path:
    """Write the agent's configuration; return the file."""
    file = setting.folder / "agent.yaml"
    told = {
        "source": "demo",
        "window_seconds": 1,
        "service": {"url": service, "token_env": VARIABLE},
        "spool": {"folder": str(setting.folder / "spool")},
        **metrics,
    }
    file.write_text(yaml.safe_dump(told))
    return file


@contextlib.contextmanager
def watching(setting: Setting, file: pathlib.Path, token: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run the agent until the block ends."""
    command = [*COMMAND, "agent", "--config", str(file)]
    with setting.background(command, setting.folder / "agent.log", **{VARIABLE: token}) as agent:
        yield agent


@contextlib.contextmanager
def prometheus(setting: Setting, program: str, targets: Iterable[str]) -> Iterator[str]:
    """Run a Prometheus that scrapes targets each second until the block ends; yields its address. StoryError."""
    file, listen = setting.folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    jobs = [{"job_name": "shop", "static_configs": [{"targets": list(targets)}]}]
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    data = setting.folder / "prometheus"
    command = [program, f"--config.file={file}", f"--storage.tsdb.path={data}", f"--web.listen-address={listen}"]
    log = setting.folder / "prometheus.log"
    with setting.background(command, log) as running:
        if not awaited(running, f"http://{listen}/-/ready"):
            last = (log.read_text(encoding="utf-8").splitlines() or ["nothing"])[-1]
            raise StoryError(f"Prometheus does not become ready; its last word: {last:.300}")
        yield f"http://{listen}"
