"""What the service will never take, kept for a person to look at: bounded, and never sent again."""

import contextlib
import json
import pathlib

from promotion_gate.agent.segment import SUFFIX

MAX_BYTES = 16 << 20


class Rejected:
    """A folder of batches, each with the service's answer beside it. Beyond the bound the oldest are deleted.

    Args:
        folder: where they are; made by the spool.
        max_bytes: of all of them.
    """

    def __init__(self, folder: pathlib.Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self._max_bytes = folder, max_bytes

    def put(self, name: str, packed: bytes, answer: dict[str, object]) -> None:
        """Keep a batch and its answer, as far as the disk takes them: what is wrong with it is in the log as well."""
        with contextlib.suppress(OSError):
            (self.folder / f"{name}{SUFFIX}").write_bytes(packed)
            (self.folder / f"{name}.answer.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
            self._trim()

    def _trim(self) -> None:
        kept = 0
        for path in sorted(self.folder.iterdir(), key=lambda one: one.stat().st_mtime_ns, reverse=True):
            kept += path.stat().st_size
            if kept > self._max_bytes:
                path.unlink()
