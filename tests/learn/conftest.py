import pathlib

import pytest

from tests.factories import tiny_tables, write_raw


@pytest.fixture
def raw_folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A valid raw folder; broken in a test as the test likes."""
    return write_raw(tmp_path / "data" / "raw", tiny_tables())
