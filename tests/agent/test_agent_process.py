"""The agent as a process: killed at any moment, without a service, on a full disk. Nothing twice, nothing lost."""

import contextlib
import itertools
import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

from tests.agent.process import SCRAPE, agent, configuration
from tests.agent.receiver import TAKEN, Receiver, receiving
from tests.agent.shop import Shop, exposed

SEED = 7


@contextlib.contextmanager
def traffic(shop):
    """Requests, some of which fail, until the end; yields what makes them pause."""
    stop, pause = threading.Event(), threading.Event()

    def serve():
        drawn = random.Random(SEED)
        while not stop.wait(0.01):
            if not pause.is_set():
                shop.served("pay", drawn.choice("12"), 500 if drawn.random() < 0.1 else 200)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield pause
    finally:
        stop.set()
        thread.join()


def counted(shop, **labels):
    return sum(
        sample.value
        for metric in shop.registry.collect()
        for sample in metric.samples
        if sample.name == "shop_requests_total" and labels.items() <= sample.labels.items()
    )


def settled(receiver, shop, already=0):
    """Wait until all that was counted was told; sums must agree to the request."""
    receiver.wait_for(lambda: receiver.total() == counted(shop) - already)
    receiver.wait_for(lambda: receiver.total("errors") == counted(shop, code="500"))
    assert receiver.differing == []
    for version in "12":
        told = sorted(
            (window["window_start"], window["window_end"])
            for window in receiver.windows()
            if window.get("version") == version and "requests" in window
        )
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(told)), "windows overlap"


def started(receiver, shop):
    """Wait until counting has begun: a first window has come, and there were no requests before."""
    receiver.wait_for(lambda: any("requests" in window for window in receiver.windows()))


@pytest.fixture
def shop():
    made = Shop()
    for version in "12":
        made.served("pay", version, times=0)  # the series are there, at zero
    return made


def test_killed_again_and_again_it_counts_nothing_twice_and_loses_nothing(tmp_path, shop):
    """While answers get lost: the service has taken a batch, and the agent does not know."""
    drawn = random.Random(SEED)
    log = tmp_path / "log"
    with receiving() as receiver, exposed(shop) as url:
        told = configuration(tmp_path, receiver.url, prometheus_text=[{"url": url, **SCRAPE}])
        with agent(told, log):
            started(receiver, shop)
        receiver.answer = lambda number: (503, {}, {}) if number % 3 == 1 else TAKEN
        with traffic(shop) as pause:
            for _ in range(4):
                with agent(told, log) as process:
                    before = len(receiver.requests)
                    receiver.wait_for(lambda: len(receiver.requests) > before)  # noqa: B023 - asked at once
                    time.sleep(drawn.uniform(0, 1.2))  # anywhere in a window
                    process.send_signal(signal.SIGKILL)
            pause.set()
        with agent(told, log) as process:
            settled(receiver, shop)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    assert counted(shop) > 100


def test_a_service_that_is_away_loses_nothing(tmp_path, shop):
    log = tmp_path / "log"
    kept = Receiver()
    with exposed(shop) as url:
        with receiving(into=kept) as receiver:
            port = int(receiver.url.rsplit(":", 1)[1])
            told = configuration(tmp_path, receiver.url, prometheus_text=[{"url": url, **SCRAPE}])
            stack = contextlib.ExitStack()
            process = stack.enter_context(agent(told, log))
            started(receiver, shop)
        with stack, traffic(shop) as pause:
            wait_for_status(tmp_path, lambda status: status["waiting"]["segments"] >= 4)
            with receiving(port, kept) as receiver:
                pause.set()
                settled(receiver, shop)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
    assert "service: well again" in log.read_text()
    assert len(kept.requests) < len({window["window_end"] for window in kept.windows()})  # several in one


def wait_for_status(folder, condition, seconds=60):
    limit = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError):
            status = json.loads((folder / "spool/status.json").read_text())
            if condition(status):
                return status
        assert time.monotonic() < limit
        time.sleep(0.05)


@contextlib.contextmanager
def small_disk(folder):
    mounted = folder / "spool"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mounted], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here, root can: {made.stderr.strip()}")
    ballast = mounted / "ballast"

    def fill(process):
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    try:
        yield fill, lambda process: ballast.unlink()
    finally:
        subprocess.run(["umount", "--lazy", mounted], check=True)


@contextlib.contextmanager
def small_quota(folder):
    """A limit on the size of the process's files."""
    free = resource.RLIM_INFINITY

    def limit(most):
        return lambda process: resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, free))

    yield limit(0), limit(free)


@pytest.mark.parametrize("disk", [small_disk, small_quota])
def test_on_a_full_disk_it_goes_on_in_memory_and_recovers(tmp_path, shop, disk):
    with disk(tmp_path) as (fill, free), receiving() as receiver, exposed(shop) as url:
        told = configuration(tmp_path, receiver.url, prometheus_text=[{"url": url, **SCRAPE}])
        process = subprocess.Popen(
            [sys.executable, "-m", "promotion_gate", "agent", "--config", str(told)], stderr=subprocess.PIPE
        )
        lines = Lines(process.stderr)
        try:
            started(receiver, shop)
            with traffic(shop) as pause:
                fill(process)
                lines.wait_for("windows are held in memory")
                before = len(receiver.requests)
                receiver.wait_for(lambda: len(receiver.requests) > before + 2)  # they go out all the same
                free(process)
                lines.wait_for("disk: well again")
                pause.set()
            settled(receiver, shop)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
            lines.close()


class Lines:
    """What a process logs, read as it comes: its own file could not grow."""

    def __init__(self, stream):
        self._stream, self._seen, self._changed = stream, [], threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for line in self._stream:
            with self._changed:
                self._seen.append(line.decode())
                self._changed.notify_all()

    def wait_for(self, words, seconds=60):
        with self._changed:
            assert self._changed.wait_for(lambda: any(words in line for line in self._seen), seconds), self._seen

    def close(self):
        self._thread.join()
        self._stream.close()


def test_a_second_agent_on_one_spool_is_refused_in_one_line(tmp_path, shop):
    with receiving() as receiver, exposed(shop) as url:
        told = configuration(tmp_path, receiver.url, prometheus_text=[{"url": url, **SCRAPE}])
        with agent(told, tmp_path / "log"):
            started(receiver, shop)
            command = [sys.executable, "-m", "promotion_gate", "agent", "--config", str(told)]
            second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert second.stderr == f"error: {tmp_path}/spool: another agent has this spool; give each its own\n"


def test_the_token_is_in_no_log_and_no_file(tmp_path, shop):
    secret = "pg_secret-of-this-test"  # noqa: S105 - no secret of anything
    log = tmp_path / "log"
    with receiving() as receiver, exposed(shop) as url:
        receiver.answer = lambda number: (401, {}, {"code": "unknown-token", "detail": "no"}) if number == 0 else TAKEN
        told = configuration(tmp_path, receiver.url, prometheus_text=[{"url": url, **SCRAPE}])
        read = yaml.safe_load(told.read_text())
        token = tmp_path / "token"
        token.write_text(secret)
        token.chmod(0o600)
        read["service"]["token_file"] = str(token)
        told.write_text(yaml.safe_dump(read))
        with agent(told, log):
            receiver.wait_for(lambda: bool(receiver.requests))
            wait_for_status(tmp_path, lambda status: "service" in status["troubles"])
        assert receiver.headers[0]["Authorization"] == f"Bearer {secret}"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != token]
    assert written
    assert not any(secret.encode() in path.read_bytes() for path in written)
