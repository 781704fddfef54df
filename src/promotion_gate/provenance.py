"""Where a model comes from: the code that ran and the parameters that it ran with, as flat text."""

import hashlib
import importlib.metadata
import json
import os
import pathlib
import subprocess
from collections.abc import Mapping
from typing import Any

from promotion_gate.bundle import sha256

PACKAGE = pathlib.Path(__file__).parent


def code_tags(workspace: pathlib.Path) -> dict[str, str]:
    """Return the commit, whether tracked files differ, dvc.lock's hash, the experiment; what is unknown is left out."""
    lock = workspace / "dvc.lock"
    # What a run of the stages itself writes is no change of the code.
    changed = _git(workspace, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!reports")
    found = {
        "git_commit": _git(workspace, "rev-parse", "HEAD"),
        "git_dirty": None if changed is None else str(bool(changed)).lower(),
        "dvc_lock_sha256": sha256(lock) if lock.is_file() else None,
        "dvc_experiment": os.environ.get("DVC_EXP_NAME"),
    }
    return {key: value for key, value in found.items() if value is not None}


def installed_code() -> tuple[str, str]:
    """Return the version of the installed distribution, and the SHA-256 of its source files, names included."""
    whole = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        whole.update(f"{path.relative_to(PACKAGE).as_posix()} {sha256(path)}\n".encode())
    return importlib.metadata.version("promotion-gate"), whole.hexdigest()


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested sections as dotted keys; lists and plain values as JSON."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and value
        found |= flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": json.dumps(value)}
    return found


def _git(workspace: pathlib.Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(workspace), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
