"""What every stage shares: how it ends, and how it writes."""

import json
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


def write_json(path: pathlib.Path, content: Any) -> None:
    """Write JSON for people and programs: indented, in the given order, no NaN; the folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
