"""JaCoCo's XML: lines of source files by package, `ci` instructions of a line that ran and `mi` that did not.

A line counts as covered if any instruction of it ran, as JaCoCo's own pages count it.
"""

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from promotion_gate.collect.coverage_lines import add, by_hits
from promotion_gate.errors import InputError
from promotion_gate.schema import SuiteCoverage


def read(path: str, root: Element) -> Mapping[str, SuiteCoverage]:
    """Read a report by `package/File.java`; of a name that several groups have, by `group:package/File.java`.

    Args:
        path: for messages.
        root: of the report.

    Raises:
        InputError: a source file lacks its name, or a line its number or counts, or no line is there at all.
    """
    hits: dict[str, dict[int, int]] = {}
    try:
        files = list(_files(root, ""))
        groups: dict[str, set[str]] = {}
        for group, file, _ in files:
            groups.setdefault(file, set()).add(group)
        for group, file, element in files:
            name = file if len(groups[file]) == 1 else f"{group}:{file}"
            for line in element.iterfind("line"):
                add(hits, name, int(line.attrib["nr"]), int(line.attrib["ci"]))
        covered = by_hits(hits)
    except (KeyError, ValueError):
        raise InputError(f"{path}: no JaCoCo report: a source file lacks its name, or a line its nr or ci") from None
    if not covered:
        raise InputError(f"{path}: a JaCoCo report without lines; were the classes compiled with debug information?")
    return covered


def _files(element: Element, group: str) -> Iterator[tuple[str, str, Element]]:
    """Group, path and element of each source file; groups may lie in groups."""
    for inner in element.iterfind("group"):
        yield from _files(inner, f"{group}{'/' if group else ''}{inner.attrib['name']}")
    for package in element.iterfind("package"):
        for source in package.iterfind("sourcefile"):
            yield group, "/".join(part for part in (package.attrib["name"], source.attrib["name"]) if part), source
