"""Paths of a coverage report -> module names of the data set. A wrong match would promote on another module's tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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


def map_to_modules(files: Mapping[str, SuiteCoverage], modules: Iterable[str]) -> Mapped:
    """Map a report's paths to module names.

    A path maps to the equal name, else to the longest name that it ends in (`/ci/work/shop/cart.py` to `shop/cart.py`),
    else to the only name that ends in it, if it has two parts or more (a bare `setup.py` ends many names by chance).
    Only whole parts of a path count. Where several paths fit a module, the equal one wins; without one, none does.
    """
    names = set(modules)
    by_tail: dict[str, list[str]] = {}
    for name in names:
        for tail in _tails(name)[1:]:
            by_tail.setdefault(tail, []).append(name)
    found: dict[str, list[str]] = {}
    unknown, ambiguous = [], []
    for path in files:
        inside = next((tail for tail in _tails(path) if tail in names), None)
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
            mapped[name] = files[best[0]]
            unknown.extend(path for path in paths if path != best[0])
        else:
            ambiguous.extend(paths)
    return Mapped(mapped, tuple(unknown), tuple(ambiguous))


def _tails(path: str) -> list[str]:
    """All ends of a path in whole parts, longest first."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ["/".join(parts[start:]) for start in range(len(parts))]
