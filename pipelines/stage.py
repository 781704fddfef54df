"""What every stage shares: how it ends."""

import sys
from collections.abc import Callable
from typing import NoReturn

from promotion_gate.errors import PromotionGateError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and end the process; an error that the user can mend is one line on stderr and its exit code."""
    try:
        main()
    except PromotionGateError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)
