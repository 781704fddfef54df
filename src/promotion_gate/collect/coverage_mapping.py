"""Paths of a coverage report -> module names of the data set. A wrong match would promote on another module's tests."""

import gzip
import pathlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree

from promotion_gate.schema import SuiteCoverage


@dataclass(frozen=True)
class Mapped:
    """Modules with their coverage, and the report's paths that belong to no module, or to no single one."""

    modules: Mapping[str, SuiteCoverage]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]

    def complaint(self, shown: int = 5) -> str | None:
        """Return one line on the files that could not be mapped, None where all could."""
        left = sorted((*self.unknown, *self.ambiguous))
        if not left:
            return None
        total = len(left) + len(self.modules)
        more = f" and {len(left) - shown} more" if len(left) > shown else ""
        twice = f" ({len(self.ambiguous)} of them fit several modules)" if self.ambiguous else ""
        return f"could not map {len(left)} of {total} files{twice}: {', '.join(left[:shown])}{more}"


def source_of(path: str | pathlib.Path) -> str:
    """Return the folder that the names in a Cobertura report are relative to; empty: none, several, or no such report.

    Args:
        path: of a report that `coverage_reports.read` has read, and thereby checked.
    """
    if not pathlib.Path(path).is_file():  # a pipe cannot be read again
        return ""
    try:
        with pathlib.Path(path).open("rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            stream = gzip.GzipFile(fileobj=file) if packed else file
            for _, element in defusedxml.ElementTree.iterparse(stream, events=("end",)):
                if element.tag == "sources":  # stands at the top: no more is read
                    names = [(source.text or "").strip() for source in element.iterfind("source")]
                    return names[0].replace("\\", "/").rstrip("/") if len(names) == 1 else ""
                if element.tag == "class":
                    break
    except (OSError, EOFError, zlib.error, ParseError, ValueError, LookupError):  # JSON, say
        pass
    return ""


def map_to_modules(files: Mapping[str, SuiteCoverage], modules: Iterable[str], source: str = "") -> Mapped:
    """Map a report's paths to module names.

    A path maps to the equal name, else to the longest name that it ends in (`/ci/work/shop/cart.py` to `shop/cart.py`),
    else to the only name that ends in it, if it has two parts or more (a bare `setup.py` ends many names by chance).
    Only whole parts of a path count. A name of one part maps from the equal path alone: `tests/fixtures/setup.py` is no
    `setup.py`. Where several paths fit a module, the equal one wins; without one, none does.

    Args:
        files: what the report says of each path.
        modules: names of the data set.
        source: folder that paths are relative to as well, see `source_of`.
    """
    names = set(modules)
    by_tail: dict[str, list[str]] = {}
    for name in names:
        for tail in _tails(name)[1:]:
            by_tail.setdefault(tail, []).append(name)
    found: dict[str, list[str]] = {}
    unknown, ambiguous = [], []
    for path in files:
        inside = next((tail for tail in _tails(path) if tail in names and "/" in tail), None)
        relative = path.removeprefix(f"{source}/" if source else "").removeprefix("./")
        if inside is None and relative in names:
            inside = relative
        around = by_tail.get(path.removeprefix("./"), []) if inside is None and "/" in path.removeprefix("./") else []
        if inside is None and not around:
            unknown.append(path)
        elif len(around) > 1:
            ambiguous.append(path)
        else:
            found.setdefault(inside or around[0], []).append(path)
    mapped = {}
    for name, paths in found.items():
        best = [path for path in paths if path.removeprefix("./") == name] or paths
        if len(best) == 1:
            mapped[name] = _renamed(files[best[0]], name)
            unknown.extend(path for path in paths if path != best[0])
        else:
            ambiguous.extend(paths)
    return Mapped(mapped, tuple(unknown), tuple(ambiguous))


def _renamed(lines: SuiteCoverage, name: str) -> SuiteCoverage:
    """A file's lines under the module's name: reports from elsewhere, with other paths, mean the same file."""
    if lines.files is None:
        return lines
    return lines.model_copy(update={"files": {name: next(iter(lines.files.values()))}})


def _tails(path: str) -> list[str]:
    """All ends of a path in whole parts, longest first."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ["/".join(parts[start:]) for start in range(len(parts))]
