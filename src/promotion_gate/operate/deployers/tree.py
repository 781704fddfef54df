"""A folder copied whole: synced to disk, regular files and inner links only."""

import os
import pathlib
import shutil
import stat

from promotion_gate.operate.deployers.durable import sync_folder
from promotion_gate.operate.deployers.protocol import DeployError


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a folder to a place where nothing is, and make the copy durable.

    Permissions are kept but for set-user and set-group; the owner may always read, and write to folders.

    Raises:
        DeployError: it holds a link that leads out of it, or something that is neither file, folder nor link.
        OSError: something cannot be read or written.
    """
    try:
        shutil.copytree(source, target, symlinks=True, copy_function=_copy_file)
    except shutil.Error as error:  # a list of (source, target, reason)
        where, _, why = error.args[0][0]
        raise DeployError(f"{where}: cannot be copied: {why}") from None
    # The copy is checked, not the source, which may change under our hands.
    inside = os.path.realpath(target)
    for folder, folders, files in os.walk(target, topdown=False):
        for name in (*folders, *files):
            _check_link(pathlib.Path(folder, name), inside)
        _settle(pathlib.Path(folder))


def remove(path: pathlib.Path) -> None:
    """Remove a folder with all in it, or a file or link; nothing there is no error."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _settle(folder: pathlib.Path) -> None:
    folder.chmod(folder.stat().st_mode & 0o777 | 0o700)
    sync_folder(folder)


def _copy_file(source: str, target: str) -> None:
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as original:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):  # a pipe would block, a device has no end
            raise DeployError(f"{source}: neither a file, a folder nor a link; remove it from the version")
        with pathlib.Path(target).open("xb") as copied:
            shutil.copyfileobj(original, copied)
            copied.flush()
            os.fchmod(copied.fileno(), mode & 0o777 | 0o400)
            os.fsync(copied.fileno())


def _check_link(path: pathlib.Path, inside: str) -> None:
    if not path.is_symlink():
        return
    # Resolved, not compared as text: a link by way of another link can lead out though its text does not.
    leads, written = os.path.realpath(path), path.readlink()
    if written.is_absolute() or os.path.commonpath([leads, inside]) != inside:
        name = os.path.relpath(path, inside)
        raise DeployError(f"{name}: the link leads out of the version, to {str(written)!r}; remove it")
