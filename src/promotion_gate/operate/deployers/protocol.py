"""What a deployer is: three calls that put a version of a module on a level, put one back, and say what runs.

A deployer serves one project on one level. It is found by entry point, see `discovery`; docs/deployers.md tells how to
write one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from promotion_gate.errors import InputError, PromotionGateError

KEY = re.compile(r"[A-Za-z0-9._:-]{1,200}")
"""What a key is made of: it must fit a header, a file and an environment variable as it is."""

LastStable = Callable[[str], str | None]
"""Module -> the version that the ledger knows as its last stable one, None where there is none."""


class DeployError(PromotionGateError):
    """A deployer could not do what it was asked, or could not find out: one line, without secrets."""

    exit_code = 4


@dataclass(frozen=True)
class Deployed:
    """What a call led to.

    Attributes:
        module: as it was named.
        version: what runs now, as far as the deployer can tell; `status` is what verifies it.
        changed: whether this call changed something; False where the key was done before or the version ran already.
        detail: one line for people.
    """

    module: str
    version: str
    changed: bool
    detail: str


@dataclass(frozen=True)
class Status:
    """What runs: `version` is None where nothing does or it cannot be told; `detail` is one line for people."""

    version: str | None
    healthy: bool
    detail: str


class Deployer(Protocol):
    """Puts versions of a project's modules on a level, production for one.

    Each call ends within a time of the deployer's own choosing. `deploy` and `restore` are idempotent by `key`: a call
    whose key was done before changes nothing and says so, even if another version has been deployed since; a call
    that failed or was cut off may be made again with its key. A key names one action, module and version.
    """

    def deploy(self, module: str, version: str, key: str) -> Deployed:
        """Put a version on the level. DeployError where it could not."""

    def restore(self, module: str, version: str, key: str) -> Deployed:
        """Put back a version that ran before; it may be long ago. DeployError where it could not."""

    def status(self, module: str) -> Status:
        """Say what runs now. DeployError where that could not be found out."""


class Factory(Protocol):
    """What an entry point of the group names: makes a deployer of what stands in the deployers file."""

    def __call__(self, settings: Any, where: str, last_stable: LastStable) -> Deployer:
        """Return the deployer.

        Args:
            settings: the place's section of the file without `kind`, plain YAML values.
            where: file, project and level, what an error's line is to begin with.
            last_stable: of the modules of this place.

        Raises:
            InputError: the settings are wrong.
        """


def check_key(key: str) -> None:
    """Raise InputError where a key cannot be used as one."""
    if not KEY.fullmatch(key):
        raise InputError(f"key {key!r:.80}: 1 to 200 letters, digits and . _ : - are expected")
