"""Programs that are not Python packages and that some tests need."""

import os
import pathlib
import shutil

import pytest

STRICT = "PROMOTION_GATE_ALL_PROGRAMS"
"""An environment variable: where it is set, as in .ci/run, a test fails that would be skipped for a missing program."""


def program(name: str, debian: str) -> pathlib.Path:
    """Return where a program is; where it is missing the test is skipped with a line that says what to install.

    Args:
        name: of the program.
        debian: the Debian package that has it.
    """
    found = shutil.which(name)
    if found:
        return pathlib.Path(found)
    missing = f"{name} is not installed (Debian: apt-get install {debian})"
    if os.environ.get(STRICT):
        pytest.fail(f"{missing}; {STRICT} is set")
    pytest.skip(missing)
