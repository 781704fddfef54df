"""Release notes -> items: the defects that a patch release says it fixes, and how severe each was."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CVE = re.compile(r"CVE-\d{4}-\d{4,}|:cve:`(?:[^`<]*<)?(\d{4}-\d{4,})")
TICKET = re.compile(r":ticket:`(?:[^`<]*<)?#?(\d+)>?`|(?<!\w)#(\d{4,6})\b")
# a regression that the fix of a CVE brought is no vulnerability itself
BROUGHT_BY = re.compile(r"(?:introduced|caused)\s+(?:when|by)\s+(?:fixing|the\s+fix\s+(?:for|of))\s+:cve:`[^`]*`")
UNDERLINE = re.compile(r"([=\-~^])\1{2,}")
RATING = "critical|high|moderate|medium|low"
RATED = re.compile(rf'severity\s+"?({RATING})\b', re.IGNORECASE)
QUOTED_RATING = re.compile(rf'"({RATING})"', re.IGNORECASE)
CORRUPTION = re.compile(r"data[\s-]loss|loss of data|los(?:e|es|ing|t) data|corrupt", re.IGNORECASE)
CRASH = re.compile(r"crash|regress", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One defect in the notes of `version`: its place there (from 1), its text on one line, the notes' introduction."""

    version: str
    place: int
    text: str
    introduction: str = ""

    @property
    def id(self) -> str:
        """The item's readable name, such as `4.2.3#2`."""
        return f"{self.version}#{self.place}"

    @property
    def cves(self) -> tuple[str, ...]:
        """Names of the vulnerabilities that the item mends, in order of appearance."""
        text = BROUGHT_BY.sub("", self.text)
        found = (f"CVE-{match[1]}" if match[1] else match[0] for match in CVE.finditer(text))
        return tuple(dict.fromkeys(found))

    @property
    def tickets(self) -> tuple[str, ...]:
        """Numbers of the tickets that the item closes, in order of appearance."""
        return tuple(dict.fromkeys(match[1] or match[2] for match in TICKET.finditer(self.text)))

    @property
    def key(self) -> str:
        """What makes two items one defect: the same CVE, else the same ticket, else the same words."""
        if self.cves:
            return self.cves[0]
        if self.tickets:
            return f"ticket-{self.tickets[0]}"
        # "regression in Django 4.2" and "in Django 5.0" are the same words for two series
        return " ".join(re.findall(r"[a-z_]{2,}", self.text.lower()))

    @property
    def kind(self) -> str:
        """`cve`, `ticket` or nothing."""
        return "cve" if self.cves else "ticket" if self.tickets else ""


def ratings(text: str) -> set[str]:
    """Return the severity words that a text names."""
    return {word.lower() for word in RATED.findall(text)}


def quoted_ratings(introduction: str) -> set[str]:
    """Return the severity words that an introduction sets in quotes, as in: one with severity "high", two "low"."""
    return {word.lower() for word in QUOTED_RATING.findall(introduction)}


def severity(item: Item) -> str:
    """Grade an item: CVE rated high -> critical; other CVE, data loss, corruption -> high; crash, regression -> medium.

    Anything else is low. The notes' introduction rates all of its CVEs together ("three with severity high, two
    moderate"): it counts only where it names one rating, and the item names none itself.
    """
    if item.cves:
        named = ratings(item.text) or ratings(item.introduction) | quoted_ratings(item.introduction)
        return "critical" if named and named <= {"high", "critical"} else "high"
    if CORRUPTION.search(item.text):
        return "high"
    return "medium" if CRASH.search(item.text) else "low"


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (heading, lines) of a note, its title with the introduction first; headings are underlined lines."""
    lines = text.splitlines()
    heading = ""
    body: list[str] = []
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if line.strip() and not line.startswith(" ") and _underlines(following) and not _underlines(line):
            if heading or any(map(str.strip, body)):
                yield heading, body
            heading, body = line.strip(), []
        elif not _underlines(line):
            body.append(line)
    yield heading, body


def _underlines(line: str) -> bool:
    return UNDERLINE.fullmatch(line.strip()) is not None


def bullets(lines: list[str]) -> Iterator[str]:
    """Yield the list entries of a section, each on one line; further paragraphs belong to an entry while indented."""
    entry: list[str] = []
    for line in lines:
        if line.startswith("* "):
            if entry:
                yield " ".join(entry)
            entry = [line[2:].strip()]
        elif entry and line.startswith(" "):
            entry.append(line.strip())
        elif line.strip() and entry:
            yield " ".join(entry)
            entry = []
    if entry:
        yield " ".join(entry)


def parse(version: str, text: str) -> list[Item]:
    """Return the items of one release's notes: each section whose heading names a CVE, and each entry of the others."""
    texts: list[str] = []
    introduction = ""
    for place, (heading, lines) in enumerate(sections(text)):
        if CVE.search(heading):
            texts.append(" ".join([heading, *filter(None, map(str.strip, lines))]))
            continue
        if place == 0:
            introduction = " ".join(filter(None, map(str.strip, lines)))
        texts.extend(bullets(lines))
    return [Item(version, place, words, introduction) for place, words in enumerate(texts, 1)]
