"""The host's load and the CPU time of modules' processes, on this host."""

import os
import pathlib
import subprocess
import sys

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.agent.host import HostCollector, load
from promotion_gate.agent.pressure import pressures
from promotion_gate.agent.settings import HostSettings
from promotion_gate.agent.spans import Span

SHARE = st.floats(0, 1)
FIRST, SECOND = Span(0, 10), Span(10, 20)
BURN = """import time
until = time.process_time() + 0.3
while time.process_time() < until: pass
print("done", flush=True)
input()
"""


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((0.2, 0.1, 0.5, 0.4, None), 0.2),
        ((0.2, 0.6, 0.5, 0.4, None), 0.6),
        ((0.2, 0.1, 0.95, 0.4, None), 0.5),
        ((0.2, 0.1, 0.5, 4.0, None), 0.75),
        ((0.2, 0.9, 0.99, 9.0, {"cpu": 0.3, "io": 0.1}), 0.3),
        ((0.7, 0.0, 0.0, 0.0, {"cpu": 0.3}), 0.7),
    ],
)
def test_the_scarcest_resource_is_the_load(parts, expected):
    assert load(*parts) == pytest.approx(expected)


@given(
    SHARE, SHARE, SHARE, st.floats(0, 1000), st.one_of(st.none(), st.fixed_dictionaries({"cpu": SHARE, "io": SHARE}))
)
def test_a_load_is_a_share_and_no_less_than_what_the_cores_work(cpu, waiting, memory, queue, pressure):
    assert cpu <= load(cpu, waiting, memory, queue, pressure) <= 1


def test_pressure_is_read_as_linux_tells_it(tmp_path):
    told = "some avg10={} avg60=0.00 avg300=0.00 total=1\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=1\n"
    (tmp_path / "cpu").write_text(told.format("12.34"))
    (tmp_path / "io").write_text(told.format("0.00"))
    assert pressures(tmp_path) == {"cpu": pytest.approx(0.1234), "io": 0}
    assert pressures(tmp_path / "nothing") is None


def test_each_module_of_the_host_has_its_load():
    collector = HostCollector(HostSettings(project="shop", modules=("pay", "basket")))
    first = collector.collect(FIRST, {})
    psutil.cpu_percent(0.1)
    second = collector.collect(SECOND, first.state)
    assert first.windows == []
    assert [(one.module, one.version, one.start, one.end) for one in second.windows] == [
        ("pay", None, 10, 20),
        ("basket", None, 10, 20),
    ]
    assert all(0 <= one.load <= 1 and one.requests is None for one in second.windows)


@pytest.fixture
def burner():
    process = subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_the_cpu_time_of_a_process_by_its_pid_file(tmp_path, burner):
    file = tmp_path / "pid"
    file.write_text(f"{os.getpid()}\n")  # this process and its children
    collector = HostCollector(HostSettings(project="shop", processes={"pay": {"pid_file": str(file)}}))
    before = sum(psutil.Process(burner.pid).cpu_times()[:2])
    first = collector.collect(FIRST, {})
    assert burner.stdout.readline() == b"done\n"
    (told,) = collector.collect(SECOND, first.state).windows
    burnt = sum(psutil.Process(burner.pid).cpu_times()[:2]) - before
    assert told.cpu_seconds >= burnt - 0.05


def test_processes_by_their_command_line(burner):
    settings = HostSettings(project="shop", processes={"pay": {"command": r"until = time\.process_time"}})
    collector = HostCollector(settings)
    first = collector.collect(FIRST, {})
    assert burner.stdout.readline() == b"done\n"
    (told,) = collector.collect(SECOND, first.state).windows
    assert 0 <= told.cpu_seconds <= 5


@pytest.mark.parametrize("held", ["", "none", str(2**22 + 1)])
def test_a_module_without_a_process_has_no_cpu_time_rather_than_none(tmp_path, held):
    file = tmp_path / "pid"
    file.write_text(held)
    collector = HostCollector(
        HostSettings(project="shop", processes={"pay": {"pid_file": str(file)}}), pathlib.Path("/no")
    )
    first = collector.collect(FIRST, {})
    psutil.cpu_percent(0.1)
    (told,) = collector.collect(SECOND, first.state).windows
    assert told.cpu_seconds is None
