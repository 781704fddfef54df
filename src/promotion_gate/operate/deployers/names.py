"""Names of modules and versions as names of folders: injective, and none can lead out of the folder it is in.

The percent-encoding of URLs (RFC 3986, all but letters, digits and - . _ ~), a leading dot encoded too: no slash, no
control character, no `..` and no hidden file is left. On a file system that ignores case two names can still be one.
"""

import hashlib
from urllib.parse import quote, unquote

from promotion_gate.operate.deployers.protocol import DeployError

LONGEST = 180
"""Bytes of a folder name that are the name itself; file systems take 255."""


def module_folder(module: str) -> str:
    """Return the folder name of a module; of a long one its beginning and its SHA-256. DeployError: it is empty."""
    name = _encoded("module", module)
    if len(name) <= LONGEST:
        return name
    # No encoded name holds `%-`: what is shortened never equals what is not.
    return f"{name[:LONGEST]}%-{hashlib.sha256(name.encode()).hexdigest()}"


def version_folder(version: str) -> str:
    """Return the folder name of a version, see `version_of`. DeployError: it is empty or longer than 180 encoded."""
    name = _encoded("version", version)
    if len(name) > LONGEST:
        raise DeployError(f"version {version[:40]!r}...: longer than {LONGEST} bytes once encoded; name it shorter")
    return name


def version_of(folder: str) -> str:
    """Return the version that a folder name stands for."""
    return unquote(folder, errors="surrogatepass")


def _encoded(kind: str, name: str) -> str:
    if not name:
        raise DeployError(f"the {kind} has no name")
    encoded = quote(name, safe="", errors="surrogatepass")
    return "%2E" + encoded[1:] if encoded.startswith(".") else encoded
