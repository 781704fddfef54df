"""Import edges between the modules of a release, and why the other imports are none."""

from collections import Counter
from collections.abc import Mapping

from promotion_gate.collect.git.languages import c, golang, javascript, jvm, python, rust
from promotion_gate.collect.git.languages.parsed import Parsed
from promotion_gate.collect.git.languages.registry import LANGUAGES, suffix
from promotion_gate.collect.git.languages.resolved import Resolved

RESOLVERS = {"python": python.resolve, "jvm": jvm.resolve, "javascript": javascript.resolve, "c": c.resolve}


def edges(
    parsed: Mapping[str, Parsed], modules: Mapping[str, str], manifests: Mapping[str, bytes], unresolved: Counter[str]
) -> set[tuple[str, str]]:
    """Return the (module, depends_on) pairs of a release; a module's imports of its own files are none.

    Args:
        parsed: what each module file says of imports.
        modules: the module of each file.
        manifests: contents of go.mod and Cargo.toml files, by path.
        unresolved: gets the number of imports without an edge, as "family: reason".
    """
    families: dict[str, dict[str, Parsed]] = {}
    for path in sorted(parsed):
        families.setdefault(LANGUAGES[suffix(path)].family, {})[path] = parsed[path]
    found: set[tuple[str, str]] = set()
    for family, files in sorted(families.items()):
        resolved = _resolve(family, files, manifests)
        found |= {(modules[one], modules[two]) for one, two in resolved.edges if modules[one] != modules[two]}
        unresolved.update({f"{family}: {reason}": count for reason, count in resolved.unresolved.items()})
    return found


def _resolve(family: str, files: Mapping[str, Parsed], manifests: Mapping[str, bytes]) -> Resolved:
    if family == "go":
        return golang.resolve(files, golang.modules(_named("go.mod", manifests)))
    if family == "rust":
        return rust.resolve(files, rust.crates(_named("Cargo.toml", manifests)))
    return RESOLVERS[family](files)


def _named(name: str, manifests: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in manifests.items() if path.rpartition("/")[2] == name}
