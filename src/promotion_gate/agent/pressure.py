"""Linux's pressure stall information: `/proc/pressure` (Documentation/accounting/psi.rst)."""

import pathlib
import re

RESOURCES = ("cpu", "memory", "io")
_SOME = re.compile(r"^some avg10=([0-9]+\.[0-9]+) ", re.MULTILINE)


def pressures(folder: pathlib.Path) -> dict[str, float] | None:
    """Return the share of the last 10 s in which some task waited, by resource; None where the kernel tells none."""
    found = {}
    for resource in RESOURCES:
        try:
            told = _SOME.search((folder / resource).read_text(encoding="ascii"))
        except (OSError, ValueError):  # not built in, or switched off: then reading fails
            continue
        if told:
            found[resource] = float(told[1]) / 100
    return found or None
