"""The bundle: all that a decision needs of a registered model, in one folder whose manifest holds every file's hash.

manifest.json    names and versions, the policy and impact sections, the files' hashes
model/           booster.ubj and model.json
scores.json      every module of the newest release, scored
tables/          the tables of the data set, for modules that are scored with figures of their own
"""

import contextlib
import hashlib
import json
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from promotion_gate.errors import ModelError

MANIFEST = "manifest.json"
FORMAT = 2
"""Of the files in a bundle; it rises when an older one cannot be served any more. 2: scores with contributions."""


class Manifest(BaseModel):
    """What a bundle is. The version and the run are None until a registry has given them.

    Attributes:
        model_name: name of the registered model.
        model_version: name and version, `failure-impact/3`.
        run_id: the registry's run that logged it.
        data_hash: hash of the raw tables it was learnt from.
        policy_version: content hash of `policy` and `impact`.
        policy: the section of params.yaml, as plain JSON.
        impact: likewise.
        files: SHA-256 of every other file, by its path within the bundle.
        format: of the files, see `FORMAT`; bundles before the second did not say.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    model_name: str
    model_version: str | None = None
    run_id: str | None = None
    data_hash: str
    policy_version: str
    policy: dict[str, Any]
    impact: dict[str, Any]
    files: dict[str, str]
    format: int = 1


def sha256(path: pathlib.Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(folder: pathlib.Path, sources: Mapping[str, pathlib.Path], described: Mapping[str, Any]) -> Manifest:
    """Copy files into a new bundle and write its manifest.

    Args:
        folder: the bundle, made if missing.
        sources: where each file comes from, by its path within the bundle.
        described: the manifest's other fields.

    Raises:
        ModelError: a source is missing.
    """
    for name, source in sources.items():
        if not source.is_file():
            raise ModelError(f"{source}: no such file; run `dvc repro` first")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    manifest = Manifest(**described, format=FORMAT, files={name: sha256(folder / name) for name in sorted(sources)})
    save(folder, manifest)
    return manifest


def save(folder: pathlib.Path, manifest: Manifest) -> None:
    """Write the manifest of a bundle."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: pathlib.Path) -> Manifest:
    """Read the manifest of a bundle; the files are not looked at.

    Raises:
        ModelError: there is none, it cannot be read, or it is of a bundle that this version cannot serve.
    """
    try:
        manifest = Manifest.model_validate(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelError(f"{folder / MANIFEST}: no such file; register a model first: `make repro`") from None
    except (ValueError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{folder / MANIFEST}: no manifest: {reason:.200}") from None
    if manifest.format != FORMAT:
        said = f"written by another version of promotion-gate (format {manifest.format}, expected {FORMAT})"
        raise ModelError(f"{folder}: {said}; train and register again: `make repro`")
    return manifest


def verify(folder: pathlib.Path) -> Manifest:
    """Read the manifest and check every file against its hash.

    Raises:
        ModelError: a file is missing or is not the one that was registered.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: missing from the bundle; fetch it anew: `make champion`")
        if sha256(path) != expected:
            raise ModelError(f"{path}: not the file that was registered (its hash differs); fetch it: `make champion`")
    return manifest


@contextlib.contextmanager
def replacing(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give an empty folder that takes the place of `folder` at the end, whole; on an error nothing changes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as room:
        fresh, old = pathlib.Path(room, "new"), pathlib.Path(room, "old")
        fresh.mkdir()
        yield fresh
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
