"""Which languages are read: endings of their files, how their imports are found and where these lead."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from promotion_gate.collect.git.languages import c, golang, javascript, jvm, python, rust
from promotion_gate.collect.git.languages.parsed import Parsed

Extract = Callable[[bytes], Parsed]


@dataclass(frozen=True)
class Language:
    """A language: its family, within which files import one another, and its reader of imports, if there is one."""

    family: str
    extract: Extract | None = None


LANGUAGES: Mapping[str, Language] = {
    ".py": Language("python", python.extract),
    ".java": Language("jvm", jvm.java),
    ".scala": Language("jvm", jvm.scala),
    ".kt": Language("jvm", jvm.kotlin),
    ".ts": Language("javascript", javascript.typescript),
    ".tsx": Language("javascript", javascript.javascript),
    ".js": Language("javascript", javascript.javascript),
    ".jsx": Language("javascript", javascript.javascript),
    ".mjs": Language("javascript", javascript.javascript),
    ".cjs": Language("javascript", javascript.javascript),
    ".go": Language("go", golang.extract),
    ".rs": Language("rust", rust.extract),
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp"), Language("c", c.extract)),
    ".cs": Language("csharp"),
    ".rb": Language("ruby"),
}
"""By ending. All are read by lizard; languages without a reader of imports have no edges."""

SUFFIXES = tuple(LANGUAGES)


def suffix(path: str) -> str:
    """Return a source file's ending, with its dot."""
    return "." + path.rpartition(".")[2]
