"""What one source file says by itself: size and complexity, and its imports, or why it could not be measured."""

import contextlib
import io
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from types import FrameType
from typing import Any

from promotion_gate.collect import complexity
from promotion_gate.collect.git.languages.parsed import NotParsed, Parsed
from promotion_gate.collect.git.languages.registry import LANGUAGES

FIGURES = (
    "loc", "cyclomatic_complexity", "max_complexity", "functions", "parameters", "max_parameters", "max_function_loc",
    "tokens",
)  # fmt: skip

PARSERS = ("lizard", "tree-sitter", "tree-sitter-cpp", "tree-sitter-go", "tree-sitter-java", "tree-sitter-kotlin")
MORE_PARSERS = ("tree-sitter-rust", "tree-sitter-scala", "tree-sitter-typescript")

BINARY = "binary content"
TIME = "over the time limit"
UNREADABLE = "the parser failed"


@dataclass(frozen=True)
class Measured:
    """Figures of a file, those in `FIGURES`; None with the reason in `problem`. `parsed` is None without imports."""

    figures: Mapping[str, int] | None
    parsed: Parsed | None
    problem: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Measured":
        """Return what `plain` was made from."""
        parsed = plain["parsed"]
        if parsed is not None:
            imports = tuple(tuple(one) for one in parsed["imports"])
            parsed = Parsed(parsed["package"], tuple(parsed["provides"]), imports)
        return cls(plain["figures"], parsed, plain["problem"])


class _TimeIsUp(BaseException):
    """No Exception, which a parser might take for one of its own."""


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Stop the block with `_TimeIsUp` after so many seconds of work; in a main thread.

    Work, not waiting, is counted: a busy machine measures as a quiet one does.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUp

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def measure(suffix: str, source: bytes, seconds: int) -> Measured:
    """Measure a file; whatever a parser does with it, there is an answer.

    Args:
        suffix: the ending, one of `registry.LANGUAGES`, which tells the language.
        source: its content.
        seconds: that it may take.
    """
    if b"\0" in source[:8000]:  # git's own rule
        return Measured(None, None, BINARY)
    try:
        with limit(seconds):
            return _measure(suffix, source)
    except _TimeIsUp:
        return Measured(None, None, TIME)


def _measure(suffix: str, source: bytes) -> Measured:
    said = io.StringIO()  # where lizard gives up, it says so on the error stream and returns what it has
    try:
        with contextlib.redirect_stderr(said):
            figures = complexity.measure(f"file{suffix}", source.decode("utf-8-sig", "replace"))
    except Exception:  # a parser may fail with anything on a file from outside; it is counted and listed
        return Measured(None, None, UNREADABLE)
    if said.getvalue():
        return Measured(None, None, UNREADABLE)
    extract = LANGUAGES[suffix].extract
    try:
        return Measured(figures, extract(source) if extract else None)
    except NotParsed:
        return Measured(figures, None)


def edition(seconds: int) -> str:
    """Return what results depend on but for the file: the parsers' versions, Python's grammar, the time limit."""
    import sys

    versions = [f"{name} {version(name)}" for name in (*PARSERS, *MORE_PARSERS)]
    return "; ".join(["1", f"python {sys.version_info.major}.{sys.version_info.minor}", *versions, f"{seconds} s"])
