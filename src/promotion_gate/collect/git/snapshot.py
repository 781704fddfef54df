"""The source files of a release, as its tree has them; what is no module is counted by reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from promotion_gate.collect.git.history import REGULAR
from promotion_gate.collect.git.languages.registry import SUFFIXES
from promotion_gate.collect.git.naming import Naming, plain
from promotion_gate.collect.git.repository import Repository
from promotion_gate.collect.git.skipped import Skipped

MANIFESTS = ("go.mod", "Cargo.toml")
"""Files that say how the code around them is imported."""


@dataclass(frozen=True)
class Snapshot:
    """A release's tree: its source files as path -> blob, the module of each, and manifests as path -> blob."""

    blobs: Mapping[str, str]
    modules: Mapping[str, str]
    manifests: Mapping[str, str]


def take(
    repository: Repository, commit: str, left_out: Callable[[str], bool], naming: Naming, skipped: Skipped
) -> Snapshot:
    """Read the tree of a commit. GitError where a tree is missing."""
    blobs, modules, manifests = {}, {}, {}
    for entry in repository.fields("ls-tree", "-r", "-z", "--full-tree", commit):
        meta, _, raw = entry.partition(b"\t")
        mode, _, blob = meta.decode("ascii").split(" ")
        path = raw.decode("utf-8", "surrogateescape")
        if mode == "160000":
            skipped.add("submodule", path)
        elif mode in REGULAR and path.rpartition("/")[2] in MANIFESTS:
            manifests[path] = blob
        elif path.endswith(SUFFIXES):
            reason, module = _judge(mode, path, left_out, naming)
            if module is None:
                skipped.add(reason, path)
            else:
                blobs[path], modules[path] = blob, module
    return Snapshot(blobs, modules, manifests)


def _judge(mode: str, path: str, left_out: Callable[[str], bool], naming: Naming) -> tuple[str, str | None]:
    """The module of a source file, or None and why it has none."""
    if mode not in REGULAR:
        return "symbolic link", None
    if not plain(path):
        return "name with control characters, over 1024 characters, or not UTF-8", None
    if left_out(path):
        return "left out by a pattern", None
    return "no module in the map", naming(path)
