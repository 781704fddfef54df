"""What a source file says of imports, before it is known what they lead to."""

from dataclasses import dataclass, field

Import = tuple[str, ...]
"""One import, in the words of its language; its resolver reads them."""


@dataclass(frozen=True)
class Parsed:
    """A file's package (Java's, Scala's, Kotlin's, Go's), the names that it declares for others, and its imports."""

    package: str = ""
    provides: tuple[str, ...] = ()
    imports: tuple[Import, ...] = field(default=())


class NotParsed(Exception):  # noqa: N818 - says what the file is
    """A file that the parser of its language does not take at all."""
