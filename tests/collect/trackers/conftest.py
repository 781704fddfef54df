import json
import pathlib
from collections.abc import Callable

import pytest

from promotion_gate.collect.git import settings
from promotion_gate.collect.trackers import reading
from promotion_gate.collect.trackers.issue import Export
from tests.collect.git.conftest import built, mine

__all__ = ["built", "mine"]


@pytest.fixture
def read(tmp_path) -> Callable[..., Export]:
    """What an export of this content holds; keywords are sections of the settings, with the keys that differ."""

    def export(content: str | bytes, project: str | None = None, **sections: dict[str, object]) -> Export:
        path, config = tmp_path / "export", tmp_path / "config.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        config.write_text(json.dumps(sections))
        return reading.read(pathlib.Path(path), settings.load(config), project)

    return export
