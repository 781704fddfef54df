"""The live model's folder: nothing of it is left, neither by who ends in order nor, in the end, by who was killed."""

import os

import pytest

from promotion_gate.operate.service import rooms
from tests.operate.service.victims import Victim


@pytest.fixture
def two(tmp_path):
    """Services whose temporary folder is the test's."""
    victims = [Victim(tmp_path, f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "other")]
    for victim in victims:
        victim.wait()
    yield victims
    for victim in victims:
        victim.close()


def rooms_in(folder, age_s=0):
    found = sorted(folder.glob(f"{rooms.PREFIX}*"))
    for path in found:
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age_s))
    return found


def test_what_a_killed_service_left_goes_with_the_next_start_and_a_living_ones_stays(two, tmp_path):
    before = rooms_in(tmp_path, age_s=2 * rooms.YOUNG_S)
    two[0].kill()
    assert rooms_in(tmp_path) == before
    two[0].start()
    two[0].wait()
    after = rooms_in(tmp_path)
    assert (len(before), len(after), len({*before} & {*after})) == (2, 2, 1)
    for victim in two:
        victim.close()
    assert rooms_in(tmp_path) == []


def test_a_young_one_may_not_be_locked_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms.tempfile, "tempdir", str(tmp_path))
    young, old = tmp_path / f"{rooms.PREFIX}young", tmp_path / f"{rooms.PREFIX}old"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    room = rooms.Room()
    assert sorted(tmp_path.iterdir()) == sorted([young, room.path])
    room.leave()
    room.leave()
    assert list(tmp_path.iterdir()) == [young]
