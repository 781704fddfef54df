"""A user's repository, read through a scratch one that borrows its objects.

The scratch repository has its own, empty configuration, no hooks, no attributes, no worktree and no remote: nothing
that the user's repository says about how git shall behave is obeyed. Blobs that are missing (a partial clone, a
snapshot without its large files) get an empty stand-in there, so that the history around them can still be read.
"""

import pathlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from promotion_gate.collect.git import process
from promotion_gate.collect.git.process import GitError
from promotion_gate.errors import InputError

CONFIG = """
[core]
	bigFileThreshold = {max_bytes}
[diff]
	renameLimit = 1000
[mailmap]
	blob = {head}:.mailmap
"""


@dataclass
class Repository:
    """An opened repository.

    `tags` maps the short names of tags that lead to a commit to that commit; `no_commit` are the others. `shallow` are
    the commits whose parents the clone lacks. `absent` are the blobs that are known to be missing.
    """

    name: str
    path: pathlib.Path
    scratch: pathlib.Path
    head: str
    tags: Mapping[str, str]
    no_commit: tuple[str, ...]
    shallow: frozenset[str]
    refs: tuple[str, ...]
    absent: set[str] = field(default_factory=set)

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run git on it. GitError where it failed."""
        return process.run(self.name, self.scratch, *arguments, given=given)

    def fields(self, *arguments: str, given: bytes = b"", stand_ins: bool = False) -> Iterator[bytes]:
        """Yield the NUL-ended fields that git writes. GitError where it failed."""
        return process.fields(self.name, self.scratch, *arguments, given=given, stand_ins=stand_ins)

    def stand_in(self, missing: Collection[str]) -> None:
        """Let an empty blob stand for each of the missing ones."""
        empty = self.run("hash-object", "-w", "-t", "blob", "--stdin").decode().strip()
        self.absent.update(missing)
        lines = [*self.refs, *(f"{empty} refs/replace/{blob}" for blob in self.absent - {empty})]
        (self.scratch / "packed-refs").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def tag_times(self) -> dict[str, int]:
        """Return when each tag was made, seconds since 1970: an annotated tag's own time, else that of its commit."""
        said = self.run("for-each-ref", "--format=%(creatordate:unix) %(refname:strip=2)", "refs/tags").decode()
        pairs = (line.partition(" ") for line in said.splitlines())
        return {tag: int(seconds) for seconds, _, tag in pairs if seconds}


@contextmanager
def opened(name: str, path: pathlib.Path, max_bytes: int) -> Iterator[Repository]:
    """Open a repository (a working tree, its .git, a bare one) for the time of a `with`.

    Args:
        name: of the project, for messages.
        path: of the repository.
        max_bytes: of a file; git takes larger ones for binary and never holds one in memory.

    Raises:
        InputError: there is no repository, or it has no commit.
    """
    git_dir = _git_dir(name, path)
    objects = _absolute(git_dir, _line(name, git_dir, "rev-parse", "--git-path", "objects"))
    shallow = _absolute(git_dir, _line(name, git_dir, "rev-parse", "--git-path", "shallow"))
    form = _line(name, git_dir, "rev-parse", "--show-object-format")
    head = _head(name, git_dir)
    with tempfile.TemporaryDirectory(prefix="promotion-gate-") as folder:
        scratch = pathlib.Path(folder) / "scratch.git"
        process.run(name, scratch, "init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(scratch))
        with (scratch / "config").open("a", encoding="ascii") as config:
            config.write(CONFIG.format(max_bytes=max_bytes, head=head))
        (scratch / "objects" / "info").mkdir(exist_ok=True)
        (scratch / "objects" / "info" / "alternates").write_bytes(_quoted(objects))
        boundary: frozenset[str] = frozenset()
        if shallow.is_file():
            content = shallow.read_text(encoding="ascii")
            (scratch / "shallow").write_text(content, encoding="ascii")
            boundary = frozenset(content.split())
        written = _line(name, git_dir, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags").splitlines()
        commits = _commits(name, scratch, [line.partition(" ")[0] for line in written])
        good = {line.partition(" refs/tags/")[2]: commit for line, commit in zip(written, commits, strict=True)}
        refs = tuple(line for line, commit in zip(written, commits, strict=True) if commit)
        repository = Repository(
            name, path, scratch, head,
            {tag: commit for tag, commit in good.items() if commit},
            tuple(tag for tag, commit in good.items() if not commit),
            boundary, refs,
        )  # fmt: skip
        repository.stand_in(())
        yield repository


def _git_dir(name: str, path: pathlib.Path) -> pathlib.Path:
    if not path.is_dir():
        raise InputError(f"{name}: {path}: no such folder; a git repository is expected")
    full = path.absolute()
    for candidate in (full / ".git", full):
        if candidate.is_file() or (candidate / "HEAD").exists():
            return candidate
    raise InputError(f"{name}: {path}: not a git repository: neither .git nor a bare repository's HEAD is in it")


def _head(name: str, git_dir: pathlib.Path) -> str:
    try:
        return process.run(name, git_dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
    except GitError:
        raise InputError(
            f"{name}: HEAD leads to no commit: the repository is empty, or HEAD names a branch that is not there "
            "(git symbolic-ref HEAD refs/heads/BRANCH mends that)"
        ) from None


def _line(name: str, git_dir: pathlib.Path, *arguments: str) -> str:
    return process.run(name, git_dir, *arguments).decode("utf-8", "surrogateescape").removesuffix("\n")


def _absolute(git_dir: pathlib.Path, told: str) -> pathlib.Path:
    """Git tells paths relative to where it runs, which is here."""
    return pathlib.Path(told).absolute() if told else git_dir


def _quoted(path: pathlib.Path) -> bytes:
    text = bytes(str(path), "utf-8", "surrogateescape")
    for plain, written in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n")):
        text = text.replace(plain, written)
    return b'"' + text + b'"\n'


def _commits(name: str, scratch: pathlib.Path, objects: list[str]) -> list[str | None]:
    """The commit that each object leads to, None where it leads to another thing or is missing."""
    if not objects:
        return []
    asked = "".join(f"{one}^{{commit}}\n" for one in objects).encode()
    said = process.run(name, scratch, "cat-file", "--batch-check=%(objectname) %(objecttype)", given=asked).decode()
    return [line.split()[0] if line.endswith(" commit") else None for line in said.splitlines()]
