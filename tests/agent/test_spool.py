"""The spool: at least once, in order, within its bound, through kills and a disk that takes nothing."""

import gzip
import json
import multiprocessing
import os
import pathlib

import pytest

from promotion_gate.agent import segment
from promotion_gate.agent.segment import Content
from promotion_gate.agent.spool import LAST, LOOSE, Spool
from promotion_gate.errors import InputError


def content(number, size=1, source="host-1", filler=0):
    """What a look brings: windows that say which look they are of."""
    noise = gzip.compress(os.urandom(filler)).hex() if filler else ""
    return Content(source, [{"look": number, "of": one, "noise": noise} for one in range(size)], {"end": number})


def looks(batch):
    return [window["look"] for window in batch.content.windows]


def drain(spool):
    found = []
    while batch := spool.head():
        found += looks(batch)
        spool.done(batch)
    return found


def files(spool_folder):
    return sorted(path.name for path in spool_folder.glob("0*.json.gz"))


def test_what_was_appended_is_sent_in_order(spool):
    for number in range(5):
        spool.append(content(number))
    assert drain(spool) == [0, 1, 2, 3, 4]
    assert spool.head() is None


def test_several_looks_go_in_one_request(spool):
    for number in range(5):
        spool.append(content(number))
    assert looks(spool.head()) == [0, 1, 2, 3, 4]


def test_a_batch_that_may_have_been_sent_is_never_changed(spool):
    spool.append(content(0))
    first = spool.head()
    spool.append(content(1))
    assert spool.head() == first


def test_after_a_kill_the_same_batch_has_the_same_name_and_bytes(tmp_path, losses):
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        for number in range(3):
            spool.append(content(number))
        sent = spool.head()
        spool.append(content(3))
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        again = spool.head()
        assert (again.segment, list(segment.bodies(again.segment, again.content))) == (
            sent.segment,
            list(segment.bodies(sent.segment, sent.content)),
        )
        assert drain(spool) == [0, 1, 2, 3]


def test_a_kill_while_looks_are_put_together_leaves_each_once(tmp_path, losses):
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        for number in range(3):
            spool.append(content(number))
        parts = {path.name: path.read_bytes() for path in tmp_path.glob("0*.json.gz")}
        spool.head()
    for name, packed in parts.items():  # as if they had not been removed yet
        (tmp_path / name).write_bytes(packed)
    (tmp_path / ".half.json.gz.new").write_bytes(b"half")
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        assert drain(spool) == [0, 1, 2]
    assert files(tmp_path) == []
    assert not (tmp_path / ".half.json.gz.new").exists()


def test_what_is_remembered_is_that_of_the_newest_look_sent_or_not(tmp_path, losses):
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        assert spool.state() == {}
        for number in (1, 2):
            spool.append(content(number))
        assert spool.state() == {"end": 2}
        drain(spool)
        assert spool.state() == {"end": 2}
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        assert spool.state() == {"end": 2}


def test_beyond_the_bound_the_oldest_are_dropped_and_said(tmp_path, losses):
    with Spool(tmp_path, 100_000, losses).opened() as spool:
        for number in range(20):
            spool.append(content(number, filler=10_000))
        kept = drain(spool)
    assert kept == list(range(20 - len(kept), 20))
    assert 0 < len(kept) < 20
    assert sum(windows for windows, _ in losses) == 20 - len(kept)
    assert {why for _, why in losses} == {"more than 100,000 bytes wait"}


def test_a_long_outage_is_few_files(spool, tmp_path):
    spool.append(content(0))
    spool.head()
    for number in range(1, 10 * LOOSE):
        spool.append(content(number))
    assert len(files(tmp_path / "spool")) <= LOOSE + 10
    assert drain(spool) == list(range(10 * LOOSE))


def test_no_request_is_larger_than_one_may_be_but_for_a_window_that_is(spool):
    for number in range(3):
        spool.append(content(number, size=12_000))
    bodies = []
    while batch := spool.head():
        bodies += segment.bodies(batch.segment, batch.content)
        spool.done(batch)
    read = [json.loads(body) for body in bodies]
    assert max(len(one["windows"]) for one in read) <= segment.MAX_WINDOWS
    assert max(map(len, bodies)) <= segment.MAX_BODY + 1000
    assert len({one["batch_id"] for one in read}) == len(read)
    assert [window["of"] for one in read for window in one["windows"]] == 3 * list(range(12_000))


