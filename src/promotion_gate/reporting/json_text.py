"""JSON for people and programs: indented, in the given order, null for a figure that is undefined."""

import json
import math
import pathlib
from typing import Any


def text(content: Any) -> str:
    """Return JSON of dicts, lists, tuples and plain values; NaN and infinities, for which it has no word, are null."""
    return json.dumps(_defined(content), indent=2, ensure_ascii=False, allow_nan=False)


def write(path: pathlib.Path, content: Any) -> None:
    """Write `text` to a file; its folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(content) + "\n", encoding="utf-8")


def _defined(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _defined(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
