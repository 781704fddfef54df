"""What a collector is: a function of a window and of what it remembers. One that is late changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from promotion_gate.agent.spans import Span
from promotion_gate.agent.windows import Window

State = dict[str, Any]
"""What a collector remembers from one window to the next: JSON. It is kept with the windows that came of it."""


class CollectError(Exception):
    """A source could not be read; its text is one line. The window is then missing, never zero."""


@dataclass(frozen=True)
class Collected:
    """What a look brought: windows, what to remember if they are kept, and how often something was passed over."""

    windows: list[Window]
    state: State
    passed_over: Mapping[str, int] = field(default_factory=dict)


class Collector(Protocol):
    """Looks at one source."""

    @property
    def name(self) -> str:
        """Of the source, for people: no secret is in it."""

    def collect(self, span: Span, state: State) -> Collected:
        """Look at the source at the end of a window; `state` is empty where nothing is remembered.

        Raises:
            CollectError: it could not be read.
        """
