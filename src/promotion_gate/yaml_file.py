"""YAML files that people write: read safely, a key that is there twice refused, every error one line."""

import pathlib
from typing import Any

import yaml

from promotion_gate.errors import InputError


class _Loader(yaml.SafeLoader):
    """YAML in which no section has a key twice: the last one would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for written, _ in node.value:
            if isinstance(written, yaml.ScalarNode):
                if (written.tag, written.value) in seen:
                    line = written.start_mark.line + 1
                    raise InputError(f"{written.value}: the key is there twice, again in line {line}; remove one")
                seen.add((written.tag, written.value))
        return super().construct_mapping(node, deep)


def read(path: str | pathlib.Path) -> Any:
    """Read a YAML file, whatever it holds.

    Raises:
        InputError: the file is missing, no YAML, or a section has a key twice.
    """
    try:
        return yaml.load(pathlib.Path(path).read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the project's top folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or the 45th of May
        raise InputError(f"{path}: no YAML: {' '.join(str(error).split())}") from None
