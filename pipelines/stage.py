"""What every stage shares: how it ends, and how it writes."""

import json
import math
import pathlib
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from promotion_gate.errors import PromotionGateError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and end the process; an error that the user can mend is one line on stderr and its exit code."""
    try:
        main()
    except PromotionGateError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)


def _defined(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _defined(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_json(path: pathlib.Path, content: Any) -> None:
    """Write JSON for people and programs: indented, in the given order; the folder is made if missing.

    A figure that is undefined (NaN, infinity) is written as null: JSON has no other word for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_defined(content), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
