"""The hash of a document: the same for equal content, however it was written."""

import hashlib
import json
from typing import Any


def digest(document: Any) -> str:
    """Return the SHA-256, 64 hex digits, of a document's canonical JSON: keys sorted, no spaces, ASCII.

    Args:
        document: plain JSON values without NaN and infinities.
    """
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
