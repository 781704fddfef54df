"""Servers to be measured, each a process of its own, and wrk, which measures them.

wrk (Debian: apt-get install wrk) sends the next request of each connection as soon as the last one is answered.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(sys.executable).parent
READY_S = 120
MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
SHARE = re.compile(r"(\d+)% +([\d.]+)(us|ms|s|m)")


class Request(NamedTuple):
    """What is sent, again and again: the bodies in turn."""

    path: str
    bodies: Sequence[Any]


class Measured(NamedTuple):
    """One run of wrk: requests a second, latencies in ms, answers that were no 2xx or 3xx."""

    per_second: float
    p50: float
    p99: float
    refused: int


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def served(command: Sequence[str], port: int, ready: str, log: pathlib.Path) -> Iterator[int]:
    """Run a server until the block ends; its process id. Waits until it answers `ready` with 200."""
    environment = {**os.environ, "GIT_PYTHON_REFRESH": "quiet", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{ROOT}/mlflow.db"
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=told, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + READY_S
        while not _answers(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(command)}: does not come up:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def ours(port: int, database: str, *more: str) -> list[str]:
    """The command of our service; no tokens, and a model of its own."""
    return [
        *(str(BIN / "promotion-gate"), "serve", "--no-auth", "--port", str(port), "--database", database),
        *("--models", str(ROOT / "models/champion"), *more),
    ]


def peer(port: int) -> list[str]:
    """The command of MLflow's own server, with the very model that ours has: the registry's champion."""
    model = json.loads((ROOT / "models/champion/manifest.json").read_bytes())["model_version"]
    return [
        *(str(BIN / "mlflow"), "models", "serve", "--env-manager", "local", "--model-uri", f"models:/{model}"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def once(port: int, request: Request) -> Any:
    """One answer, which must be a good one."""
    body = json.dumps(request.bodies[0]).encode()
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{request.path}", body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{request.path}: {error.code} {error.read()[:500]!r}") from None


def wrk(port: int, request: Request, clients: int, seconds: float, folder: pathlib.Path) -> Measured:
    """Measure; SystemExit where wrk is missing."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is not installed (Debian: apt-get install wrk)")
    script = folder / "wrk.lua"
    script.write_text(_lua(request), encoding="utf-8")
    command = [program, "-t1", f"-c{clients}", f"-d{seconds:g}s", "--timeout", "30s", "--latency", "-s", str(script)]
    told = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{request.path}"], capture_output=True, text=True, check=True
    ).stdout
    shares = {int(share): float(figure) * MS[unit] for share, figure, unit in SHARE.findall(told)}
    rate = re.search(r"Requests/sec: +([\d.]+)", told)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    if rate is None or 50 not in shares or "Socket errors" in told:
        raise SystemExit(f"wrk: {told}")
    return Measured(float(rate[1]), shares[50], shares[99], int(refused[1]) if refused else 0)


def _lua(request: Request) -> str:
    bodies = ",\n".join(f"[==[{json.dumps(body)}]==]" for body in request.bodies)
    return (
        f"local bodies = {{\n{bodies}\n}}\nlocal turn = 0\n"
        'local headers = {["Content-Type"] = "application/json"}\n'
        "request = function()\n  turn = turn % #bodies + 1\n"
        f'  return wrk.format("POST", "{request.path}", headers, bodies[turn])\nend\n'
    )


def resident_mib(process: int) -> float:
    """Resident memory of a process and its children, MiB, as /proc says."""
    group, total = os.getpgid(process), 0
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) == group:
                    total += int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total / 2**20
