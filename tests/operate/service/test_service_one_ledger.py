"""Two services on one SQLite ledger: the second is refused, whatever it calls the file, until the first has ended."""

import contextlib
import subprocess
import sys

import pytest

from tests.operate.service.victims import Victim, free_port
from tests.operate.service.writers import Writers, reckon


@pytest.fixture
def first(tmp_path):
    victim = Victim(tmp_path, f"sqlite:///{tmp_path}/ledger.db")
    victim.wait()
    yield victim
    victim.close()


def a_second(folder, name):
    (folder / "linked").symlink_to(folder, target_is_directory=True)
    (folder / "link.db").symlink_to("ledger.db")
    given = ["--no-auth", "--port", str(free_port()), "--database", f"sqlite:///{folder}/{name}"]
    model = ["--models", str(folder / "champion")]
    command = [sys.executable, "-m", "promotion_gate", "serve", *given, *model]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["link.db", "linked/ledger.db"])
def test_the_second_service_is_refused_in_a_line_while_the_first_writes_on(first, tmp_path, name):
    with Writers([first.port], seed=7) as writers:
        writers.wait()
        refused = a_second(tmp_path, name)
        writers.wait(more=20)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert f"{name}: another service has this ledger open; stop it first" in refused.stderr
    assert "cut" not in writers.statuses
    first.close()
    assert reckon(f"sqlite:///{tmp_path}/ledger.db", writers.acknowledged).is_good


def test_a_service_that_was_killed_holds_nothing(first, tmp_path):
    url = f"sqlite:///{tmp_path}/link.db"
    (tmp_path / "link.db").symlink_to("ledger.db")
    with Writers([first.port], seed=7) as writers:
        writers.wait(more=20)
        first.kill()
    with contextlib.closing(Victim(tmp_path, url)) as second:
        second.wait()
        assert reckon(url, writers.acknowledged).is_good
