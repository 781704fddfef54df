"""The history of a repository from one pass of `git log`: who changed how many lines of which file, when, and why.

Merge commits come without changes: what they bring is counted where it was made, once. Line counts are git's own
(Myers' algorithm), renames those that git finds at its usual 50 % of likeness.
"""

import hashlib
import hmac
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tqdm import tqdm

from promotion_gate.collect.git.process import GitError
from promotion_gate.collect.git.repository import Repository
from promotion_gate.errors import InputError

FORMAT = "--format=%x01%H%x00%P%x00%ct%x00%aN%x00%aE%x00%B%x00"
ORDER = ("--topo-order", "--reverse", "--full-history", "--sparse")
"""Parents first, and every commit: without the last two, git would leave out those that touch none of the paths."""

REGULAR = ("100644", "100755", "100664")
ABSENT = re.compile(r"unable to read [0-9a-f]{40,64}$")
"""What git says where a blob is missing; of a tree it says more."""

LAST_SECOND = 253_402_300_799
"""Of the year 9999."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a commit did to a file.

    `status` is git's letter: A added, M modified, D deleted, R renamed (from `old_path`), T its type changed. `added`
    and `deleted` are lines, None where git counts none: a binary file, one over the size limit, a missing blob.
    """

    path: str
    old_path: str | None
    status: str
    added: int | None
    deleted: int | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its parents' hashes, when it was committed (seconds since 1970), the author as a salted hash.

    `bot` says that its author's name or address fits a pattern for bots. `files` are changes of source files; a merge
    commit has none.
    """

    sha: str
    parents: tuple[str, ...]
    time: int
    author: str
    bot: bool
    message: str
    files: tuple[FileChange, ...]


@dataclass(frozen=True)
class Authors:
    """Authors as hashes keyed with a salt that is never written down: equal within a run, meaningless outside it."""

    bots: tuple[str, ...]
    salt: bytes

    @classmethod
    def salted(cls, bots: Iterable[str]) -> "Authors":
        """Return one with a fresh, random salt."""
        return cls(tuple(pattern.lower() for pattern in bots), secrets.token_bytes(32))

    def hash(self, name: str, address: str) -> str:
        """Return an author's hash, 16 hexadecimal digits; the address tells authors apart, the name where it lacks."""
        known = (address or name).strip().lower().encode("utf-8", "surrogateescape")
        return hmac.new(self.salt, known, hashlib.sha256).hexdigest()[:16]

    def is_bot(self, name: str, address: str) -> bool:
        """Say whether name or address fits a pattern for bots."""
        known = (name.lower(), address.lower())
        return any(fnmatchcase(one, pattern) for pattern in self.bots for one in known)


def count(repository: Repository, tips: Iterable[str]) -> int:
    """Return how many commits the tips lead to. GitError where a commit is missing."""
    given = "".join(f"{tip}\n" for tip in tips).encode()
    return int(repository.run("rev-list", "--count", "--stdin", given=given))


def read(
    repository: Repository, tips: Iterable[str], suffixes: Iterable[str], authors: Authors, bar: "tqdm[Any]"
) -> list[Commit]:
    """Return the commits that the tips lead to, parents before children, from one pass of `git log`.

    Where a blob is missing git stops; then all missing ones are looked up, an empty one stands for each, and the pass
    begins again: their changes count no lines.

    Args:
        repository: opened; blobs found missing on the way are added to its `absent`.
        tips: hashes of commits.
        suffixes: of source files (".py"); changes of other files are not read at all.
        authors: hashes them.
        bar: shows the progress, one a commit.

    Raises:
        InputError: a commit or a tree is missing.
    """
    asked = "".join(f"{tip}\n" for tip in tips) + "--\n" + "".join(f"*{suffix}\n" for suffix in sorted(suffixes))
    diffs = ("--raw", "--numstat", "-M", "--no-ext-diff", "--no-textconv", "--no-color")

    def attempt() -> list[Commit]:
        return list(_counted(bar, _commits(repository, _fields(repository, asked, *diffs, FORMAT), authors)))

    try:
        return attempt()
    except GitError as error:
        if not ABSENT.search(error.said):
            raise _explained(error) from None
    try:
        repository.stand_in(missing_blobs(repository, asked))
        bar.reset()
        return attempt()
    except GitError as error:
        raise _explained(error) from None


