"""What takes time, told to whoever traces. Nobody does at first: `span` then is a call that does nothing."""

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

Attribute = str | int | float | bool
Opener = Callable[[str, Mapping[str, Attribute]], AbstractContextManager[object]]
"""Opens a span by name and attributes; it ends with the block."""

_NOTHING = contextlib.nullcontext()
_open: Opener | None = None


def span(name: str, **attributes: Attribute) -> AbstractContextManager[object]:
    """Return a block that is traced, if anything is.

    Args:
        name: what is done, in few fixed words: tracers group by it. No names of modules, versions or people.
        attributes: of what. No secrets and no persons.
    """
    return _NOTHING if _open is None else _open(name, attributes)


def trace_with(opener: Opener | None) -> None:
    """Have every span of this process opened by somebody; None: by nobody."""
    global _open
    _open = opener
