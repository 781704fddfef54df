"""Names that read the same and are not: letters of other scripts that look like Latin ones, dashes, slashes, spaces.

The idea of a skeleton is that of Unicode Technical Standard 39, section 4 ("Confusable Detection"); the table holds
the letters of Cyrillic, Greek and Armenian that cannot be told from Latin ones in most typefaces, not all of the
standard's. Compatibility forms (full width, mathematical, ligatures) are folded by NFKC.

What follows from it:

- Names are compared letter by letter everywhere. A name that looks like a known module's is another module's, with no
  history and no surcharge: it never gets the other's score, and nothing of the other's counts for it.
- A person would take it for the known one, in a review above all. So the service refuses to score or to promote a
  module which the model does not know, but which reads as one that it knows.
- Persons who read the same count as one where two are needed, and no two tokens in force have such names.

Letters that merely resemble one another in one script (l and I, 0 and O) are told apart.
"""

import unicodedata
from collections.abc import Iterable

from promotion_gate.errors import InputError

_LOOKS = {
    "a": "\u0430\u03b1\u0251",
    "c": "\u0441",
    "d": "\u0501",
    "e": "\u0435",
    "g": "\u0261\u0581",
    "h": "\u04bb\u0570",
    "i": "\u0456\u0131\u03b9",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "l": "\u04cf",
    "n": "\u0578",
    "o": "\u043e\u03bf\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0566",
    "s": "\u0455",
    "u": "\u03c5\u057d",
    "v": "\u0475\u03bd",
    "w": "\u051d",
    "x": "\u0445\u03c7",
    "y": "\u0443\u03b3",
    "A": "\u0410\u0391",
    "B": "\u0412\u0392",
    "C": "\u0421",
    "E": "\u0415\u0395",
    "G": "\u050c",
    "H": "\u041d\u0397",
    "I": "\u0406\u0399\u04c0",
    "J": "\u0408",
    "K": "\u041a\u039a",
    "M": "\u041c\u039c",
    "N": "\u039d",
    "O": "\u041e\u039f",
    "P": "\u0420\u03a1",
    "Q": "\u051a",
    "S": "\u0405",
    "T": "\u0422\u03a4",
    "V": "\u0474",
    "W": "\u051c",
    "X": "\u0425\u03a7",
    "Y": "\u04ae\u03a5",
    "Z": "\u0396",
    "/": "\u2044\u2215\u29f8",
    "-": "\u2010\u2012\u2013\u2212",
    "'": "\u2019\u02bc",
}
_TABLE = {ord(other): latin for latin, others in _LOOKS.items() for other in others}

Key = tuple[str, str]
"""Project and module."""


def skeleton(name: str) -> str:
    """Return what a name reads as; two names read the same if theirs are equal."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).translate(_TABLE))


def person(name: str) -> str:
    """Return what a person's name reads as, whatever its case and the spaces around and in it."""
    return " ".join(skeleton(skeleton(name).casefold()).split())


class KnownNames:
    """The modules that a model knows, to find the one that another name reads as.

    Args:
        keys: project and name of each.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = frozenset(keys)
        self._projects = frozenset(project for project, _ in self._keys)
        self._reading = {skeleton(project): project for project in self._projects}
        self._modules = {(skeleton(project), skeleton(module)): module for project, module in self._keys}

    def check(self, project: str, module: str) -> None:
        """Refuse a name that is not known and reads as one that is.

        Raises:
            LookAlike: with the known name, and the letter in which they differ.
        """
        if (project, module) in self._keys:
            return
        read_as = skeleton(project)
        if project not in self._projects and read_as in self._reading:
            raise LookAlike("project", project, self._reading[read_as])
        known = self._modules.get((read_as, skeleton(module)), module)
        if known != module:
            raise LookAlike("module", module, known)


class LookAlike(InputError):  # noqa: N818 - the standard's word
    """A name that a person would take for another one."""

    def __init__(self, what: str, name: str, known: str) -> None:
        differing = (f"U+{ord(one):04X}" for one, other in zip(name, known, strict=False) if one != other)
        where = next(differing, "its length")
        super().__init__(f"the {what} {name!r:.80} is not known and reads as {known!r:.80}: they differ in {where}")
        self.what, self.known = what, known