def missing_blobs(repository: Repository, asked: str) -> set[str]:
    """Return the hashes of the blobs of source files that the repository lacks, over its whole history."""
    blobs: set[str] = set()
    for one in _fields(repository, asked, "--raw", "--no-renames", "--format="):
        if one.lstrip(b"\n").startswith(b":"):
            old_mode, new_mode, old, new, _ = one.lstrip(b"\n")[1:].decode("ascii", "replace").split(" ", 4)
            blobs |= {blob for mode, blob in ((old_mode, old), (new_mode, new)) if mode in REGULAR}
    given = "".join(f"{blob}\n" for blob in sorted(blobs)).encode()
    said = repository.run("cat-file", "--batch-check=%(objectname)", given=given).decode()
    return {line.split()[0] for line in said.splitlines() if line.endswith(" missing")}


def _fields(repository: Repository, asked: str, *options: str) -> Iterator[bytes]:
    always = ("-z", "--no-abbrev", "--diff-merges=off", "--encoding=UTF-8", "--stdin")
    return repository.fields("log", *ORDER, *always, *options, given=asked.encode(), stand_ins=True)


def _counted(bar: "tqdm[Any]", commits: Iterable[Commit]) -> Iterator[Commit]:
    for commit in commits:
        bar.update()
        yield commit


def _explained(error: GitError) -> InputError:
    advice = "the history is not whole here; fetch it again without a filter that leaves out trees or commits"
    return InputError(f"{error}: {advice}")


def _seconds(field: bytes) -> int:
    """The seconds since 1970 of a commit; one whose time cannot be read was made then."""
    return int(field) if field.isdigit() and int(field) <= LAST_SECOND else 0


def _text(field: bytes) -> str:
    return field.decode("utf-8", "surrogateescape")


def _commits(repository: Repository, fields: Iterator[bytes], authors: Authors) -> Iterator[Commit]:
    """Parse what `git log -z --raw --numstat` writes in `FORMAT`; a path is never taken for anything else."""
    head = next(fields, None)
    while head is not None:
        sha = head[1:].decode("ascii")
        parents, time, name, address, message = (next(fields) for _ in range(5))
        next(fields)  # what ends a commit's text
        changes: dict[bytes, FileChange] = {}
        head = next(fields, None)
        while head is not None and not head.startswith(b"\x01"):
            _add(changes, head.removeprefix(b"\n"), fields, repository.absent)
            head = next(fields, None)
        who = _text(name), _text(address)
        yield Commit(
            sha, tuple(parents.decode("ascii").split()), _seconds(time), authors.hash(*who), authors.is_bot(*who),
            message.decode("utf-8", "replace").strip("\n"), tuple(changes.values()),
        )  # fmt: skip


def _add(changes: dict[bytes, FileChange], head: bytes, fields: Iterator[bytes], absent: set[str]) -> None:
    """Add a raw entry (":modes hashes status") to a commit's changes, or the line counts of one that is there."""
    if head.startswith(b":"):
        old_mode, new_mode, old, new, letter = head[1:].decode("ascii").split(" ")
        path = next(fields)
        old_path, path = (path, next(fields)) if letter[0] in "RC" else (None, path)
        status = _status(letter[0], old_mode in REGULAR, new_mode in REGULAR)
        if status:
            known = not absent & {old, new}
            counts = 0 if known else None
            changes[path] = FileChange(
                sys.intern(_text(path)),
                None if old_path is None else sys.intern(_text(old_path)),
                status,
                counts,
                counts,
            )
        return
    added, deleted, path = head.split(b"\t", 2)
    if not path:
        next(fields)
        path = next(fields)
    change = changes.get(path)
    if change is not None and change.added is not None:
        lines = (None, None) if added == b"-" else (int(added), int(deleted))
        changes[path] = FileChange(change.path, change.old_path, change.status, *lines)


def _status(letter: str, was: bool, is_: bool) -> str | None:
    """The status as far as regular files go: a link that becomes a file is added, links and submodules are nothing."""
    if was and is_:
        return "M" if letter == "T" else letter
    return "A" if is_ else "D" if was else None
