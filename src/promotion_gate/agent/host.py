"""Collector of the host: how loaded it is, for the modules that run on it, and what their processes take. By psutil."""

import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from promotion_gate.agent.collector import Collected, State
from promotion_gate.agent.pressure import pressures
from promotion_gate.agent.settings import HostSettings, ProcessSettings
from promotion_gate.agent.spans import Span
from promotion_gate.agent.windows import Window

FULL = 0.9
"""Share of the memory in use from which on it counts as load, where the kernel tells no pressure."""


def load(cpu: float, waiting: float, memory: float, run_queue: float, pressure: Mapping[str, float] | None) -> float:
    """Return how loaded a host is, a share: the greatest of its parts, as the scarcest resource slows all.

    Linux's pressure stall information (`some avg10`: the share of 10 s in which some task waited for cpu, memory or io)
    says it best. Without it the share of time spent waiting for io stands for io, what is used of the last tenth of the
    memory for memory, and the tasks that wait or run, by core, for cpu: as a share of what they would need, 1 - 1 / x.

    Args:
        cpu: share of the time in which the cores worked.
        waiting: share of the time in which they waited for io.
        memory: share of the memory in use.
        run_queue: load average of a minute by core.
        pressure: share by resource, None where the kernel tells none.
    """
    if pressure is not None:
        return min(1.0, max(cpu, *pressure.values()))
    queued = 0.0 if run_queue <= 1 else 1 - 1 / run_queue
    return min(1.0, max(cpu, waiting, (memory - FULL) / (1 - FULL), queued))


class HostCollector:
    """Tells the load of each module that the configuration says runs here, and the CPU time of those with processes."""

    def __init__(self, settings: HostSettings, pressure: pathlib.Path = pathlib.Path("/proc/pressure")) -> None:
        self.name = "host"
        self._settings, self._pressure = settings, pressure

    def collect(self, span: Span, state: State) -> Collected:
        """Look at the host; as `Collector.collect`. The first look only remembers."""
        times = _times()
        processes = {module: _cpu_seconds(asked) for module, asked in self._settings.processes.items()}
        now: State = {"at": span.end, "times": times, "processes": processes, "boot": psutil.boot_time()}
        since = span.since(state.get("at"))
        if since is None:
            return Collected([], now)
        loaded = self._load(state, times)
        windows = []
        for module in dict.fromkeys((*self._settings.modules, *processes)):
            known = state["processes"].get(module)
            used = None if known is None or module not in processes else _used(known, processes[module])
            told = Window(self._settings.project, module, None, since.start, since.end, cpu_seconds=used, load=loaded)
            if used is not None or loaded is not None:
                windows.append(told)
        return Collected(windows, now)

    def _load(self, state: State, times: Mapping[str, float]) -> float | None:
        spent = {name: now - state["times"].get(name, now) for name, now in times.items()}
        total = sum(spent.values())
        if total <= 0 or min(spent.values()) < -1:  # the machine was started anew
            return None
        waiting = max(0.0, spent.get("iowait", 0.0))
        busy = total - spent["idle"] - waiting
        memory = psutil.virtual_memory()
        by_core = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
        return load(
            max(0.0, busy / total),
            waiting / total,
            1 - memory.available / memory.total,
            by_core,
            pressures(self._pressure),
        )


def _times() -> dict[str, float]:
    """Return the seconds that all cores spent, by what on. Guests' are in the user's already."""
    times: dict[str, float] = psutil.cpu_times()._asdict()
    return {name: seconds for name, seconds in times.items() if not name.startswith("guest")}


def _used(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """Return the CPU seconds of processes, None where there is none; one that is new took all it has since.

    What those took that ended meanwhile is not known.
    """
    return sum(max(0.0, seconds - before.get(one, 0.0)) for one, seconds in after.items()) if after else None


def _cpu_seconds(asked: ProcessSettings) -> dict[str, float]:
    """Return CPU seconds by process: id and start, as ids are used again."""
    found: dict[str, float] = {}
    for root in _roots(asked):
        try:
            for process in (root, *root.children(recursive=True)):
                times = process.cpu_times()
                found[f"{process.pid} {process.create_time():.2f}"] = times.user + times.system
        except psutil.Error:
            continue  # it ended meanwhile, or is not ours to look at
    return found


def _roots(asked: ProcessSettings) -> Iterator[psutil.Process]:
    if asked.pid_file is not None:
        try:
            yield psutil.Process(int(pathlib.Path(asked.pid_file).read_text(encoding="ascii").strip()))
        except (OSError, ValueError, psutil.Error):
            return
    else:
        for process in psutil.process_iter(["cmdline"]):
            words: Any = process.info["cmdline"]
            if words and re.search(asked.command or "", " ".join(words)):
                yield process
