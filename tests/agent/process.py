"""The agent as a process, as a person starts it."""

import contextlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import yaml

SCRAPE = {
    "project": "shop",
    "module_label": "module",
    "version_label": "version",
    "requests": "shop_requests_total",
    "errors": {"label": "code", "matches": "5.."},
    "latency": "shop_seconds",
}


def configuration(folder: pathlib.Path, service: str, **more: Any) -> pathlib.Path:
    """Write a configuration of windows of a second; returns its file."""
    told = {
        "source": "host-1",
        "window_seconds": 1,
        "service": {"url": service},
        "spool": {"folder": str(folder / "spool")},
        **more,
    }
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


@contextlib.contextmanager
def agent(configuration: pathlib.Path, log: pathlib.Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start it; what is left of it in the end is killed."""
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "promotion_gate", "agent", "--config", str(configuration)], stderr=stderr
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
