"""A file that grows and is rotated, read on from where reading ended: by inode and offset, over a restart as well."""

import hashlib
import os
import pathlib
from dataclasses import dataclass, field
from typing import BinaryIO

MOST = 8 << 20
"""Bytes of a look, and of a line; what is beyond waits for the next look."""

HEAD = 256


@dataclass(frozen=True)
class Place:
    """Where reading ended.

    Attributes:
        inode: of the file; inodes are used again.
        offset: of the first byte that was not read, the beginning of a line.
        head: digest of the file's first bytes, `HEAD` of them or `offset`: a file that was cut may have grown since.
    """

    inode: int
    offset: int
    head: str


@dataclass
class Tail:
    """What a look at a file brought.

    Attributes:
        place: where it ended; None where there is no file yet.
        lines: whole ones, without their ends.
        lost: how often something was written that could not be read: the file is gone, or a line longer than `MOST`.
    """

    place: Place | None
    lines: list[bytes] = field(default_factory=list)
    lost: int = 0


def end(path: pathlib.Path) -> Place | None:
    """Return the end of the file's last whole line, None where there is no file. OSError where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size - MOST)
            file.seek(start)
            whole = file.read(MOST).rfind(b"\n") + 1
            return _place(file, start + whole if whole else size)
    except FileNotFoundError:
        return None


def read(path: pathlib.Path, place: Place | None) -> Tail:
    """Return what was written since `place`, None: since there was no file.

    A file that was rotated is found among its neighbours, the files whose names begin with its own, and read to its end
    before the new one is begun; as long as the new one is empty, its writer may still have the old one open. A file
    that was cut is read from its beginning; what had not been read of it is read in its copy, if there is one.

    Raises:
        OSError: the file cannot be read. One that is not there, as between rename and creation, has no new lines.
    """
    tail = Tail(place)
    try:
        with path.open("rb") as file:
            if place is not None and _is_it(file, place):
                _read_on(file, tail, place.offset)
            elif place is None or _is_finished(path, file, tail, place):
                _read_on(file, tail, 0)
    except FileNotFoundError:
        if place is not None:
            _rest(path, tail, place)
    return tail


def _is_finished(path: pathlib.Path, new: BinaryIO, tail: Tail, place: Place) -> bool:
    """Read the rest of the old file; tell whether it is time for the new one."""
    rest = _rest(path, tail, place)
    if rest is None:
        tail.lost += 1
        return True
    return rest and os.fstat(new.fileno()).st_size > 0


def _rest(path: pathlib.Path, tail: Tail, place: Place) -> bool | None:
    """Read on in the file that was renamed, or in the copy; tell whether its end was reached, None: there is none."""
    for other in sorted(path.parent.glob(f"{path.name}?*")):
        if other.is_file():
            with other.open("rb") as file:
                if _is_it(file, place) or (place.offset >= HEAD and _is_it(file, place, is_copy=True)):
                    return _read_on(file, tail, place.offset)
    return None


def _is_it(file: BinaryIO, place: Place, is_copy: bool = False) -> bool:
    now = os.fstat(file.fileno())
    if now.st_size < place.offset or (now.st_ino != place.inode and not is_copy):
        return False
    return _place(file, place.offset).head == place.head


def _read_on(file: BinaryIO, tail: Tail, offset: int) -> bool:
    """Add the whole lines from `offset` on; tell whether they are all that there are."""
    file.seek(offset)
    found = file.read(MOST - sum(map(len, tail.lines)))
    whole = found.rfind(b"\n") + 1
    if whole:
        tail.lines += found[: whole - 1].split(b"\n")
    elif len(found) == MOST:
        tail.lost += 1
        whole = len(found)
    tail.place = _place(file, offset + whole)
    return offset + len(found) >= os.fstat(file.fileno()).st_size


def _place(file: BinaryIO, offset: int) -> Place:
    file.seek(0)
    head = hashlib.sha256(file.read(min(offset, HEAD))).hexdigest()[:16]
    return Place(os.fstat(file.fileno()).st_ino, offset, head)
