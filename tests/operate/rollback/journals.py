"""Journals for tests: in memory, and in a file that outlives its writer. The real one is the ledger."""

import contextlib
import fcntl
import json
import os
import pathlib
import threading

from pydantic import TypeAdapter

from promotion_gate.operate.rollback.attribution import Failure
from promotion_gate.operate.rollback.ports import CLOSE, RETRY, Entry, Order

ORDER, FAILURE, ENTRY = TypeAdapter(Order), TypeAdapter(Failure), TypeAdapter(Entry)


class MemoryJournal:
    """Everything as lines of JSON, so that nothing is kept that a file could not."""

    def __init__(self):
        self._lock, self._lines = threading.RLock(), []

    @contextlib.contextmanager
    def _alone(self):
        with self._lock:
            yield

    def _read(self):
        return self._lines

    def _write(self, line):
        self._lines.append(line)

    def _all(self, kind):
        return [content for kept, content in map(json.loads, self._read()) if kept == kind]

    def _put(self, kind, content):
        self._write(json.dumps([kind, content]))

    def open(self, order):
        with self._alone():
            for kept in self._orders():
                if order.failed.promotion_id in {member.promotion_id for member in kept.members}:
                    return kept.id, False
            self._put("order", ORDER.dump_python(order, mode="json"))
            return order.id, True

    def _orders(self):
        return [ORDER.validate_python(content) for content in self._all("order")]

    def order(self, rollback):
        return next(order for order in self._orders() if order.id == rollback)

    def record(self, failure, promotion_id, rollback, code):
        told = {"failure": FAILURE.dump_python(failure, mode="json"), "promotion": promotion_id}
        with self._alone():
            ids = {one["failure"]["failure_id"] for one in self._all("failure")}
            ids |= {order.failure.failure_id for order in self._orders() if order.failure is not None}
            if failure.failure_id not in ids:
                self._put("failure", {**told, "rollback": rollback, "code": code})

    def failures(self, rollback):
        attached = [one["failure"] for one in self._all("failure") if one["rollback"] == rollback]
        first = self.order(rollback).failure
        return [*([] if first is None else [first]), *map(FAILURE.validate_python, attached)]

    def codes(self):
        """Return how the failures that opened nothing were answered."""
        return [
            (one["failure"]["failure_id"], one["rollback"] is not None, one["code"]) for one in self._all("failure")
        ]

    def append(self, entry):
        with self._alone():
            self._put("entry", ENTRY.dump_python(entry, mode="json"))

    def entries(self, rollback):
        return [entry for entry in map(ENTRY.validate_python, self._all("entry")) if entry.rollback == rollback]

    def unfinished(self):
        last = {
            one["rollback"]: one["step"]
            for one in self._all("entry")
            if one["phase"] == "done" and one["step"] in (CLOSE, RETRY)
        }
        return [order.id for order in self._orders() if last.get(order.id) != CLOSE]


class FileJournal(MemoryJournal):
    """Lines in a file, each synced; a last one that was cut off counts as never written."""

    def __init__(self, path):
        super().__init__()
        self._path = pathlib.Path(path)

    @contextlib.contextmanager
    def _alone(self):
        with self._lock, self._path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self):
        text = self._path.read_text() if self._path.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def _write(self, line):
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT)
        try:
            whole = os.pread(handle, os.fstat(handle).st_size, 0).rfind(b"\n") + 1
            os.ftruncate(handle, whole)
            os.lseek(handle, whole, os.SEEK_SET)
            os.write(handle, line.encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
