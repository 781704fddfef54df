"""What does the agent take? Share of a core and memory, beside a scraped service of 200 modules in two versions.

usage: python -m benchmarks.agent [--seconds 70] [--modules 200] [--outage]

    --seconds S    how long it is watched, after its first three windows
    --modules M    of which each has two versions, with counters of two codes and a histogram of twelve buckets
    --outage       nobody answers meanwhile: the spool fills instead

The agent runs as a person starts it, with windows of 10 s: it scrapes a real endpoint, looks at this host, and sends to
a receiver that takes and counts what comes. CPU time is what the kernel booked to its process, user and system; memory
is its resident set, the largest of one look a second. In an outage the bytes of an hour's windows are told as well.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import psutil
import yaml
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from tests.agent.receiver import receiving

WINDOW_S = 10
MOST_CPU, MOST_MIB = 0.02, 120


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=int, default=70)
    asked.add_argument("--modules", type=int, default=200)
    asked.add_argument("--outage", action="store_true")
    options = asked.parse_args()
    registry, serve = shop(options.modules)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    with tempfile.TemporaryDirectory() as name, receiving() as receiver:
        folder = pathlib.Path(name)
        if options.outage:
            receiver.answer = lambda number: (503, {}, {})
        process = start(folder, receiver.url, server.server_port, options.modules)
        try:
            print(json.dumps(watch(process, folder, serve, options), indent=1))
        finally:
            process.kill()
            process.wait()
    server.shutdown()
    server.server_close()
    thread.join()


def shop(modules: int):
    """A registry, and a function that has each version serve some requests."""
    registry = CollectorRegistry()
    requests = Counter("shop_requests", "Requests", ("module", "version", "code"), registry=registry)
    seconds = Histogram(
        "shop_seconds",
        "Latency",
        ("module", "version"),
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        registry=registry,
    )

    def serve(number: int) -> None:
        for module in range(modules):
            for version in ("1.0", "2.0"):
                name = f"service/package/module_{module:03d}.py"
                requests.labels(name, version, "200").inc(40 + (module * number) % 17)
                requests.labels(name, version, "500").inc(module % 3)
                for part in range(5):
                    seconds.labels(name, version).observe((module * 7 + number * 3 + part * 11) % 100 / 200)

    serve(0)
    return registry, serve


def start(folder: pathlib.Path, service: str, port: int, modules: int) -> subprocess.Popen[bytes]:
    """The agent's process."""
    told = {
        "source": "benchmark",
        "window_seconds": WINDOW_S,
        "service": {"url": service},
        "spool": {"folder": str(folder / "spool")},
        "host": {"project": "shop", "modules": [f"service/package/module_{one:03d}.py" for one in range(modules)]},
        "prometheus_text": [
            {
                "url": f"http://127.0.0.1:{port}/metrics",
                "project": "shop",
                "module_label": "module",
                "version_label": "version",
                "requests": "shop_requests_total",
                "errors": {"label": "code", "matches": "5.."},
                "latency": "shop_seconds",
            }
        ],
    }
    (folder / "agent.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    command = [sys.executable, "-m", "promotion_gate", "agent", "--config", str(folder / "agent.yaml")]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def watch(process: subprocess.Popen[bytes], folder: pathlib.Path, serve, options: argparse.Namespace) -> dict:
    """What it took, from the end of its third window on."""
    seen = psutil.Process(process.pid)
    number = 0

    def pass_(seconds: float) -> list[int]:
        nonlocal number
        until, found = time.monotonic() + seconds, []
        while time.monotonic() < until:
            assert process.poll() is None, "the agent ended"
            number += 1
            serve(number)
            found.append(seen.memory_info().rss)
            time.sleep(1)
        return found

    while status(folder).get("totals", {}).get("delivered_windows", 0) < 1 and waiting(folder) < 1:
        pass_(1)
    pass_(2 * WINDOW_S)
    before, at, kept = seen.cpu_times(), time.monotonic(), waiting(folder)
    resident = pass_(options.seconds)
    after, passed = seen.cpu_times(), time.monotonic() - at
    share = (after.user + after.system - before.user - before.system) / passed
    told = status(folder)
    found = {
        "modules": options.modules,
        "versions": 2,
        "seconds": round(passed, 1),
        "cpu_share_of_a_core": round(share, 4),
        "cpu_share_promised": MOST_CPU,
        "resident_mib": round(max(resident) / 2**20, 1),
        "resident_mib_promised": MOST_MIB,
        "delivered_windows": told["totals"]["delivered_windows"],
        "dropped_windows": told["totals"]["dropped_windows"],
        "load_average": round(psutil.getloadavg()[0], 2),
    }
    if options.outage:
        found["spool_mib_an_hour"] = round((waiting(folder) - kept) / passed * 3600 / 2**20, 2)
    return found


def status(folder: pathlib.Path) -> dict:
    """What the agent wrote last."""
    try:
        return json.loads((folder / "spool/status.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def waiting(folder: pathlib.Path) -> int:
    """Bytes that wait on disk."""
    return status(folder).get("waiting", {}).get("disk_bytes", 0)


if __name__ == "__main__":
    main()
