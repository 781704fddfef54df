"""What issues commits name. Each kind of tracker has its own way; a name is told apart by its form.

Jira: a key, `ABC-123`, alone or in an address. GitHub: a number after close, fix or resolve (`Fixes #12, #13`, GitHub's
own closing words), the issue's address, and pull requests as GitHub's merges write them. Bugzilla: `Bug 123`,
`b=123`, `PR 123` or `PR c++/123`, `show_bug.cgi?id=123`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

JIRA = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9_]*-[1-9]\d*)(?![A-Za-z0-9])")
BUGZILLA = re.compile(
    r"(?:\bbugs?[ \t]*(?:#|:|no\.?|id)?[ \t]*|\bb=|\bPR[ \t]+(?:[\w+-]+/)?#?|show_bug\.cgi\?id=)(\d{1,9})\b",
    re.IGNORECASE,
)
ADDRESS = r"https?://[\w.-]+(?::\d+)?/"
REFERENCE = rf"(?:(?:{ADDRESS})?[\w.-]+/[\w.-]+(?:/issues/|#)|#|\bGH-)[1-9]\d*"
AND = r"(?:,|,?[ \t]+and|[ \t]*&)[ \t]*"
CLOSING = re.compile(
    rf"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?[ \t]+({REFERENCE}(?:{AND}{REFERENCE})*)",
    re.IGNORECASE,
)
LINKED = re.compile(rf"{ADDRESS}[\w.-]+/[\w.-]+/issues/[1-9]\d*")
PARTS = re.compile(r"(?:([\w.-]+/[\w.-]+)(?:/issues/|#)|#|GH-)([1-9]\d*)", re.IGNORECASE)
MERGED = re.compile(r"\AMerge pull request #(\d+) |\A[^\n]*\(#(\d+)\)\s*$", re.MULTILINE)


def jira(message: str) -> Iterator[str]:
    """Yield the keys in a message, in capitals."""
    return (key.upper() for key in JIRA.findall(message))


def bugzilla(message: str) -> Iterator[str]:
    """Yield the bugs in a message as `bug 123`."""
    return (f"bug {int(number)}" for number in BUGZILLA.findall(message))


def github(message: str) -> Iterator[str]:
    """Yield the issues that a message closes or links, `#12` or `owner/name#12`, and what it merges, `pull 12`."""
    for written in (*CLOSING.findall(message), *LINKED.findall(message)):
        for repository, number in PARTS.findall(written):
            yield f"{repository.lower()}#{number}"
    merged = MERGED.search(message)
    if merged:
        yield f"pull {merged[1] or merged[2]}"


BY_TRACKER: Mapping[str, Callable[[str], Iterable[str]]] = {"jira": jira, "github": github, "bugzilla": bugzilla}
