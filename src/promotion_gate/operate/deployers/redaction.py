"""Secrets taken out of a program's output before anything keeps it."""

import os
import re
from collections.abc import Iterable

SECRET_NAME = re.compile(r"token|secret|passw|passphrase|credential|private|apikey|_key\b|_pat\b|auth", re.IGNORECASE)
"""Variables whose names look like this hold secrets, whether declared or not."""

SHORTEST_LINE = 8
"""Bytes; a secret of several lines, a key file, is also looked for line by line, but for shorter lines."""

REDACTED = b"[redacted]"


class Redaction:
    """Replaces secrets in bytes.

    A secret that a program prints in another form, in Base64 or cut into pieces, is not recognised.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = set[bytes]()
        for secret in filter(None, secrets):
            found.add(os.fsencode(secret))
            found.update(line for line in os.fsencode(secret).splitlines() if len(line) >= SHORTEST_LINE)
        self._secrets = sorted(found, key=len, reverse=True)

    @property
    def longest(self) -> int:
        """Bytes of the longest secret, 0 where there is none."""
        return len(self._secrets[0]) if self._secrets else 0

    def tail(self, output: bytes, cut: bool, keep: int) -> str:
        """Return the end of an output, at most `keep` bytes of it, as text without secrets.

        Args:
            output: what was read; where `cut`, at least `keep + longest` bytes of it.
            cut: whether more stood before it: its first bytes may then be the end of a secret.
            keep: bytes.
        """
        for secret in self._secrets:
            output = output.replace(secret, REDACTED)
        if cut and self._secrets:
            output = output[self.longest - 1 :]
        return output[-keep:].decode("utf-8", "replace")