def test_batches_of_an_agent_of_another_name_are_not_mixed(spool):
    spool.append(content(0, source="a"))
    spool.append(content(1, source="b"))
    assert looks(spool.head()) == [0]


def test_what_the_service_never_takes_is_set_aside_with_its_answer(spool, tmp_path):
    spool.append(content(0))
    batch = spool.head()
    spool.append(content(1))
    spool.reject(batch, {"answer": "answered 422"})
    rejected = tmp_path / "spool/rejected"
    kept = segment.unpacked((rejected / f"{batch.segment.name}.json.gz").read_bytes())
    assert kept == batch.content
    assert json.loads((rejected / f"{batch.segment.name}.answer.json").read_text()) == {"answer": "answered 422"}
    assert drain(spool) == [1]


def test_a_damaged_file_is_set_aside_and_said(tmp_path, losses):
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        spool.append(content(0))
        spool.head()
        spool.append(content(1))
    oldest = min(tmp_path.glob("0*.json.gz"))
    oldest.write_bytes(oldest.read_bytes()[:20])
    with Spool(tmp_path, 1 << 20, losses).opened() as spool:
        assert drain(spool) == [1]
    assert losses == [(1, "damaged: EOFError")]
    assert (tmp_path / "rejected" / oldest.name).exists()


def hold(folder, held, release):
    with Spool(folder, 1 << 20, print).opened():
        held.set()
        release.wait(60)


def test_a_second_agent_on_one_spool_is_refused(tmp_path, losses):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, held, release))
    other.start()
    try:
        assert held.wait(60)
        with pytest.raises(InputError, match="another agent has this spool"), Spool(tmp_path, 1, losses).opened():
            pass
    finally:
        release.set()
        other.join()


class Trouble:
    """A disk that takes nothing: the spool's folder is away."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.away = folder, folder.with_name("away")

    def begin(self):
        self.folder.rename(self.away)

    def end(self):
        self.away.rename(self.folder)


def test_a_disk_that_takes_nothing_is_bridged_in_memory(spool, tmp_path):
    trouble = Trouble(tmp_path / "spool")
    spool.append(content(0))
    trouble.begin()
    spool.append(content(1))
    spool.append(content(2))
    assert spool.waiting().trouble == "No such file or directory"
    assert (spool.waiting().segments, spool.waiting().memory_bytes > 0) == (3, True)
    trouble.end()
    spool.append(content(3))
    assert (spool.waiting().trouble, spool.waiting().memory_bytes) == (None, 0)
    assert drain(spool) == [0, 1, 2, 3]


def test_in_memory_too_the_oldest_are_dropped_beyond_a_bound(tmp_path, losses):
    with Spool(tmp_path / "spool", 1 << 20, losses, max_memory=50_000).opened() as spool:
        trouble = Trouble(tmp_path / "spool")
        trouble.begin()
        for number in range(10):
            spool.append(content(number, filler=10_000))
        trouble.end()
        kept = drain(spool)
    assert kept == list(range(10 - len(kept), 10))
    assert len(losses) == 10 - len(kept) > 0
    assert losses[0][1] == "the disk takes nothing (No such file or directory)"


def test_what_is_sent_from_memory_makes_a_restart_count_anew(spool, tmp_path):
    """What is remembered on disk is older than what was sent: counting on from there would count twice."""
    spool.append(content(0))
    drain(spool)
    assert spool.state() == {"end": 0}
    held = spool._write

    def full(*_):
        raise OSError(28, "No space left on device")

    spool._write = full
    spool.append(content(1))
    assert spool.state() == {"end": 0}  # not sent yet: a restart looks again
    assert looks(spool.head()) == [1]
    assert spool.state() == {}
    assert not (tmp_path / "spool" / LAST).exists()
    spool._write = held
    spool.append(content(2))
    assert spool.state() == {"end": 2}
    assert drain(spool) == [1, 2]
